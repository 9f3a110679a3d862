#include "frontend/executables.h"

#include <list>
#include <mutex>
#include <unordered_map>

#include "compiler/pipeline.h"
#include "runtime/options.h"

namespace gradus::detail {
namespace {

constexpr size_t kCapacity = 1024;

struct Entry {
  size_t hash;
  int options;
  ir::Graph graph;
  std::shared_ptr<const Executable> executable;
};

struct Cache {
  std::mutex mutex;
  std::list<Entry> entries;  // most recently used first
  std::unordered_multimap<size_t, std::list<Entry>::iterator> by_hash;

  std::shared_ptr<const Executable> find(size_t hash, int options, const ir::Graph& graph) {
    for (auto [it, end] = by_hash.equal_range(hash); it != end; ++it) {
      const Entry& entry = *it->second;
      if (entry.options != options || !ir::structurally_equal(entry.graph, graph)) continue;
      entries.splice(entries.begin(), entries, it->second);
      return entry.executable;
    }
    return nullptr;
  }

  void insert(Entry entry) {
    const size_t hash = entry.hash;
    entries.push_front(std::move(entry));
    by_hash.emplace(hash, entries.begin());
    if (entries.size() <= kCapacity) return;
    const auto last = std::prev(entries.end());
    for (auto [it, end] = by_hash.equal_range(last->hash); it != end; ++it) {
      if (it->second != last) continue;
      by_hash.erase(it);
      break;
    }
    entries.pop_back();
  }
};

Cache& cache() {
  static auto& instance = *new Cache;
  return instance;
}

}  // namespace

std::shared_ptr<const Executable> executable_for(ir::Graph graph) {
  const size_t hash = ir::hash_of(graph);
  const int options = compilation_options_id();
  Cache& programs = cache();
  {
    std::scoped_lock lock(programs.mutex);
    if (auto found = programs.find(hash, options, graph)) return found;
  }
  // Compiled outside the lock: two threads that miss at once both compile, and one result is kept.
  auto compiled = compile(graph, {.name = graph.name()});
  std::scoped_lock lock(programs.mutex);
  if (auto found = programs.find(hash, options, graph)) return found;
  programs.insert({hash, options, std::move(graph), compiled});
  return compiled;
}

}  // namespace gradus::detail
