// Where values live: the caller's buffers, the arena that all threads share, or each thread's own.
//
// Values kept whole live in the shared arena from the phase that computes them to the last that
// reads them; their memory is used again only across a barrier. Values of a chunk live in the
// thread's arena and hold the chunk's range of the carrier only; their memory is used again as soon
// as their last reader has run, so that a chunk stays in cache. What has halos keeps its memory: the
// zeros are written once.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "compiler/loop/element.h"
#include "compiler/schedule/plan.h"
#include "runtime/cpu/program.h"

namespace gradus::schedule {

class Memory {
 public:
  /// `caller_bases`: how many inputs and outputs the graph has.
  Memory(const Schedule& schedule, int caller_bases) : s_(schedule), caller_bases_(caller_bases) {}

  void add_input(int node);
  void add_output(int node, int base, bool replicated);
  /// `cut`: the axis that ranges restrict, or -1.
  void add_whole(int node, int cut, int first_phase, int last_phase);
  /// Every thread has its own.
  void add_replicated(int node);
  struct Life {
    int first = 0, last = 0;  // numbers of pieces, or of phases
  };
  /// `innermost`: the cut axis is; `halos`: zeros around. `life`: from the piece that computes it to
  /// the last that reads it.
  void add_local(int node, int cut, bool innermost, std::vector<loop::Halo> halos, Life life);
  void set_capacity(int node, int64_t points);
  /// Each thread's own, while the piece runs.
  int add_scratch(size_t bytes, int piece);
  /// Memory of its own kind: a packed copy.
  int add_copy(size_t bytes, int first_phase, int last_phase);

  bool is_local(int node) const { return locals_.contains(node); }
  bool has_replica(int node) const { return replica_.contains(node); }
  const std::map<int, loop::Storage>& storage() const { return storage_; }

  /// Unresolved: `base` is a block number until the arenas are laid out.
  Place place(int node) const { return {.base = block_.at(node)}; }
  Place copy_place(int block) const { return {.base = block}; }
  void place_in_arenas();
  std::vector<Place> resolve(const std::vector<Place>& places, bool replica) const;

  size_t arena_bytes() const { return arena_bytes_; }
  size_t thread_arena_bytes() const { return thread_arena_bytes_; }
  /// Whether threads' arenas must start as zeros.
  bool has_halos() const { return has_halos_; }
  const std::vector<ir::NodeId>& constants() const { return constants_; }

 private:
  enum class Kind : uint8_t { Caller, Constant, Arena, Thread };
  struct Block {
    Kind kind = Kind::Arena;
    int base = 0;  // Caller: input or output; Constant: its number
    size_t bytes = 0, offset = 0;
    Life life;
    int node = -1;
  };
  size_t place_in(Kind arena);
  /// Memory of a range of the carrier.
  struct Local {
    int cut = -1;
    bool innermost = false;
    std::vector<loop::Halo> halos;
    int64_t capacity = -1;  // points of the cut axis; -1: all
  };
  int add_block(Block block);
  void set_storage(int node, const Local& local);

  const Schedule& s_;
  const int caller_bases_;
  std::vector<Block> blocks_;
  std::map<int, int> block_, replica_;
  std::map<int, Local> locals_;
  bool has_halos_ = false;
  std::map<int, loop::Storage> storage_;
  std::vector<ir::NodeId> constants_;
  size_t arena_bytes_ = 0, thread_arena_bytes_ = 0;
};

}  // namespace gradus::schedule
