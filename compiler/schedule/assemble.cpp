#include "compiler/schedule/assemble.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "compiler/schedule/donation.h"
#include "compiler/schedule/memory.h"
#include "compiler/schedule/pieces.h"
#include "runtime/error.h"

namespace gradus::schedule {
namespace {

/// Nominal figures for the estimate that decides whether to wake other threads.
constexpr double kFlopsPerMicrosecond = 50e3, kBytesPerMicrosecond = 20e3;
/// A chunk's values in flight should fit half of a second-level cache.
constexpr int64_t kChunkBytes = 512 << 10;
constexpr int64_t kLeastChunk = 64;
/// A range along the axis in the lanes ends at a vector tile's width, which is so many times a tile's
/// height.
constexpr int64_t kLanesToRows = 6;

class Assembler {
 public:
  Assembler(const ir::Graph& graph, const Schedule& schedule, loop::VectorUnit unit)
      : graph_(graph),
        s_(schedule),
        unit_(unit),
        memory_(schedule, static_cast<int>(graph.inputs().size() + graph.outputs().size())) {}
  ProgramPlan run();

 private:
  void find_cuts();
  void find_replicated();
  void settle_homes();
  std::vector<loop::Halo> halos_of(int node) const;
  void lower_region(int region);
  loop::Leaf lower_piece(const RegionPiece& p);
  Step::Kind kind_of(const RegionPiece& p) const;
  int64_t region_extent(int region) const;
  PlannedCall call_of(const RegionPiece& p, loop::Leaf leaf);
  int pack_of(const loop::Pack& pack, int phase);
  bool can_pack(int node, int phase) const;
  int pack_phase(int node, int phase) const;
  std::vector<PlannedStep>& phase(int p);

  const ir::Graph& graph_;
  const Schedule& s_;
  const loop::VectorUnit unit_;
  Memory memory_;
  ProgramPlan plan_;
  std::vector<RegionPiece> pieces_;
  std::vector<int> piece_of_;  // node -> piece that materialises it
  std::map<int, int> cut_;     // node -> axis that the range restricts
  std::set<int> replicated_;   // uniform values that every thread computes for itself
  struct PackedCopy {
    loop::Pack pack;
    int memory;
  };
  std::vector<PackedCopy> packs_;
};

ProgramPlan Assembler::run() {
  pieces_ = cut_pieces(s_);
  piece_of_.assign(s_.nodes.size(), -1);
  for (size_t i = 0; i < pieces_.size(); ++i) {
    for (int v : pieces_[i].piece.materialised)
      piece_of_[v] = static_cast<int>(i);
  }
  find_cuts();
  find_replicated();
  settle_homes();
  plan_.takes = choose_donations(s_, pieces_, piece_of_, graph_, replicated_);
  for (int r = 0; r < static_cast<int>(s_.regions.size()); ++r)
    lower_region(r);
  memory_.place_in_arenas();
  for (auto& phase : plan_.phases) {
    for (PlannedStep& step : phase) {
      for (PlannedCall& call : step.calls) {
        call.places = memory_.resolve(call.places, false);
        if (!call.replicas.empty()) call.replicas = memory_.resolve(call.replicas, true);
        const double flop_time = call.flops / kFlopsPerMicrosecond;
        plan_.microseconds += std::max(flop_time, call.bytes / kBytesPerMicrosecond);
      }
    }
  }
  std::erase_if(plan_.phases, [](const auto& phase) { return phase.empty(); });
  plan_.arena_bytes = memory_.arena_bytes();
  plan_.thread_arena_bytes = memory_.thread_arena_bytes();
  plan_.has_halos = memory_.has_halos();
  plan_.constants = memory_.constants();
  return std::move(plan_);
}

/// Of the axes of a label the one that can be cut most finely is, or that of partial results; labels
/// correspond position by position.
void Assembler::find_cuts() {
  for (const Region& region : s_.regions) {
    int position = -1;
    for (int v : region.nodes) {
      const auto& label = s_.label[v];
      const auto at = std::ranges::find(label, s_.nodes[v].part_axis) - label.begin();
      if (s_.nodes[v].is_partial()) position = static_cast<int>(at);
    }
    for (int v : region.nodes) {
      const auto& label = s_.label[v];
      if (label.empty()) continue;
      if (position < 0) {
        const auto pieces = [&](int a) {
          const Node& n = s_.nodes[v];
          return n.extents[a] * (a == n.parallel - 1 ? 1 : kLanesToRows);
        };
        position = static_cast<int>(std::ranges::max_element(label, {}, pieces) - label.begin());
      }
      cut_[v] = label[std::min<size_t>(position, label.size() - 1)];
    }
  }
}

/// Uniform values that labelled or private nodes read in their own phase: no barrier separates
/// them, so every thread computes them; likewise what these are computed from.
void Assembler::find_replicated() {
  for (int v = static_cast<int>(s_.nodes.size()); v-- > 0;) {
    if (s_.is_private[v]) replicated_.insert(v);
  }
  // Readers come after what they read in the order of the regions.
  for (size_t r = s_.regions.size(); r-- > 0;) {
    for (size_t i = s_.regions[r].nodes.size(); i-- > 0;) {
      const int w = s_.regions[r].nodes[i];
      const bool pulls = !s_.label[w].empty() || replicated_.contains(w);
      if (!pulls) continue;
      for (const Read& read : s_.nodes[w].reads) {
        const int u = read.source;
        const bool uniform = s_.nodes[u].kind != NodeKind::Input && s_.label[u].empty();
        if (uniform && s_.phase[u] == s_.phase[w]) replicated_.insert(u);
      }
    }
  }
  // A piece is computed by all threads or by one.
  for (bool changed = true; changed;) {
    changed = false;
    for (const RegionPiece& p : pieces_) {
      const bool any =
          std::ranges::any_of(p.piece.nodes, [&](int v) { return replicated_.contains(v); });
      if (!any || kind_of(p) == Step::Kind::Shared) continue;
      for (int v : p.piece.nodes) {
        changed |= replicated_.insert(v).second;
        for (const Read& read : s_.nodes[v].reads) {
          const int u = read.source;
          const bool uniform = s_.nodes[u].kind != NodeKind::Input && s_.label[u].empty();
          if (uniform && s_.phase[u] == s_.phase[v]) changed |= replicated_.insert(u).second;
        }
      }
    }
  }
}

Step::Kind Assembler::kind_of(const RegionPiece& p) const {
  for (int v : p.piece.materialised) {
    if (!s_.label[v].empty()) return Step::Kind::Shared;
  }
  for (int v : p.piece.materialised) {
    if (replicated_.contains(v)) return Step::Kind::Every;
  }
  return Step::Kind::One;
}

/// Where every materialised value lives.
void Assembler::settle_homes() {
  std::map<int, int> output_of;
  for (size_t o = 0; o < s_.outputs.size(); ++o)
    output_of[s_.outputs[o]] = static_cast<int>(o);
  std::vector<int> last(s_.nodes.size(), 0);
  for (int w = 0; w < static_cast<int>(s_.nodes.size()); ++w) {
    for (const Read& r : s_.nodes[w].reads) {
      last[r.source] = std::max(last[r.source], s_.phase[w]);
    }
  }
  std::vector<int> last_piece(s_.nodes.size(), -1);
  for (size_t p = 0; p < pieces_.size(); ++p) {
    for (int w : pieces_[p].piece.nodes) {
      for (const Read& r : s_.nodes[w].reads)
        last_piece[r.source] = static_cast<int>(p);
    }
  }
  for (int v = 0; v < static_cast<int>(s_.nodes.size()); ++v) {
    const Node& n = s_.nodes[v];
    if (n.kind == NodeKind::Input) {
      memory_.add_input(v);
    }
    if (piece_of_[v] < 0) continue;
    const bool whole = s_.stored[v] || s_.label[v].empty();
    if (output_of.contains(v)) {
      memory_.add_output(v, static_cast<int>(graph_.inputs().size()) + output_of[v],
                         replicated_.contains(v));
    } else if (whole && !replicated_.contains(v)) {
      const auto cut = cut_.find(v);
      memory_.add_whole(v, cut == cut_.end() ? -1 : cut->second, s_.phase[v],
                        std::max(last[v], s_.phase[v]));
    } else if (whole) {
      memory_.add_replicated(v);
    } else {
      const bool lanes = s_.regions[s_.region_of[v]].carrier_in_lanes;
      memory_.add_local(v, cut_.at(v), lanes, lanes ? halos_of(v) : std::vector<loop::Halo>(),
                        {piece_of_[v], std::max(piece_of_[v], last_piece[v])});
    }
  }
}

/// What products read around a value: one halo for each group of axes.
std::vector<loop::Halo> Assembler::halos_of(int node) const {
  std::vector<loop::Halo> halos;
  for (int w : s_.regions[s_.region_of[node]].nodes) {
    if (s_.nodes[w].kind != NodeKind::Product) continue;
    for (const Read& r : s_.nodes[w].reads) {
      if (r.source != node) continue;
      for (const Guard& g : r.guards) {
        const auto need = loop::halo_of(s_.nodes[w], r, g, s_.nodes[node]);
        if (!need) continue;
        const auto same = std::ranges::find_if(
            halos, [&](const auto& h) { return h.lo == need->lo && h.hi == need->hi; });
        const bool apart = std::ranges::all_of(
            halos, [&](const auto& h) { return h.hi <= need->lo || need->hi <= h.lo; });
        if (same != halos.end()) {
          same->low = std::max(same->low, need->low);
          same->high = std::max(same->high, need->high);
        } else if (apart) {
          halos.push_back(*need);
        }
      }
    }
  }
  return halos;
}

int64_t Assembler::region_extent(int region) const {
  for (int v : s_.regions[region].nodes) {
    auto it = cut_.find(v);
    if (it != cut_.end()) return s_.nodes[v].extents[it->second];
  }
  return 1;
}

std::vector<PlannedStep>& Assembler::phase(int p) {
  if (static_cast<size_t>(p) >= plan_.phases.size())
    plan_.phases.resize(static_cast<size_t>(p) + 1);
  return plan_.phases[static_cast<size_t>(p)];
}

/// The phase in which a packed copy for readers in `phase` is made: the one before, if the value is
/// known by then.
int Assembler::pack_phase(int node, int phase) const {
  const bool input = s_.nodes[node].kind == NodeKind::Input;
  const int known = input ? -1 : s_.phase[node];
  return known < phase - 1 ? phase - 1 : -1;
}

bool Assembler::can_pack(int node, int phase) const {
  if (s_.nodes[node].kind != NodeKind::Input && (!s_.stored[node] || replicated_.contains(node))) {
    return false;
  }
  return pack_phase(node, phase) >= 0;
}

loop::Leaf Assembler::lower_piece(const RegionPiece& p) {
  const int phase = s_.regions[p.region].phase;
  const loop::LowerContext context{s_,
                                   memory_.storage(),
                                   unit_,
                                   cut_,
                                   [&](int v) { return memory_.is_local(v); },
                                   [&](int v) { return can_pack(v, phase); }};
  return loop::lower(context, p.piece);
}

void Assembler::lower_region(int region) {
  std::vector<const RegionPiece*> own;
  for (const RegionPiece& p : pieces_) {
    if (p.region == region) own.push_back(&p);
  }
  const int at = s_.regions[region].phase;
  const int64_t extent = region_extent(region);
  const bool in_lanes = s_.regions[region].carrier_in_lanes;
  const int64_t least = in_lanes ? s_.regions[region].lane_block : 1;
  PlannedStep shared{Step::Kind::Shared, extent, least, std::max<int64_t>(1, extent), {}};
  PlannedStep one{Step::Kind::One, 1, 1, 1, {}}, every{Step::Kind::Every, 1, 1, 1, {}};
  int64_t local_bytes = 0;  // per point of the carrier
  for (int v : s_.regions[region].nodes) {
    if (memory_.is_local(v)) local_bytes += s_.nodes[v].bytes() / std::max<int64_t>(1, extent);
  }
  const auto set_chunk = [&] {
    if (local_bytes == 0 && !in_lanes) return;
    // Vectors of the carrier stand side by side: one granule.
    const int64_t rows =
        in_lanes ? shared.granule : std::max(kLeastChunk, kChunkBytes / local_bytes);
    // Equal chunks of whole granules.
    const int64_t granules = (extent + shared.granule - 1) / shared.granule;
    const int64_t most = std::max<int64_t>(1, rows / shared.granule);
    const int64_t chunks = std::max<int64_t>(1, (granules + most - 1) / most);
    shared.chunk = std::max<int64_t>(1, (granules + chunks - 1) / chunks) * shared.granule;
    for (int v : s_.regions[region].nodes) {
      if (memory_.is_local(v)) memory_.set_capacity(v, shared.chunk);
    }
  };
  // Kernels fix the granule of the range, that the chunk, and that the strides of its values, which
  // kernels are called with: those made for a smaller granule are made again.
  set_chunk();
  std::vector<loop::Leaf> leaves(own.size());
  std::vector<int64_t> made_for(own.size(), -1);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < own.size(); ++i) {
      if (made_for[i] == shared.chunk) continue;
      leaves[i] = lower_piece(*own[i]);
      made_for[i] = shared.chunk;
      if (kind_of(*own[i]) != Step::Kind::Shared) continue;
      const int64_t granule = std::lcm(shared.granule, leaves[i].granule);
      if (granule == shared.granule) continue;
      shared.granule = granule;
      set_chunk();
      changed = true;
    }
  }
  GRADUS_CHECK(!in_lanes || shared.chunk == least, "a chunk is no block of images");
  for (size_t i = 0; i < own.size(); ++i) {
    PlannedCall call = call_of(*own[i], std::move(leaves[i]));
    const Step::Kind kind = kind_of(*own[i]);
    (kind == Step::Kind::Shared ? shared
     : kind == Step::Kind::One  ? one
                                : every)
        .calls.push_back(std::move(call));
  }
  auto& steps = phase(at);
  for (PlannedStep* step : {&every, &one, &shared}) {
    if (!step->calls.empty()) steps.push_back(std::move(*step));
  }
}

int Assembler::pack_of(const loop::Pack& pack, int reader_phase) {
  for (const PackedCopy& c : packs_) {
    if (c.pack == pack) return c.memory;
  }
  const Node& n = s_.nodes[pack.node];
  const auto width = static_cast<int64_t>(size_of(n.dtype));
  const int64_t panels = (pack.n_extent + pack.width - 1) / pack.width;
  const int at = pack_phase(pack.node, reader_phase);
  const int64_t k_extent = pack.k_extent(), panel = k_extent * pack.width;
  const int memory = memory_.add_copy(static_cast<size_t>(panels * panel * width), at,
                                      static_cast<int>(s_.nodes.size()));
  const auto add_call = [&](PlannedStep& step, int64_t to, int64_t from, int64_t n_extent,
                            ArgRule first, ArgRule last) {
    PlannedCall call{.label = fmt::format("pack {}x{}", k_extent, pack.n_extent),
                     .packed_dtype = n.dtype,
                     .is_pack = true};
    call.places = {memory_.copy_place(memory), memory_.place(pack.node)};
    call.places[0].offset += to * width;
    call.places[1].offset += (pack.offset + from) * width;
    using Kind = ArgRule::Kind;
    call.args = {first,
                 last,
                 {Kind::Constant, n_extent},
                 {Kind::Constant, pack.k_extents.back()},
                 {Kind::Constant, pack.n_stride},
                 {Kind::Constant, pack.k_strides.back()},
                 {Kind::Constant, pack.width}};
    call.bytes = 2.0 * static_cast<double>(n_extent * pack.k_extents.back() * width);
    step.calls.push_back(std::move(call));
  };
  using Kind = ArgRule::Kind;
  if (pack.k_extents.size() == 1) {
    PlannedStep step{Step::Kind::Shared, panels, 1, panels, {}};
    add_call(step, 0, 0, pack.n_extent, {Kind::Begin, 1, 0}, {Kind::End, 1, 0});
    phase(at).push_back(std::move(step));
  } else {
    // A call for each panel and each point of the outer reduced axes.
    PlannedStep step{Step::Kind::One, 1, 1, 1, {}};
    const int64_t inner = pack.k_extents.back(), slices = k_extent / inner;
    for (int64_t p = 0; p < panels; ++p) {
      for (int64_t s = 0; s < slices; ++s) {
        int64_t from = p * pack.width * pack.n_stride, rest = s;
        for (size_t r = pack.k_extents.size() - 1; r-- > 0;) {
          from += rest % pack.k_extents[r] * pack.k_strides[r];
          rest /= pack.k_extents[r];
        }
        add_call(step, p * panel + s * inner * pack.width, from,
                 std::min(pack.width, pack.n_extent - p * pack.width), {Kind::Constant, 0},
                 {Kind::Constant, 1});
      }
    }
    phase(at).push_back(std::move(step));
  }
  packs_.push_back({pack, memory});
  return memory;
}

PlannedCall Assembler::call_of(const RegionPiece& p, loop::Leaf leaf) {
  PlannedCall call;
  bool replicas = false;
  for (const loop::BufferRule& rule : leaf.buffers) {
    const auto width = static_cast<int64_t>(size_of(s_.nodes[rule.node].dtype));
    const auto piece = static_cast<int>(&p - pieces_.data());
    Place place;
    if (rule.scratch > 0) {
      const auto bytes = static_cast<size_t>(rule.scratch * width);
      place = memory_.copy_place(memory_.add_scratch(bytes, piece));
    } else if (rule.packed >= 0) {
      place = memory_.copy_place(pack_of(leaf.packs[rule.packed], s_.regions[p.region].phase));
    } else {
      place = memory_.place(rule.node);
    }
    place.step = rule.step * width;
    place.divisor = rule.divisor;
    call.places.push_back(place);
    replicas |= rule.packed < 0 && rule.scratch == 0 && memory_.has_replica(rule.node);
  }
  if (replicas) call.replicas = call.places;
  call.args = leaf.args;
  std::set<std::string> names;
  int heaviest = p.piece.nodes[0];
  for (int v : p.piece.nodes) {
    const Node& n = s_.nodes[v];
    if (n.work >= s_.nodes[heaviest].work) heaviest = v;
    call.flops += n.work;
    const std::string name = n.combine ? "combine" : n.op ? n.op->name : "copy";
    if (names.insert(name).second) call.label += (call.label.empty() ? "" : " ") + name;
    if (p.piece.materialised.contains(v)) call.bytes += static_cast<double>(n.bytes());
    for (const Read& r : n.reads)
      call.bytes += static_cast<double>(s_.nodes[r.source].bytes());
  }
  const Node& n = s_.nodes[heaviest];
  call.label +=
      fmt::format(" {}", fmt::join(n.extents.begin(), n.extents.begin() + n.parallel, "x"));
  if (n.extents.size() > static_cast<size_t>(n.parallel)) {
    call.label +=
        fmt::format("|{}", fmt::join(n.extents.begin() + n.parallel, n.extents.end(), "x"));
  }
  call.leaf = std::move(leaf);
  return call;
}

}  // namespace

ProgramPlan assemble(const ir::Graph& graph, const Schedule& schedule, loop::VectorUnit unit) {
  return Assembler(graph, schedule, unit).run();
}

std::string to_string(const ProgramPlan& plan) {
  std::string text;
  constexpr const char* kKinds[] = {"shared", "one", "every"};
  for (size_t p = 0; p < plan.phases.size(); ++p) {
    text += fmt::format("phase {}\n", p);
    for (const PlannedStep& step : plan.phases[p]) {
      text +=
          fmt::format("  {} extent {} granule {} chunk {}\n", kKinds[static_cast<int>(step.kind)],
                      step.extent, step.granule, step.chunk);
      for (const PlannedCall& c : step.calls) {
        text +=
            fmt::format("    {:<40} {:>12.0f} flop {:>12.0f} bytes\n", c.label, c.flops, c.bytes);
      }
    }
  }
  text +=
      fmt::format("arena {} bytes, {} bytes a thread\n", plan.arena_bytes, plan.thread_arena_bytes);
  return text;
}

}  // namespace gradus::schedule
