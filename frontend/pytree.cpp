#include "frontend/pytree.h"

#include <fmt/format.h>

#include "frontend/callable.h"

namespace gradus {
namespace detail {
namespace {

/// Keeps the path while walking.
class PathVisitor : public TreeVisitor {
 public:
  PathVisitor() { wants_paths = true; }

  void enter(PathStep step) override {
    lengths_.push_back(path_.size());
    switch (step.kind) {
      case PathStep::Kind::Field:
        if (!path_.empty()) path_ += '.';
        path_ += step.name;
        break;
      case PathStep::Kind::Index:
        path_ += fmt::format("[{}]", step.index);
        break;
      case PathStep::Kind::Key:
        path_ += fmt::format("[\"{}\"]", step.name);
        break;
    }
  }
  void leave() override {
    path_.resize(lengths_.back());
    lengths_.pop_back();
  }

 protected:
  ~PathVisitor() = default;

  std::string path_;

 private:
  std::vector<size_t> lengths_;
};

class FactVisitor final : public PathVisitor {
 public:
  explicit FactVisitor(std::string path) { path_ = std::move(path); }
  void leaf(Tensor& tensor) override {
    facts.push_back({path_, tensor.is_empty() ? "empty" : gradus::to_string(tensor.type()), false});
  }
  void fixed(std::string_view what, uint64_t bits) override {
    facts.push_back({path_, fmt::format("{} {}", what, static_cast<int64_t>(bits)), true});
  }
  void fixed_text(std::string_view what, std::string_view text) override {
    facts.push_back({path_, fmt::format("{} \"{}\"", what, text), true});
  }

  std::vector<TreeFact> facts;
};

}  // namespace

std::vector<TreeFact> facts_of(TreeRef tree, std::string path) {
  FactVisitor visitor(std::move(path));
  tree.visit(visitor);
  return std::move(visitor.facts);
}

std::vector<Tensor*> leaves_of(TreeRef tree) {
  struct final_visitor final : TreeVisitor {
    std::vector<Tensor*> leaves;
    void leaf(Tensor& tensor) override { leaves.push_back(&tensor); }
  } visitor;
  tree.visit(visitor);
  return std::move(visitor.leaves);
}

std::vector<std::string> paths_of(TreeRef tree) {
  std::vector<std::string> paths;
  for (TreeFact& fact : facts_of(tree, {})) {
    if (!fact.is_static) paths.push_back(std::move(fact.path));
  }
  return paths;
}

void assign_leaves(std::span<const TreeRef> trees, std::span<const Tensor> leaves) {
  struct Assign final : TreeVisitor {
    std::span<const Tensor> leaves;
    size_t next = 0;
    void leaf(Tensor& tensor) override { tensor = leaves[next++]; }
  } visitor;
  visitor.leaves = leaves;
  for (const TreeRef& tree : trees)
    tree.visit(visitor);
  GRADUS_CHECK(visitor.next == leaves.size());
}

void assign_leaves(TreeRef tree, std::span<const Tensor> leaves, SourcePos where) {
  const size_t expected = leaves_of(tree).size();
  if (expected != leaves.size()) {
    throw ValueError(Message{
        "tree_unflatten",
        fmt::format("another number of leaves; got {}, expected {}", leaves.size(), expected),
        where, "give one tensor for each leaf"});
  }
  assign_leaves(std::span(&tree, 1), leaves);
}

void expect_same_structure(const char* op, TreeRef expected, TreeRef got, size_t argument,
                           SourcePos where) {
  const auto left = facts_of(expected, {}), right = facts_of(got, {});
  const auto reject = [&](const std::string& path, const std::string& a, const std::string& b) {
    throw ValueError(Message{op,
                             fmt::format("trees differ in structure at {}; got {} in tree {}, "
                                         "expected {}",
                                         path.empty() ? "the top" : path, b, argument, a),
                             where, "give trees of the same structure"});
  };
  for (size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    if (i >= left.size()) reject(right[i].path, "nothing more", "a leaf");
    if (i >= right.size()) reject(left[i].path, "a leaf", "nothing more");
    if (left[i].path != right[i].path) reject(left[i].path, left[i].path, right[i].path);
    if (left[i].is_static != right[i].is_static ||
        (left[i].is_static && left[i].text != right[i].text)) {
      reject(left[i].path, left[i].text, right[i].text);
    }
  }
}

}  // namespace detail

TreeStructure::TreeStructure(TreeRef tree) {
  for (auto& fact : detail::facts_of(tree, {})) {
    if (fact.is_static) {
      fixed_.push_back(fact.path + (fact.path.empty() ? "" : " ") + fact.text);
    } else {
      paths_.push_back(std::move(fact.path));
    }
  }
}

std::string TreeStructure::to_string() const {
  std::string text = "{";
  for (const auto* part : {&paths_, &fixed_}) {
    for (const std::string& item : *part)
      text += (text.size() > 1 ? ", " : "") + item;
  }
  return text + "}";
}

}  // namespace gradus
