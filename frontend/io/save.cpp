#include "frontend/io/save.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "frontend/io/npz.h"
#include "frontend/io/safetensors.h"
#include "frontend/io/safetensors_format.h"
#include "frontend/tree.h"
#include "runtime/error.h"
#include "runtime/file.h"

namespace gradus::io {
namespace {

constexpr const char* kSingleName = "tensor";

/// "a, b and 3 more".
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kMost = 8;
  const size_t shown = names.size() > kMost + 1 ? kMost : names.size();
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<long>(shown), ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

/// The leaves by name; ValueError if two have one name.
std::map<std::string, Tensor*> named_leaves(const char* op, TreeRef tree, const std::string& prefix,
                                            SourcePos where) {
  const std::vector<std::string> names = detail::names_of(tree);
  const std::vector<Tensor*> leaves = gradus::detail::leaves_of(tree);
  std::map<std::string, Tensor*> named;
  for (size_t i = 0; i < leaves.size(); ++i) {
    const std::string name = prefix.empty()            ? names[i]
                             : names[i] == kSingleName ? prefix
                                                       : prefix + "/" + names[i];
    if (!named.emplace(name, leaves[i]).second) {
      throw ValueError({op, fmt::format("two leaves of the tree have one name; got '{}'", name),
                        where, "use keys of maps without slashes"});
    }
  }
  return named;
}

/// As a file holds it.
Type stored_type(const Type& type) {
  if (type.dtype != DType::Key) return type;
  return {DType::U32, type.shape.with_inserted(type.rank(), 2)};
}

/// The same memory under the type that a leaf had when it was saved.
Tensor as_type(const Tensor& stored, const Type& type, SourcePos where) {
  if (stored.type() == type) return stored;
  return gradus::detail::wrap_buffer(gradus::detail::interned(type),
                                     gradus::detail::buffer_of("load", stored, where), where);
}

}  // namespace

namespace detail {

std::vector<std::string> names_of(TreeRef tree) {
  std::vector<std::string> names = tree::detail::paths_of(tree);
  for (std::string& name : names) {
    if (name.empty()) name = kSingleName;
  }
  return names;
}

void save(const std::string& path, TreeRef tree, const Metadata& metadata, SourcePos where) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, leaf] : named_leaves("save", tree, {}, where)) {
    if (leaf->is_empty()) {
      throw ValueError({"save", fmt::format("a leaf without value; got Tensor{{}} at '{}'", name),
                        where, "assign a value first; a tensor that was moved from is empty"});
    }
    tensors.emplace(name, *leaf);
  }
  if (!path.ends_with(".npz")) return save_safetensors(path, tensors, metadata, where);
  if (!metadata.empty()) {
    throw ValueError({"save", fmt::format("npz files have no metadata; got some for '{}'", path),
                      where, "save it as .safetensors"});
  }
  save_npz(path, tensors, Packing::Stored, where);
}

}  // namespace detail

struct Archive::Content {
  std::string path;
  Metadata metadata;
  // Of a safetensors file, tensors are read when they are asked for; of an npz file, at once.
  std::optional<InputFile> file;
  std::map<std::string, SafetensorsItem> items;
  std::map<std::string, Tensor> arrays;

  Type type_of(const std::string& name) const {
    return file ? items.at(name).type : arrays.at(name).type();
  }
  Tensor read(const std::string& name, SourcePos where) const {
    return file ? read_safetensors_item(*file, items.at(name), where) : arrays.at(name);
  }
  void expect(const std::string& name, SourcePos where) const {
    if (items.count(name) || arrays.count(name)) return;
    throw DataError({"load", fmt::format("'{}' has no tensor '{}'", path, name), where,
                     "see names() for those it has"});
  }
};

Archive::Archive(const std::string& path, ReadOptions options, SourcePos where)
    : content_(new Content{.path = path}) {
  with_position("load", where, [&] {
    content_->file.emplace(path);
    char start[2] = {};
    content_->file->read_at(0, start, sizeof start);
    if (start[0] == 'P' && start[1] == 'K') {
      content_->file.reset();
      content_->arrays = load_npz(path, kMostUnpacked, where);
      return;
    }
    SafetensorsHeader header = read_safetensors_header(*content_->file, options, where);
    content_->metadata = std::move(header.metadata);
    for (SafetensorsItem& item : header.items) {
      std::string name = item.name;
      content_->items.emplace(std::move(name), std::move(item));
    }
  });
}

Archive::~Archive() = default;
Archive::Archive(Archive&&) noexcept = default;
Archive& Archive::operator=(Archive&&) noexcept = default;

std::vector<std::string> Archive::names() const {
  std::vector<std::string> names;
  for (const auto& [name, item] : content_->items)
    names.push_back(name);
  for (const auto& [name, array] : content_->arrays)
    names.push_back(name);
  return names;
}

bool Archive::has(const std::string& name) const {
  return content_->items.count(name) || content_->arrays.count(name);
}

const Metadata& Archive::metadata() const {
  return content_->metadata;
}

Type Archive::type_of(const std::string& name, SourcePos where) const {
  content_->expect(name, where);
  return content_->type_of(name);
}

Tensor Archive::tensor(const std::string& name, SourcePos where) const {
  content_->expect(name, where);
  return with_position("load", where, [&] { return content_->read(name, where); });
}

void Archive::load_leaves(TreeRef tree, const std::string& prefix, SourcePos where) const {
  const std::map<std::string, Tensor*> leaves = named_leaves("load", tree, prefix, where);
  std::vector<std::string> missing, unexpected, different;
  for (const auto& [name, leaf] : leaves) {
    if (!has(name)) {
      missing.push_back(name);
    } else if (!leaf->is_empty()) {
      const Type got = content_->type_of(name), expected = stored_type(leaf->type(where));
      if (got != expected) {
        different.push_back(
            fmt::format("{} (got {}, expected {})", name, to_string(got), to_string(expected)));
      }
    }
  }
  for (const std::string& name : names()) {
    const bool is_looked_at = prefix.empty() || name == prefix || name.starts_with(prefix + "/");
    if (is_looked_at && !leaves.count(name)) unexpected.push_back(name);
  }
  if (!missing.empty() || !unexpected.empty() || !different.empty()) {
    std::vector<std::string> parts;
    if (!missing.empty()) parts.push_back("missing: " + listed(missing));
    if (!unexpected.empty()) parts.push_back("unexpected: " + listed(unexpected));
    if (!different.empty()) parts.push_back("of another type: " + listed(different));
    throw DataError(
        {"load",
         fmt::format("'{}' does not hold this tree; {}", content_->path, fmt::join(parts, "; ")),
         where, "load it into a tree like the one that was saved"});
  }
  // All are read before any leaf changes.
  std::vector<std::pair<Tensor*, Tensor>> values;
  for (const auto& [name, leaf] : leaves) {
    Tensor value = tensor(name, where);
    if (!leaf->is_empty()) value = as_type(value, leaf->type(where), where);
    values.emplace_back(leaf, std::move(value));
  }
  for (auto& [leaf, value] : values)
    *leaf = std::move(value);
}

}  // namespace gradus::io
