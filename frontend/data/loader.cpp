#include "frontend/data/loader.h"

#include <fmt/format.h>

namespace gradus::data::detail {

void fail_batch_size(int64_t got) {
  throw ValueError(
      {.op = "loader",
       .what = fmt::format("a batch has at least one item; got a batch size of {}", got)});
}

void fail_order(int64_t index, int64_t items) {
  throw ValueError({.op = "loader",
                    .what = fmt::format("order names an item that is not there; got {}, expected "
                                        "0 to {}",
                                        index, items - 1)});
}

}  // namespace gradus::data::detail
