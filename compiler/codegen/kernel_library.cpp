#include "compiler/codegen/kernel_library.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "runtime/hash.h"
#include "runtime/kernel_cache.h"

namespace gradus::codegen {
namespace {

/// Objects with fewer kernels than this are not worth a second thread.
constexpr size_t kKernelsPerThread = 2;

struct Library {
  std::mutex mutex;
  std::unordered_map<std::string, CompiledKernel> kernels;  // by key: text and target
  LibraryStatistics statistics;
};

Library& library() {
  // Programs may be compiled from static destructors.
  static Library& l = *new Library;
  return l;
}

std::string key_of(const loop::Kernel& kernel, const CpuTarget& target) {
  return to_string(kernel) + "\n" + target.triple + " " + target.cpu + " " + target.features +
         " llvm " + llvm_version();
}

struct Missing {
  std::string key;
  loop::Kernel kernel;
  std::string object;
  bool from_disk = false;
};

void emit_all(std::span<Missing> missing, const CpuTarget& target) {
  for (Missing& m : missing) {
    if (m.from_disk) continue;
    const loop::Kernel* one[] = {&m.kernel};
    m.object = emit_object(one, target);
  }
}

}  // namespace

std::vector<CompiledKernel> compile_kernels(std::span<const loop::Kernel* const> kernels,
                                            const CpuTarget& target) {
  Library& l = library();
  std::vector<std::string> keys;
  std::vector<Missing> missing;
  {
    std::scoped_lock lock(l.mutex);
    std::map<std::string_view, size_t> wanted;
    keys.reserve(kernels.size());
    for (const loop::Kernel* k : kernels) {
      keys.push_back(key_of(*k, target));
      const std::string& key = keys.back();
      if (l.kernels.contains(key)) {
        ++l.statistics.in_memory;
      } else if (wanted.emplace(key, missing.size()).second) {
        missing.push_back({key, *k, {}, false});
      }
    }
  }
  const auto disk = missing.empty() ? nullptr : kernel_cache();
  for (Missing& m : missing) {
    m.kernel.name = "k" + to_hex(hash128(m.key));
    if (auto object = disk ? disk->load(m.key) : std::nullopt) {
      m.object = std::move(*object);
      m.from_disk = true;
    }
  }
  // The longest first, dealt out in turn: code generation takes about the same time on each thread.
  std::ranges::stable_sort(missing, [](const Missing& a, const Missing& b) {
    return a.from_disk != b.from_disk ? a.from_disk < b.from_disk : a.key.size() > b.key.size();
  });
  const auto made = static_cast<size_t>(
      std::ranges::count_if(missing, [](const Missing& m) { return !m.from_disk; }));
  if (made >= 2 * kKernelsPerThread && std::thread::hardware_concurrency() > 1) {
    std::vector<Missing> other;
    for (size_t i = 1; i < made; i += 2) other.push_back(std::move(missing[i]));
    std::exception_ptr failed;
    std::thread worker([&] {
      try {
        emit_all(other, target);
      } catch (...) {
        failed = std::current_exception();
      }
    });
    try {
      for (size_t i = 0; i < made; i += 2) emit_all({&missing[i], 1}, target);
    } catch (...) {
      worker.join();
      throw;
    }
    worker.join();
    if (failed) std::rethrow_exception(failed);
    for (size_t i = 1, j = 0; i < made; i += 2, ++j) missing[i] = std::move(other[j]);
  } else {
    emit_all(missing, target);
  }
  for (Missing& m : missing) {
    CompiledKernel compiled;
    compiled.code = link_object(m.object);
    compiled.function = compiled.code->function(m.kernel.name);
    if (!m.from_disk && disk) disk->store(m.key, m.object);
    std::scoped_lock lock(l.mutex);
    ++(m.from_disk ? l.statistics.from_disk : l.statistics.compiled);
    l.kernels.emplace(m.key, std::move(compiled));
  }
  std::scoped_lock lock(l.mutex);
  std::vector<CompiledKernel> result;
  for (const std::string& key : keys) result.push_back(l.kernels.at(key));
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
