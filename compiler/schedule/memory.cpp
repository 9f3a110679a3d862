#include "compiler/schedule/memory.h"

#include <algorithm>
#include <climits>
#include <numeric>

#include "runtime/error.h"

namespace gradus::schedule {
namespace {

/// Vector loads of a last block may reach this far beyond an array.
constexpr size_t kAlignment = Buffer::kAlignment;

constexpr Memory::Life kAlways{0, INT_MAX};

/// Rows at such distances fall into few sets of a cache: in arrays of more bytes than this they get a
/// line more. (The weight gradient of 64 -> 64 channels of 28 x 28: 108 GF/s without, of 256.)
constexpr int64_t kConflictBytes = 4096, kConflictArray = 256 << 10, kLine = 64;

size_t rounded(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

int Memory::add_block(Block block) {
  block.bytes = rounded(block.bytes);
  blocks_.push_back(block);
  return static_cast<int>(blocks_.size() - 1);
}

void Memory::set_storage(int node, const Local& local) {
  const Node& n = s_.nodes[node];
  loop::Storage storage{.halos = local.halos};
  storage.strides.resize(static_cast<size_t>(n.parallel));
  int64_t stride = 1;
  const auto place = [&](int a) {
    storage.strides[a] = stride;
    stride *= a == local.cut && local.capacity >= 0 ? local.capacity : n.extents[a];
  };
  const auto width = static_cast<int64_t>(size_of(n.dtype));
  if (local.innermost) place(local.cut);
  bool is_row = local.innermost && n.bytes() / n.extents[local.cut] * stride > kConflictArray;
  for (int a = n.parallel; a-- > 0;) {
    if (a == local.cut && local.innermost) continue;
    place(a);
    if (is_row && stride * width % kConflictBytes == 0) stride += kLine / width;
    is_row = false;
    for (const loop::Halo& h : local.halos) {
      if (a != h.lo) continue;
      stride += (h.low + h.high) * storage.strides[h.hi - 1];
      storage.offset += h.low * storage.strides[h.hi - 1];
    }
  }
  storage.part_stride = stride;
  storage_[node] = std::move(storage);
}

void Memory::add_input(int node) {
  const Node& n = s_.nodes[node];
  Block block{.kind = Kind::Caller, .base = n.input, .node = node};
  if (n.input < 0) {
    block = {.kind = Kind::Constant, .base = static_cast<int>(constants_.size()), .node = node};
    constants_.push_back(n.origin);
  }
  block_[node] = add_block(block);
  set_storage(node, {});
}

void Memory::add_output(int node, int base, bool replicated) {
  block_[node] = add_block({.kind = Kind::Caller, .base = base, .node = node});
  set_storage(node, {});
  if (!replicated) return;
  const auto bytes = static_cast<size_t>(s_.nodes[node].bytes());
  replica_[node] = add_block({.kind = Kind::Thread, .bytes = bytes, .life = kAlways, .node = node});
}

void Memory::add_whole(int node, int cut, int first_phase, int last_phase) {
  const Node& n = s_.nodes[node];
  if (n.lane_block > 0) {
    set_storage(node, {.cut = cut, .innermost = true, .capacity = n.lane_block});
    loop::Storage& storage = storage_[node];
    storage.block = n.lane_block;
    const int64_t blocks = (n.extents[cut] + n.lane_block - 1) / n.lane_block;
    const auto elements = static_cast<size_t>(blocks * storage.part_stride);
    block_[node] = add_block({.kind = Kind::Arena,
                              .bytes = elements * size_of(n.dtype),
                              .life = {first_phase, last_phase},
                              .node = node});
    return;
  }
  block_[node] = add_block({.kind = Kind::Arena,
                            .bytes = static_cast<size_t>(n.bytes()),
                            .life = {first_phase, last_phase},
                            .node = node});
  set_storage(node, {});
}

void Memory::add_replicated(int node) {
  const auto bytes = static_cast<size_t>(s_.nodes[node].bytes());
  block_[node] = add_block({.kind = Kind::Thread, .bytes = bytes, .life = kAlways, .node = node});
  set_storage(node, {});
}

void Memory::add_local(int node, int cut, bool innermost, std::vector<loop::Halo> halos,
                       Life life) {
  if (!halos.empty()) {
    has_halos_ = true;
    life = kAlways;
  }
  locals_[node] = {.cut = cut, .innermost = innermost, .halos = std::move(halos)};
  block_[node] = add_block({.kind = Kind::Thread, .life = life, .node = node});
  set_capacity(node, s_.nodes[node].extents[cut]);
}

void Memory::set_capacity(int node, int64_t points) {
  Local& local = locals_.at(node);
  local.capacity = points;
  set_storage(node, local);
  const Node& n = s_.nodes[node];
  const int64_t elements = storage_[node].part_stride;
  blocks_[block_[node]].bytes = rounded(static_cast<size_t>(elements) * size_of(n.dtype));
}

int Memory::add_scratch(size_t bytes, int piece) {
  return add_block({.kind = Kind::Thread, .bytes = bytes, .life = {piece, piece}});
}

int Memory::add_copy(size_t bytes, int first_phase, int last_phase) {
  return add_block({.kind = Kind::Arena, .bytes = bytes, .life = {first_phase, last_phase}});
}

void Memory::place_in_arenas() {
  arena_bytes_ = place_in(Kind::Arena);
  thread_arena_bytes_ = place_in(Kind::Thread);
}

/// Largest first, each at the lowest offset that is free while it lives. Returns the arena's bytes.
size_t Memory::place_in(Kind arena) {
  std::vector<int> order;
  for (int b = 0; b < static_cast<int>(blocks_.size()); ++b) {
    if (blocks_[b].kind == arena) order.push_back(b);
  }
  std::ranges::stable_sort(order,
                           [&](int a, int b) { return blocks_[a].bytes > blocks_[b].bytes; });
  size_t bytes = 0;
  std::vector<int> placed;
  for (int b : order) {
    Block& block = blocks_[b];
    std::vector<std::pair<size_t, size_t>> taken;
    for (int other : placed) {
      const Block& o = blocks_[other];
      if (o.life.first > block.life.last || block.life.first > o.life.last) continue;
      taken.emplace_back(o.offset, o.offset + o.bytes);
    }
    std::ranges::sort(taken);
    size_t at = 0;
    for (auto [begin, end] : taken) {
      if (begin >= at + block.bytes) break;
      at = std::max(at, end);
    }
    block.offset = at;
    bytes = std::max(bytes, at + block.bytes);
    placed.push_back(b);
  }
  return bytes;
}

std::vector<Place> Memory::resolve(const std::vector<Place>& places, bool replica) const {
  const int arena = caller_bases_ + static_cast<int>(constants_.size());
  std::vector<Place> resolved = places;
  for (Place& p : resolved) {
    const Block* block = &blocks_[p.base];
    if (replica && block->node >= 0 && replica_.contains(block->node)) {
      block = &blocks_[replica_.at(block->node)];
    }
    switch (block->kind) {
      case Kind::Caller:
        p.base = block->base;
        break;
      case Kind::Constant:
        p.base = caller_bases_ + block->base;
        break;
      case Kind::Arena:
        p.base = arena;
        break;
      case Kind::Thread:
        p.base = arena + 1;
    }
    p.offset += static_cast<int64_t>(block->offset);
  }
  return resolved;
}

}  // namespace gradus::schedule
