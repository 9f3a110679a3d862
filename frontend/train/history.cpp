#include "frontend/train/history.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

namespace gradus::train {
namespace {

const double* find(const Metrics& metrics, std::string_view name) {
  const auto it = std::ranges::find(metrics, name, &Metrics::value_type::first);
  return it == metrics.end() ? nullptr : &it->second;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

[[noreturn]] void fail_line(size_t line, const std::string& what) {
  throw DataError({.op = "history",
                   .what = fmt::format("line {} of the table {}", line + 1, what),
                   .remedy = "use a file that save_history or a checkpoint wrote"});
}

template <class T>
T number(std::string_view text, size_t line) {
  T value{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) {
    fail_line(line, fmt::format("holds no number where one is expected; got '{}'", text));
  }
  return value;
}

}  // namespace

bool History::Row::has(std::string_view name) const {
  return find(metrics, name) != nullptr;
}

double History::Row::operator[](std::string_view name) const {
  if (const double* value = find(metrics, name)) return *value;
  std::string known;
  for (const auto& [other, value] : metrics)
    known += (known.empty() ? "" : ", ") + other;
  throw ValueError({.op = "history",
                    .what = fmt::format("no such metric; got '{}', expected one of {}", name,
                                        known.empty() ? "(none)" : known),
                    .remedy = "return it from the function that measures an epoch"});
}

void History::add(Row row) {
  if (!rows_.empty() && row.epoch != last().epoch + 1) {
    throw ValueError({.op = "history",
                      .what = fmt::format("epochs follow each other; got {}, expected {}",
                                          row.epoch, last().epoch + 1),
                      .remedy = "add one row for each epoch"});
  }
  for (const auto& [name, value] : row.metrics) {
    if (!name.empty() && name.find_first_of(",\"\r\n") == std::string::npos) continue;
    throw ValueError({.op = "history",
                      .what = fmt::format("a metric's name must fit a table; got '{}'", name),
                      .remedy = "use a name without commas, quotes and line breaks"});
  }
  rows_.push_back(std::move(row));
}

std::vector<double> History::column(std::string_view name) const {
  std::vector<double> numbers;
  for (const Row& row : rows_) {
    const double* value = find(row.metrics, name);
    numbers.push_back(value ? *value : std::numeric_limits<double>::quiet_NaN());
  }
  return numbers;
}

std::vector<std::string> History::names() const {
  std::vector<std::string> names;
  for (const Row& row : rows_) {
    for (const auto& [name, value] : row.metrics) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

std::string History::to_csv() const {
  const auto all = names();
  std::string text = "epoch";
  for (const std::string& name : all)
    text += "," + name;
  text += "\n";
  for (const Row& row : rows_) {
    text += std::to_string(row.epoch);
    for (const std::string& name : all) {
      const double* value = find(row.metrics, name);
      text += value ? fmt::format(",{}", *value) : ",";
    }
    text += "\n";
  }
  return text;
}

History History::from_csv(std::string_view text) {
  if (!text.ends_with('\n')) fail_line(0, "does not end");
  text.remove_suffix(1);
  const auto lines = split(text, '\n');
  const auto names = split(lines[0], ',');
  if (names[0] != "epoch") {
    fail_line(0, fmt::format("begins with '{}', expected 'epoch'", names[0]));
  }
  History history;
  for (size_t i = 1; i < lines.size(); ++i) {
    const auto cells = split(lines[i], ',');
    if (cells.size() != names.size()) {
      fail_line(i, fmt::format("has {} cells, expected {}", cells.size(), names.size()));
    }
    Row row{number<int>(cells[0], i), {}};
    for (size_t k = 1; k < cells.size(); ++k) {
      if (cells[k].empty()) continue;
      row.metrics.emplace_back(std::string(names[k]), number<double>(cells[k], i));
    }
    history.add(std::move(row));
  }
  return history;
}

}  // namespace gradus::train
