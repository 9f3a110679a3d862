#include "frontend/data/loader.h"

#include <fmt/format.h>

namespace gradus::data::detail {

void check_order(const std::vector<int64_t>& order, int64_t items) {
  for (int64_t index : order) {
    if (index >= 0 && index < items) continue;
    throw ValueError({.op = "loader",
                      .what = fmt::format("order names an item that is not there; got {}, expected "
                                          "0 to {}",
                                          index, items - 1)});
  }
}

}  // namespace gradus::data::detail
