// Nodes under construction, value-numbered on insert.
#pragma once

#include <unordered_map>
#include <vector>

#include "compiler/schedule/view.h"

namespace gradus::schedule {

struct NodeInput {
  Access access;
  DType dtype{};
  uint32_t fence = 0;
};

class NodeTable {
 public:
  /// Appends a node (operands and reads come from `inputs`), or finds the equal one.
  int add(Node node, std::vector<NodeInput> inputs);
  /// Appends it in any case.
  int append(Node node, const std::vector<NodeInput>& inputs);

  std::vector<Node> nodes;

 private:
  static void connect(Node& node, const std::vector<NodeInput>& inputs);
  struct Entry {
    int node;
    std::vector<uint32_t> fences;
  };
  std::unordered_multimap<size_t, Entry> numbered_;
};

/// (axis of the source, axis of the reader) for every axis that the read leaves as it is.
std::vector<std::pair<int, int>> identical_axes(const Node& reader, const Node& source,
                                                const Read& read);
/// The reader's axis that the source's axis is identical to; -1 if there is none.
int same_axis(const Read& read, int source_axis);
/// The axis of the source that is the reader's `axis`; -1: none.
int source_axis(const Read& read, int axis);

/// The sum of a product (or of a sum) that nobody else reads becomes a product (a sum) with more
/// reduced axes; what it leaves unread stays in place.
void merge_sums(std::vector<Node>& nodes);
/// Gives the axes of products the order of their readers. Reads must have `same`.
void orient_products(Schedule& schedule);

}  // namespace gradus::schedule
