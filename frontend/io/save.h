// Trees of tensors in files, by name.
//
//     io::save("best.safetensors", params, {{"epoch", epoch}, {"accuracy", accuracy}});
//     params = io::load("best.safetensors", params);
//
//     io::Archive file("checkpoint.safetensors");            // one state, even if it is replaced
//     auto [params, optimiser] = file.load(Both{params, optimiser});
//     int64_t epoch = file.metadata().integer("epoch");
//
// A file is safetensors, or npz if its name ends in ".npz" (which has no metadata). The name of a
// leaf is its path in tree::paths(), "layers/0/w", or "tensor" if the tree is a single one. Static
// members of a tree (integers, strings) are not saved: they are those of the tree that is given to
// load.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gradus/io/metadata.h>
#include <gradus/io/safetensors.h>
#include <gradus/pytree.h>
#include <gradus/tensor.h>

namespace gradus::io {

namespace detail {
using gradus::detail::tree_ref;
std::vector<std::string> names_of(TreeRef tree);
void save(const std::string& path, TreeRef tree, const Metadata& metadata, SourcePos where);
}  // namespace detail

/// The names that the leaves have in files, in order.
template <class T>
std::vector<std::string> tree_names(const T& tree) {
  return detail::names_of(detail::tree_ref(tree));
}

/// Writes the file: a reader finds the old one or the new one, never a part, also after a crash (of
/// which a file PATH.….tmp may be left over).
/// Throws DataError if it cannot be written, ValueError if two leaves have one name, a leaf is
/// empty, or an npz file is given metadata; and what reading a traced or donated tensor throws.
template <class T>
void save(const std::string& path, const T& tree, const Metadata& metadata = {},
          SourcePos where = SourcePos::here()) {
  detail::save(path, detail::tree_ref(tree), metadata, where);
}

/// A file that is open for reading. What it reads is the state of the file when it was opened, even
/// if that is replaced meanwhile by save().
class Archive {
 public:
  /// Throws DataError if the file is missing or not what it should be, see load_safetensors() and
  /// load_npz().
  explicit Archive(const std::string& path, ReadOptions options = {},
                   SourcePos where = SourcePos::here());
  ~Archive();
  Archive(Archive&&) noexcept;
  Archive& operator=(Archive&&) noexcept;

  /// Sorted.
  std::vector<std::string> names() const;
  bool has(const std::string& name) const;
  const Metadata& metadata() const;
  /// DataError for a name that is not there. A key's type is u32 here, with a last dimension of 2.
  Type type_of(const std::string& name, SourcePos where = SourcePos::here()) const;
  Tensor tensor(const std::string& name, SourcePos where = SourcePos::here()) const;

  /// A tree like `like` with the file's values. The names, shapes and element types must be those
  /// of `like` (whose values do not matter, and whose empty leaves take any type): DataError lists
  /// what is missing, unexpected and different. With a prefix, only names "PREFIX/…" are looked at,
  /// for a part of what was saved.
  template <class T>
  T load(T like, const std::string& prefix = {}, SourcePos where = SourcePos::here()) const {
    load_leaves(detail::tree_ref(like), prefix, where);
    return like;
  }

 private:
  struct Content;
  void load_leaves(TreeRef tree, const std::string& prefix, SourcePos where) const;

  std::unique_ptr<Content> content_;
};

/// Archive(path, options).load(like).
template <class T>
T load(const std::string& path, T like, ReadOptions options = {},
       SourcePos where = SourcePos::here()) {
  return Archive(path, options, where).load(std::move(like), {}, where);
}

}  // namespace gradus::io
