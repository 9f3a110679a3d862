// A stored elementwise value that later phases read is computed again there (its cone of unstored
// elementwise ops and products) if that costs less than store + loads. The copy takes the label
// that its reader's carrier maps to, or is private to each worker, or uniform beside a uniform
// reader, whose region comes before those of private nodes. What the cone starts from is stored
// instead, which is counted.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_set>

#include "compiler/schedule/state.h"

namespace gradus::schedule {
namespace {

/// Where a copy beside a reader lives, and how many workers then compute each element.
struct Landing {
  std::vector<int> label;  // empty: private to each worker, or uniform
  int64_t times = 1;
  bool is_private = false;
};

/// The label of a source whose reader has `label`; empty unless every axis is identical.
std::vector<int> label_above(const Read& r, const std::vector<int>& label) {
  std::vector<int> above;
  for (int a : label) {
    above.push_back(source_axis(r, a));
    if (above.back() < 0) return {};
  }
  return above;
}

class Repeats {
 public:
  explicit Repeats(State& state) : st_(state), stamp_(state.nodes.size(), 0) {}
  void run();

 private:
  using Key = std::tuple<int, int, std::vector<int>, bool>;  // node, phase, label, private

  Landing landing(const Use& w) const;
  void find_cone(int v);
  bool is_worth_it(int v, const std::vector<Use>& late);
  int copy_of(int v, int phase, const Landing& landing);
  int begin_copy(const Key& key);
  void sweep();

  bool is_loaded(int phase, int u) const { return loaded_.contains(key_of(phase, u)); }
  int64_t key_of(int phase, int u) const { return (static_cast<int64_t>(phase) << 32) | u; }

  State& st_;
  std::vector<char> stored_;
  std::unordered_set<int64_t> loaded_;  // (phase, node): read there in any case
  std::vector<int> cone_, leaves_;      // of the node at hand
  std::vector<int> stamp_;
  int turn_ = 0;
  std::map<Key, int> made_;
};

Landing Repeats::landing(const Use& w) const {
  const auto& label = st_.label[w.node];
  const int64_t workers = st_.options.workers;
  if (label.empty()) return {{}, workers, st_.s.is_private[w.node] != 0};
  auto above = label_above(st_.read(w), label);
  if (!above.empty()) return {std::move(above), 1, false};
  return {{}, std::min(workers, st_.units(w.node, label)), true};
}

void Repeats::find_cone(int v) {
  ++turn_;
  cone_.clear();
  leaves_.clear();
  std::vector<int> stack{v};
  while (!stack.empty() && cone_.size() <= nominal::kCone) {
    const int u = stack.back();
    stack.pop_back();
    if (stamp_[u] == turn_) continue;
    stamp_[u] = turn_;
    const Node& n = st_.nodes[u];
    const bool again = (n.kind == NodeKind::Elementwise || n.kind == NodeKind::Product) &&
                       !stored_[u] && st_.loop_of[u] < 0 && !st_.label[u].empty() &&
                       !n.is_partial();
    if (u == v || again) {
      cone_.push_back(u);
      for (const Read& r : n.reads)
        stack.push_back(r.source);
    } else if (st_.is_input(u) || !st_.label[u].empty()) {
      leaves_.push_back(u);
    }
  }
}

bool Repeats::is_worth_it(int v, const std::vector<Use>& late) {
  const auto moved = [&](int u) { return nominal::far(static_cast<double>(st_.nodes[u].bytes())); };
  double keep = moved(v), redo = 0, work = 0;
  for (int u : cone_)
    work += st_.nodes[u].work;
  for (int u : leaves_)
    redo += !st_.is_input(u) && !stored_[u] ? moved(u) : 0;
  std::set<std::tuple<int, std::vector<int>, int64_t>> places;
  for (const Use& w : late) {
    auto [label, times, is_private] = landing(w);
    places.emplace(st_.phase[w.node], std::move(label), times);
  }
  for (const auto& [phase, label, times] : places) {
    const auto n = static_cast<double>(times);
    keep += n * moved(v);
    redo += n * work / nominal::kPeak;
    for (int u : leaves_)
      redo += times > 1 || !is_loaded(phase, u) ? n * moved(u) : 0;
  }
  return redo < keep && cone_.size() <= nominal::kCone;
}

void Repeats::run() {
  stored_.assign(st_.nodes.size(), 0);
  const Components comps = st_.ordered();
  for (int v : comps.order) {
    stored_[v] = st_.crosses(v);
    for (const Read& r : st_.nodes[v].reads)
      loaded_.insert(key_of(st_.phase[v], r.source));
  }
  std::vector<int> chosen;
  for (size_t i = 0; i < comps.size(); ++i) {
    const int v = comps[i][0];
    const Node& n = st_.nodes[v];
    if (n.kind != NodeKind::Elementwise || st_.loop_of[v] >= 0 || n.out || st_.label[v].empty() ||
        !stored_[v]) {
      continue;
    }
    std::vector<Use> late;
    bool in_loop = false;
    for (const Use& w : st_.users[v]) {
      if (st_.phase[w.node] <= st_.phase[v]) continue;
      late.push_back(w);
      in_loop |= st_.loop_of[w.node] >= 0;
    }
    if (late.empty() || in_loop) continue;
    find_cone(v);
    if (!is_worth_it(v, late)) continue;
    stored_[v] = 0;
    for (int u : leaves_) {
      if (!st_.is_input(u)) stored_[u] = 1;
    }
    chosen.push_back(v);
    for (const Use& w : late) {
      for (int u : leaves_)
        loaded_.insert(key_of(st_.phase[w.node], u));
    }
  }
  for (int v : chosen) {
    const auto readers = st_.users[v];
    for (const Use& w : readers) {
      if (st_.phase[w.node] <= st_.phase[v]) continue;
      const int copy = copy_of(v, st_.phase[w.node], landing(w));
      st_.nodes[w.node].reads[w.read].source = copy;
    }
  }
  sweep();
}

int Repeats::begin_copy(const Key& key) {
  const auto& [v, phase, label, is_private] = key;
  Node copy = st_.nodes[v];
  copy.out = false;
  const int c = st_.add(std::move(copy));
  made_.emplace(key, c);
  stored_.resize(st_.nodes.size(), 0);
  st_.phase[c] = phase;
  st_.label[c] = label;
  st_.s.is_private[c] = is_private;
  return c;
}

int Repeats::copy_of(int v, int phase, const Landing& landing) {
  const Key root{v, phase, landing.label, landing.is_private};
  if (const auto it = made_.find(root); it != made_.end()) return it->second;
  struct Open {
    int copy;
    size_t read;
  };
  const int result = begin_copy(root);
  std::vector<Open> stack{{result, 0}};
  while (!stack.empty()) {
    auto& [c, i] = stack.back();
    if (i == st_.nodes[c].reads.size()) {
      stack.pop_back();
      continue;
    }
    Read& r = st_.nodes[c].reads[i++];
    if (st_.is_input(r.source) || st_.label[r.source].empty() || stored_[r.source]) continue;
    auto label = label_above(r, st_.label[c]);
    // What a uniform copy reads is uniform, too.
    const bool is_uniform = st_.label[c].empty() && !st_.s.is_private[c];
    const bool is_private = label.empty() && !is_uniform;
    const Key key{r.source, phase, std::move(label), is_private};
    if (const auto it = made_.find(key); it != made_.end()) {
      r.source = it->second;
      continue;
    }
    const int reader = c;
    const size_t read = i - 1;
    const int copy = begin_copy(key);  // moves the nodes
    st_.nodes[reader].reads[read].source = copy;
    stack.push_back({copy, 0});
  }
  return result;
}

void Repeats::sweep() {
  std::vector<char> live(st_.nodes.size(), 0);
  std::vector<int> stack;
  const auto reach = [&](int v) {
    if (!live[v]) stack.push_back(v);
    live[v] = 1;
  };
  for (int v = 0; v < st_.size(); ++v) {
    if (st_.nodes[v].out) reach(v);
  }
  while (!stack.empty()) {
    const int v = stack.back();
    stack.pop_back();
    for (const Read& r : st_.nodes[v].reads)
      reach(r.source);
  }
  for (int v = 0; v < st_.size(); ++v) {
    Node& n = st_.nodes[v];
    if (live[v] || st_.is_input(v)) continue;
    n.kind = NodeKind::Dead;
    n.reads.clear();
    n.operands.clear();
  }
  st_.find_users();
}

}  // namespace

void repeat_cheap_values(State& state) {
  Repeats(state).run();
}

}  // namespace gradus::schedule
