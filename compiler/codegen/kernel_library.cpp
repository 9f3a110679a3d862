#include "compiler/codegen/kernel_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>

#include "runtime/build_id.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/hash.h"
#include "runtime/kernel_cache.h"
#include "runtime/log.h"
#include "runtime/profile.h"

namespace gradus::codegen {
namespace {

struct Library {
  std::mutex mutex;
  std::unordered_map<std::string, CompiledKernel> kernels;  // by key: content and target
  LibraryStatistics statistics;
};

Library& library() {
  // Programs may be compiled from static destructors.
  static Library& l = *new Library;
  return l;
}

/// What machine code depends on beside the kernel.
std::string text_of(const CpuTarget& target) {
  return "\n" + target.triple + " " + target.cpu + " " + target.features + " llvm " +
         llvm_version() + " gradus " + build_id();
}

/// A kernel that is not in memory. Its name is a hash of its key: distinct in every object.
struct Missing {
  std::string key;
  loop::Kernel kernel;
};

/// Kernels compiled together: an object costs 2-3 ms of its own, however small. On disk a kernel's
/// entry names its batch, and the batch's entry is the object.
struct Batch {
  std::vector<Missing> kernels;
  std::string name, object;
  bool from_disk = false;
};

constexpr std::string_view kBatchPrefix = "batch of kernels ";

std::string name_of(const Batch& batch) {
  std::string names;
  for (const Missing& m : batch.kernels)
    names += m.kernel.name + " ";
  return to_hex(hash128(names));
}

/// What the disk has: its kernels leave `missing`.
std::vector<Batch> load_batches(KernelCache& disk, std::vector<Missing>& missing) {
  std::vector<Batch> batches;
  std::vector<Missing> rest;
  for (Missing& m : missing) {
    const auto name = disk.load(m.key);
    if (!name) {
      rest.push_back(std::move(m));
      continue;
    }
    auto batch = std::ranges::find(batches, *name, &Batch::name);
    if (batch == batches.end()) {
      auto object = disk.load(std::string(kBatchPrefix) + *name);
      if (!object) {
        rest.push_back(std::move(m));
        continue;
      }
      batches.push_back({{}, *name, std::move(*object), true});
      batch = batches.end() - 1;
    }
    batch->kernels.push_back(std::move(m));
  }
  missing = std::move(rest);
  return batches;
}

void emit(Batch& batch, const CpuTarget& target) {
  const ScopedTimer timer("compile", "LLVM");
  std::vector<const loop::Kernel*> kernels;
  for (const Missing& m : batch.kernels)
    kernels.push_back(&m.kernel);
  batch.object = emit_object(kernels, target);
  batch.name = name_of(batch);
}

struct Linked {
  std::shared_ptr<const LinkedCode> code;
  std::vector<LeafFunction> functions;
};

Linked link(const Batch& batch) {
  Linked linked{link_object(batch.object), {}};
  for (const Missing& m : batch.kernels)
    linked.functions.push_back(linked.code->function(m.kernel.name));
  return linked;
}

/// One batch, or two on two threads.
std::vector<Batch> emit_batches(std::vector<Missing> missing, const CpuTarget& target) {
  if (missing.empty()) return {};
  std::ranges::stable_sort(missing, std::greater{}, [](const Missing& m) { return m.key.size(); });
  std::vector<Batch> batches(missing.size() > 1 && available_processors() > 1 ? 2 : 1);
  std::vector<size_t> length(batches.size());
  for (Missing& m : missing) {
    // The longest first, to the shorter batch: its length is a fair measure of the work.
    const size_t b = std::ranges::min_element(length) - length.begin();
    length[b] += m.key.size();
    batches[b].kernels.push_back(std::move(m));
  }
  if (batches.size() == 1) {
    emit(batches[0], target);
    return batches;
  }
  std::exception_ptr failed;
  {
    std::jthread worker([&] {
      try {
        emit(batches[1], target);
      } catch (...) {
        failed = std::current_exception();
      }
    });
    emit(batches[0], target);
  }
  if (failed) std::rethrow_exception(failed);
  return batches;
}

}  // namespace

std::vector<CompiledKernel> compile_kernels(std::span<const loop::Kernel* const> kernels,
                                            const CpuTarget& target) {
  Library& l = library();
  std::vector<std::string> keys;
  std::vector<Missing> missing;
  const std::string machine = text_of(target);
  {
    std::scoped_lock lock(l.mutex);
    std::set<std::string_view> wanted;
    keys.reserve(kernels.size());  // the views above stay valid
    for (const loop::Kernel* k : kernels) {
      keys.push_back(loop::key_of(*k) + machine);
      const std::string& key = keys.back();
      if (l.kernels.contains(key)) {
        ++l.statistics.in_memory;
      } else if (wanted.insert(key).second) {
        missing.push_back({key, *k});
        missing.back().kernel.name = "k" + to_hex(hash128(key));
      }
    }
  }
  const auto disk = missing.empty() ? nullptr : kernel_cache();
  std::vector<Batch> batches;
  if (disk) batches = load_batches(*disk, missing);
  for (Batch& b : emit_batches(std::move(missing), target))
    batches.push_back(std::move(b));
  for (Batch& b : batches) {
    const ScopedTimer timer("compile", "link");
    Linked linked;
    try {
      linked = link(b);
    } catch (const InternalError& e) {
      if (!b.from_disk) throw;
      // A whole entry that is no object of this build's: made again, and replaced below.
      GRADUS_LOG(Warning, "a cached object cannot be linked: {}", e.what());
      b.from_disk = false;
      emit(b, target);
      linked = link(b);
    }
    if (disk && !b.from_disk) {
      disk->store(std::string(kBatchPrefix) + b.name, b.object);
      for (const Missing& m : b.kernels)
        disk->store(m.key, b.name);
    }
    std::scoped_lock lock(l.mutex);
    (b.from_disk ? l.statistics.from_disk : l.statistics.compiled) += b.kernels.size();
    for (size_t i = 0; i < b.kernels.size(); ++i) {
      l.kernels.emplace(b.kernels[i].key, CompiledKernel{linked.functions[i], linked.code});
    }
  }
  std::scoped_lock lock(l.mutex);
  std::vector<CompiledKernel> result;
  for (const std::string& key : keys)
    result.push_back(l.kernels.at(key));
  return result;
}

LibraryStatistics library_statistics() {
  std::scoped_lock lock(library().mutex);
  return library().statistics;
}

void forget_kernels() {
  std::scoped_lock lock(library().mutex);
  library().kernels.clear();
}

}  // namespace gradus::codegen
