#include "frontend/nn/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "frontend/nn/scope_state.h"

namespace gradus::nn {
namespace {

/// Columns on a terminal: UTF-8 continuation bytes take none.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded_to(std::string text, size_t width) {
  const size_t n = width_of(text);
  if (n < width) text.append(width - n, ' ');
  return text;
}

/// Branches of the tree before each layer: "│  └─ ".
std::vector<std::string> branches_of(const std::vector<LayerSummary>& layers) {
  std::vector<std::string> branches(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    for (int depth = 1; depth <= layers[i].depth; ++depth) {
      // Whether a later layer continues the line at this depth.
      bool goes_on = false;
      for (size_t k = i + 1; k < layers.size() && layers[k].depth >= depth; ++k) {
        if (layers[k].depth == depth) {
          goes_on = true;
          break;
        }
      }
      if (depth == layers[i].depth) {
        branches[i] += goes_on ? "├─ " : "└─ ";
      } else {
        branches[i] += goes_on ? "│  " : "   ";
      }
    }
  }
  return branches;
}

/// A table with its columns aligned, the last two at the right.
std::string aligned(const std::vector<std::array<std::string, 5>>& rows) {
  std::array<size_t, 5> widths{};
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c)
      widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      if (c > 0) line += "  ";
      if (c >= 3) line.append(widths[c] - width_of(row[c]), ' ');
      line += c >= 3 ? row[c] : padded_to(row[c], widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string kibibytes(int64_t bytes) {
  return fmt::format("{:.3f} KiB", static_cast<double>(bytes) / 1024);
}

int64_t bytes_of(const std::vector<std::pair<std::string, Type>>& arrays) {
  int64_t bytes = 0;
  for (const auto& [name, type] : arrays)
    bytes += static_cast<int64_t>(type.bytes());
  return bytes;
}

}  // namespace

namespace detail {

Summary summary_of(const detail::ScopeState& described) {
  Summary summary;
  for (const auto& record : described.records) {
    LayerSummary layer{.path = record.is_group ? "" : record.path,
                       .description = record.description,
                       .depth = record.depth,
                       .is_group = record.is_group,
                       .output = record.output};
    for (size_t i : record.params) {
      const auto& spec = described.specs[i];
      layer.params.emplace_back(spec.name, spec.type);
      layer.parameters += spec.type.elements();
    }
    for (size_t i : record.state)
      layer.state.emplace_back(described.specs[i].name, described.specs[i].type);
    summary.layers.push_back(std::move(layer));
  }
  return summary;
}

}  // namespace detail

std::string with_commas(int64_t n) {
  std::string text = std::to_string(n < 0 ? -n : n);
  for (auto i = static_cast<int64_t>(text.size()) - 3; i > 0; i -= 3)
    text.insert(static_cast<size_t>(i), ",");
  return n < 0 ? "-" + text : text;
}

int64_t Summary::parameters() const {
  int64_t n = 0;
  for (const LayerSummary& layer : layers)
    n += layer.parameters;
  return n;
}
int64_t Summary::arrays() const {
  int64_t n = 0;
  for (const LayerSummary& layer : layers)
    n += static_cast<int64_t>(layer.params.size());
  return n;
}
int64_t Summary::bytes() const {
  int64_t n = 0;
  for (const LayerSummary& layer : layers)
    n += bytes_of(layer.params);
  return n;
}
int64_t Summary::state_elements() const {
  int64_t n = 0;
  for (const LayerSummary& layer : layers) {
    for (const auto& [name, type] : layer.state)
      n += type.elements();
  }
  return n;
}

std::string Summary::to_string() const {
  std::vector<std::array<std::string, 5>> rows;
  const auto branches = branches_of(layers);
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerSummary& layer = layers[i];
    const bool empty = layer.params.empty();
    rows.push_back({branches[i] + layer.description, layer.path,
                    layer.output ? gradus::to_string(*layer.output) : "",
                    empty ? "" : with_commas(layer.parameters),
                    empty ? "" : fmt::format("{} B", with_commas(bytes_of(layer.params)))});
  }
  std::string text = aligned(rows);
  text += fmt::format("{} parameters in {} arrays, {}\n", with_commas(parameters()), arrays(),
                      kibibytes(memory()));
  if (const int64_t n = state_elements())
    text += fmt::format("{} numbers of state\n", with_commas(n));
  return text;
}

std::ostream& operator<<(std::ostream& out, const Summary& summary) {
  return out << summary.to_string();
}

Summary summary(const Module& model, const Type& input, SourcePos where) {
  return detail::summary_of(*detail::describe(model, input, Mode::Train, where));
}
Summary summary(const Module& model, const Tensor& example, SourcePos where) {
  return summary(model, example.type(where), where);
}

int64_t parameter_count(const Params& params) {
  int64_t n = 0;
  for (const auto& [name, x] : params)
    n += x.size();
  return n;
}
int64_t parameter_bytes(const Params& params) {
  int64_t n = 0;
  for (const auto& [name, x] : params)
    n += static_cast<int64_t>(x.type().bytes());
  return n;
}

}  // namespace gradus::nn
