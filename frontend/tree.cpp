#include "frontend/tree.h"

namespace gradus::tree {
namespace detail {
namespace {

class PathVisitor final : public TreeVisitor {
 public:
  PathVisitor() { wants_paths = true; }

  void leaf(Tensor&) override { paths.push_back(path_); }
  void enter(PathStep step) override {
    lengths_.push_back(path_.size());
    if (!path_.empty()) path_ += '/';
    if (step.kind == PathStep::Kind::Index) {
      path_ += std::to_string(step.index);
    } else {
      path_ += step.name;
    }
  }
  void leave() override {
    path_.resize(lengths_.back());
    lengths_.pop_back();
  }

  std::vector<std::string> paths;

 private:
  std::string path_;
  std::vector<size_t> lengths_;
};

}  // namespace

std::vector<std::string> paths_of(TreeRef tree) {
  PathVisitor visitor;
  tree.visit(visitor);
  return std::move(visitor.paths);
}

}  // namespace detail
}  // namespace gradus::tree
