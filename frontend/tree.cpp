#include "frontend/tree.h"

#include <algorithm>

#include <fmt/format.h>

#include "frontend/composite.h"
#include "frontend/ops.h"
#include "frontend/transform.h"

namespace gradus::tree {
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

bool is_float_leaf(const Tensor& leaf, SourcePos where) {
  return is_float(leaf.dtype(where));
}

/// The float leaves in the widest of their types.
std::vector<Tensor> floats_of(const std::vector<Tensor>& leaves, SourcePos where) {
  DType dtype = DType::F32;
  for (const Tensor& leaf : leaves) {
    if (is_float_leaf(leaf, where)) dtype = promoted(dtype, leaf.dtype());
  }
  std::vector<Tensor> floats;
  for (const Tensor& leaf : leaves) {
    if (is_float_leaf(leaf, where)) floats.push_back(astype(leaf, dtype));
  }
  return floats;
}

}  // namespace

namespace detail {

std::vector<std::string> paths_of(TreeRef tree) {
  PathVisitor visitor;
  tree.visit(visitor);
  return std::move(visitor.paths);
}

Named named(TreeRef tree, SourcePos where) {
  return partition(
             tree, [](const std::string&, const Tensor&) { return true; }, where)
      .first;
}

std::pair<Named, Named> partition(TreeRef tree, const Predicate& predicate, SourcePos where) {
  std::pair<Named, Named> parts;
  const auto paths = paths_of(tree);
  const auto leaves = gradus::detail::leaves_of(tree);
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (parts.first.contains(paths[i]) || parts.second.contains(paths[i])) {
      throw ValueError(Message{"tree", fmt::format("two leaves have the path \"{}\"", paths[i]),
                               where, "give them different names"});
    }
    Named& part = predicate(paths[i], *leaves[i]) ? parts.first : parts.second;
    part.emplace(paths[i], *leaves[i]);
  }
  return parts;
}

void assign(TreeRef tree, const Named& first, const Named& second, SourcePos where) {
  const auto reject = [&](std::string what, const char* remedy) {
    throw ValueError(Message{"combine", std::move(what), where, remedy});
  };
  std::map<std::string, Tensor*> places;
  const auto paths = paths_of(tree);
  const auto leaves = gradus::detail::leaves_of(tree);
  for (size_t i = 0; i < leaves.size(); ++i)
    places.emplace(paths[i], leaves[i]);
  std::map<std::string, Tensor> given;
  for (const Named* part : {&first, &second}) {
    for (const auto& [path, tensor] : *part) {
      if (!places.contains(path)) {
        reject(fmt::format("the tree has no leaf \"{}\"", path),
               "combine what was partitioned from a tree of this structure");
      }
      if (!given.emplace(path, tensor).second) {
        reject(fmt::format("both parts have the leaf \"{}\"", path), "give every leaf once");
      }
    }
  }
  for (const auto& [path, leaf] : places) {
    const auto it = given.find(path);
    if (it == given.end()) reject(fmt::format("no part has the leaf \"{}\"", path), "give it");
    *leaf = it->second;
  }
}

Tensor ravel(const std::vector<Tensor>& leaves, SourcePos where) {
  if (leaves.empty()) return zeros({0});
  return composite("ravel", where, [&] {
    std::vector<Tensor> vectors;
    DType dtype = leaves[0].dtype(where);
    for (const Tensor& leaf : leaves)
      dtype = promoted(dtype, leaf.dtype(where));
    for (const Tensor& leaf : leaves)
      vectors.push_back(reshape(leaf.dtype() == dtype ? leaf : astype(leaf, dtype), {-1}));
    return vectors.size() == 1 ? vectors[0] : concatenate(vectors);
  });
}

std::vector<Tensor> unravel(const std::vector<Tensor>& like, const Tensor& vector,
                            SourcePos where) {
  if (vector.shape(where) != Shape{elements(like, where)}) {
    throw ShapeError(Message{"unravel",
                             fmt::format("a vector of another length; got {}, expected {} elements",
                                         gradus::to_string(vector.type()), elements(like, where)),
                             where, "give what ravel() made of a tree of these shapes"});
  }
  // The leaves' types come with the leaves: programs are found by them.
  static const auto program = jit(
      [](const Tensor& all, const std::vector<Tensor>& types) {
        std::vector<Tensor> leaves;
        int64_t next = 0;
        for (const Tensor& leaf : types) {
          const Tensor part = slice_axis(all, 0, next, next + leaf.size());
          next += leaf.size();
          leaves.push_back(astype(reshape(part, leaf.shape()), leaf.dtype()));
        }
        return leaves;
      },
      "unravel");
  const gradus::detail::LibraryCall position("unravel", where);
  return program(vector, like);
}

std::vector<Tensor> cast(const std::vector<Tensor>& leaves, DType dtype, SourcePos where) {
  if (!is_float(dtype)) {
    throw DTypeError(Message{"cast", fmt::format("{} is no float type", name_of(dtype)), where,
                             "cast to f32 or f64"});
  }
  std::vector<Tensor> result;
  const gradus::detail::LibraryCall position("cast", where);
  for (const Tensor& leaf : leaves) {
    const bool converts = is_float_leaf(leaf, where) && leaf.dtype() != dtype;
    result.push_back(converts ? astype(leaf, dtype) : leaf);
  }
  return result;
}

std::vector<Tensor> zeros_like(const std::vector<Tensor>& leaves, SourcePos where) {
  std::vector<Tensor> result;
  for (const Tensor& leaf : leaves)
    result.push_back(gradus::zeros_like(leaf, where));
  return result;
}

Tensor inner_product(const std::vector<Tensor>& a, const std::vector<Tensor>& b, SourcePos where) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].shape(where) == b[i].shape(where)) continue;
    throw ShapeError(
        Message{"inner_product",
                fmt::format("leaves of different shapes; got {} and {}",
                            gradus::to_string(a[i].type()), gradus::to_string(b[i].type())),
                where, "give trees of the same shapes"});
  }
  return composite("inner_product", where, [&] {
    Tensor total = 0.0f;
    for (size_t i = 0; i < a.size(); ++i)
      total = total + sum(a[i] * b[i]);
    return total;
  });
}

int64_t elements(const std::vector<Tensor>& leaves, SourcePos where) {
  int64_t total = 0;
  for (const Tensor& leaf : leaves)
    total += leaf.size(where);
  return total;
}

size_t bytes(const std::vector<Tensor>& leaves, SourcePos where) {
  size_t total = 0;
  for (const Tensor& leaf : leaves)
    total += leaf.type(where).bytes();
  return total;
}

std::optional<std::string> first_not_finite(TreeRef tree, SourcePos where) {
  std::vector<Tensor> leaves;
  for (const Tensor* leaf : gradus::detail::leaves_of(tree))
    leaves.push_back(*leaf);
  if (all_finite(leaves, where).item<bool>(where)) return std::nullopt;
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (!all_finite({leaves[i]}, where).item<bool>(where)) return paths_of(tree)[i];
  }
  return std::nullopt;
}

}  // namespace detail

Tensor global_norm(const std::vector<Tensor>& leaves, SourcePos where) {
  return composite("global_norm", where, [&] {
    Tensor total;
    for (const Tensor& leaf : floats_of(leaves, where)) {
      const Tensor own = sum(square(leaf));
      total = total.is_empty() ? own : total + own;
    }
    return total.is_empty() ? zeros({}) : sqrt(total);
  });
}

Tensor all_finite(const std::vector<Tensor>& leaves, SourcePos where) {
  return composite("all_finite", where, [&] {
    Tensor finite = full({}, true);
    for (const Tensor& leaf : leaves) {
      if (is_float_leaf(leaf, where)) finite = logical_and(finite, all(is_finite(leaf)));
    }
    return finite;
  });
}

}  // namespace gradus::tree
