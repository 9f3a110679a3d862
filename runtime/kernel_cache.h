// Compiled kernels on disk, for the next process.
//
// An entry is one file, named by a hash of its key, which holds the whole key beside the blob: a
// lookup compares the key, never trusts the hash. The key is whatever the blob depends on (content,
// processor, compiler version); the caller composes it. Entries are written under another name and
// renamed, so processes share a folder without locks. A torn, corrupt or foreign file is deleted
// and counts as a miss. Entries are dealt to subfolders by their hash, each with its share of the
// limit: clearing one up reads few files, and one store in so many does it. No failure here is an
// error of the program: it compiles again.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/hash.h"

namespace gradus {

class KernelCache {
 public:
  /// Entries live in `folder`, which is made by the first store; together they stay near
  /// `limit_bytes`, those not used for the longest time going first.
  KernelCache(std::string folder, int64_t limit_bytes);

  /// The blob stored under exactly this key.
  std::optional<std::string> load(std::string_view key);

  /// Keeps `blob` under `key`, in place of what was there. If the folder cannot be written to, that
  /// is logged once as a warning and nothing is kept any more.
  void store(std::string_view key, std::string_view blob);

  struct Statistics {
    uint64_t hits = 0;
    uint64_t misses = 0;
    uint64_t stores = 0;
    uint64_t rejected = 0;  // files that were no valid entries
    uint64_t evicted = 0;
  };
  Statistics statistics() const;
  const std::string& folder() const { return folder_; }

 private:
  std::string subfolder_of(const Hash128& hash) const;
  std::string path_of(const Hash128& hash) const;
  bool is_folder_ours();
  void stop_storing(std::string_view reason);
  void evict(const std::string& folder);

  const std::string folder_;
  const uint64_t subfolders_;
  const int64_t limit_bytes_;  // of each
  mutable std::mutex mutex_;   // of everything below
  Statistics statistics_;
  bool can_store_ = true;
  bool is_folder_checked_ = false;
};

/// The cache of the options in force (folder "kernels" in cache_dir, which is user_cache_folder()
/// unless set), null if disk_cache is off. The same object as long as those options stay.
std::shared_ptr<KernelCache> kernel_cache();

}  // namespace gradus
