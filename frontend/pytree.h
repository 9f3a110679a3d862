// Trees: any C++ value whose leaves are tensors is an argument or a result of every transform,
// without registration. Trees are made of Tensor; aggregates (up to 24 fields, nested as they
// like); std::vector, array, tuple, pair, optional, map<string, …>; and classes that name their
// members with GRADUS_FIELDS. Integers, enums, bools and strings inside a tree are static: part of
// its structure, compiled in, a new value is a new compilation.
//
// A walk visits leaves in order of declaration (maps: in order of keys). One virtual visitor serves
// every purpose, so that a tree type costs a user's compilation one instantiation.
#pragma once

#include <array>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <gradus/reflect.h>
#include <gradus/tensor.h>

namespace gradus {

/// A number that is compiled in: a new value is a new compilation.
template <class T>
struct Static {
  T value{};
  constexpr operator T() const { return value; }
};
template <class T>
Static(T) -> Static<T>;

/// One step of a path: ".w", "[0]" or "[\"bias\"]".
struct PathStep {
  std::string_view name;
  int64_t index = -1;
  enum class Kind : uint8_t { Field, Index, Key } kind = Kind::Index;

  static PathStep field(std::string_view name, size_t index) {
    return {name, static_cast<int64_t>(index), Kind::Field};
  }
  static PathStep at(size_t index) { return {{}, static_cast<int64_t>(index), Kind::Index}; }
  static PathStep key(std::string_view name, size_t index) {
    return {name, static_cast<int64_t>(index), Kind::Key};
  }
};

/// What a walk over a tree meets.
class TreeVisitor {
 public:
  virtual void leaf(Tensor& tensor) = 0;
  /// A static value, or a fact of structure: the length of a vector, whether an optional holds
  /// something. `what` is "length", "engaged", or "value".
  virtual void fixed(std::string_view /*what*/, uint64_t /*bits*/) {}
  /// A static string, or the key of a map ("text" or "key").
  virtual void fixed_text(std::string_view /*what*/, std::string_view /*text*/) {}
  /// Around every member. Called only if wants_paths.
  virtual void enter(PathStep) {}
  virtual void leave() {}

  bool wants_paths = false;

 protected:
  ~TreeVisitor() = default;
};

/// A tree whose type is known only where the reference was made.
struct TreeRef {
  void* object = nullptr;
  void (*walk)(void*, TreeVisitor&) = nullptr;

  void visit(TreeVisitor& visitor) const { walk(object, visitor); }
};

namespace detail {

template <class T>
inline constexpr bool kAlwaysFalse = false;

template <class T>
inline constexpr bool kIsStatic = false;
template <class T>
inline constexpr bool kIsStatic<Static<T>> = true;

template <class T>
concept StringLike = std::same_as<T, std::string> || std::same_as<T, std::string_view>;
template <class T>
concept StaticLeaf = std::is_integral_v<T> || std::is_enum_v<T> || StringLike<T> || kIsStatic<T>;
/// A class that says itself what is static in it: `void visit_static(TreeVisitor&) const`.
template <class T>
concept StaticClass = requires(const T& x, TreeVisitor& v) {
  x.visit_static(v);
};
template <class T>
concept MapLike = requires {
  typename T::key_type;
  typename T::mapped_type;
};
template <class T>
concept OptionalLike = requires(T& x) {
  typename T::value_type;
  x.has_value();
  x.reset();
  *x;
};
template <class T>
concept VectorLike = requires(T& x) {
  typename T::value_type;
  x.push_back(std::declval<typename T::value_type>());
  x.data();
}
&&!StringLike<T>;
template <class T>
concept TupleLike = requires {
  std::tuple_size<T>::value;
};
template <class T>
concept PointerLike = std::is_pointer_v<T> || requires(T& x) {
  typename T::element_type;
  x.get();
};

template <class T>
void visit_static(const T& x, TreeVisitor& v) {
  if constexpr (kIsStatic<T>) {
    visit_static(x.value, v);
  } else if constexpr (StringLike<T>) {
    v.fixed_text("text", x);
  } else if constexpr (std::is_trivially_copyable_v<T> && sizeof(T) <= 8) {
    uint64_t bits = 0;
    std::memcpy(&bits, &x, sizeof(T));
    v.fixed("value", bits);
  } else {
    static_assert(kAlwaysFalse<T>, "Static<T>: T must be trivially copyable, of at most 8 bytes");
  }
}

template <class T>
void visit_tree(T& tree, TreeVisitor& v);

template <class T>
void visit_member(PathStep step, T& member, TreeVisitor& v) {
  if (!v.wants_paths) return visit_tree(member, v);
  v.enter(step);
  visit_tree(member, v);
  v.leave();
}

template <class Fields>
void visit_fields(Fields fields, std::span<const std::string_view> names, TreeVisitor& v) {
  [&]<size_t... I>(std::index_sequence<I...>) {
    (visit_member(names[I].empty() ? PathStep::at(I) : PathStep::field(names[I], I),
                  std::get<I>(fields), v),
     ...);
  }
  (std::make_index_sequence<std::tuple_size_v<Fields>>{});
}

template <class T>
void visit_tree(T& tree, TreeVisitor& v) {
  static_assert(!std::is_const_v<T>);
  if constexpr (std::same_as<T, Tensor>) {
    v.leaf(tree);
  } else if constexpr (StaticLeaf<T>) {
    visit_static(tree, v);
  } else if constexpr (StaticClass<T>) {
    tree.visit_static(v);
  } else if constexpr (std::is_floating_point_v<T>) {
    static_assert(kAlwaysFalse<T>,
                  "gradus: a bare float or double in an argument tree would be compiled in and "
                  "compiled again for every value; use Tensor (a run-time value) or "
                  "Static<float> (compiled in)");
  } else if constexpr (PointerLike<T>) {
    static_assert(kAlwaysFalse<T>,
                  "gradus: a pointer cannot be a member of a tree; hold the tensors by value");
  } else if constexpr (MapLike<T>) {
    static_assert(std::same_as<typename T::key_type, std::string>,
                  "gradus: the keys of a map in a tree must be std::string");
    v.fixed("length", tree.size());
    size_t i = 0;
    for (auto& [key, value] : tree) {
      v.fixed_text("key", key);
      visit_member(PathStep::key(key, i++), value, v);
    }
  } else if constexpr (OptionalLike<T>) {
    v.fixed("engaged", tree.has_value());
    if (tree.has_value()) visit_tree(*tree, v);
  } else if constexpr (VectorLike<T>) {
    v.fixed("length", tree.size());
    for (size_t i = 0; i < tree.size(); ++i)
      visit_member(PathStep::at(i), tree[i], v);
  } else if constexpr (TupleLike<T>) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      (visit_member(PathStep::at(I), std::get<I>(tree), v), ...);
    }
    (std::make_index_sequence<std::tuple_size_v<T>>{});
  } else if constexpr (HasDeclaredFields<T>) {
    visit_fields(tree.gradus_fields(), T::gradus_field_names(), v);
  } else if constexpr (std::is_aggregate_v<T>) {
    visit_fields(fields_of(tree), kFieldNames<T>, v);
  } else {
    static_assert(kAlwaysFalse<T>,
                  "gradus: this type is no tree of tensors; make it an aggregate, or name its "
                  "members with GRADUS_FIELDS(…) in its public part");
  }
}

/// Arguments are walked without being changed unless the visitor changes leaves.
template <class T>
TreeRef tree_ref(const T& tree) {
  return {const_cast<T*>(&tree),
          [](void* object, TreeVisitor& v) { visit_tree(*static_cast<T*>(object), v); }};
}

/// A leaf (its type) or a static fact ("length 3") of a tree, with its path.
struct TreeFact {
  std::string path, text;
  bool is_static = false;
  friend bool operator==(const TreeFact&, const TreeFact&) = default;
};

/// In the order of the walk; paths begin with `path`.
std::vector<TreeFact> facts_of(TreeRef tree, std::string path);
/// The leaves, in order.
std::vector<Tensor*> leaves_of(TreeRef tree);
/// Throws ValueError naming the first difference unless both trees have the same structure.
void expect_same_structure(const char* op, TreeRef expected, TreeRef got, size_t argument,
                           SourcePos where);
std::vector<std::string> paths_of(TreeRef tree);

}  // namespace detail

/// The structure of a tree without its leaves: comparable and printable.
class TreeStructure {
 public:
  explicit TreeStructure(TreeRef tree);

  /// One per leaf: "layers[0].w".
  const std::vector<std::string>& paths() const { return paths_; }
  size_t leaves() const { return paths_.size(); }
  /// "{layers[0].w, layers[0].b, name=\"mlp\"}".
  std::string to_string() const;

  friend bool operator==(const TreeStructure&, const TreeStructure&) = default;

 private:
  std::vector<std::string> paths_;
  std::vector<std::string> fixed_;  // "layers length 2"
};

template <class T>
TreeStructure tree_structure(const T& tree) {
  return TreeStructure(detail::tree_ref(tree));
}

/// Copies of the leaves' handles, in order.
template <class T>
std::vector<Tensor> tree_leaves(const T& tree) {
  std::vector<Tensor> leaves;
  for (Tensor* leaf : detail::leaves_of(detail::tree_ref(tree)))
    leaves.push_back(*leaf);
  return leaves;
}

/// "layers[0].w" for each leaf, in order.
template <class T>
std::vector<std::string> tree_paths(const T& tree) {
  return detail::paths_of(detail::tree_ref(tree));
}

/// The same tree with other leaves. Throws ValueError if their number differs.
template <class T>
T tree_unflatten(T like, std::span<const Tensor> leaves, SourcePos where = SourcePos::here());

namespace detail {
void assign_leaves(TreeRef tree, std::span<const Tensor> leaves, SourcePos where);
}  // namespace detail

template <class T>
T tree_unflatten(T like, std::span<const Tensor> leaves, SourcePos where) {
  detail::assign_leaves(detail::tree_ref(like), leaves, where);
  return like;
}

namespace detail {

struct TreeMap {
  /// f(leaf, leaves of the other trees at the same place…) for every leaf; the trees must have the
  /// same structure (ValueError names the path where they differ).
  template <class F, class T, class... Rest>
  T operator()(F&& f, const T& tree, const Rest&... rest) const {
    static_assert((std::same_as<T, Rest> && ...), "gradus::tree_map: trees of one type");
    T result = tree;
    const TreeRef to = tree_ref(result);
    const std::array<TreeRef, sizeof...(Rest)> others{tree_ref(rest)...};
    std::array<std::vector<Tensor*>, sizeof...(Rest)> leaves;
    for (size_t k = 0; k < others.size(); ++k) {
      expect_same_structure("tree_map", to, others[k], k + 1, {});
      leaves[k] = leaves_of(others[k]);
    }
    size_t i = 0;
    for (Tensor* leaf : leaves_of(to)) {
      [&]<size_t... K>(std::index_sequence<K...>) {
        *leaf = f(std::as_const(*leaf), std::as_const(*leaves[K][i])...);
      }
      (std::make_index_sequence<sizeof...(Rest)>{});
      ++i;
    }
    return result;
  }
};

}  // namespace detail

/// tree_map([](Tensor p, Tensor g) { return p - 0.1 * g; }, params, gradients).
inline constexpr detail::TreeMap tree_map{};

}  // namespace gradus
