// The cache behind a jitted function, and the path of one call.
//
// A hit takes no lock: readers announce themselves in a counter and scan an immutable table;
// writers publish a new table and free replaced ones when no reader is left. A miss is traced and
// compiled by one thread per signature while the others wait for it.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "compiler/ir/print.h"
#include "compiler/pipeline.h"
#include "frontend/tracing.h"
#include "frontend/transform.h"
#include "runtime/executable.h"
#include "runtime/log.h"
#include "runtime/options.h"

namespace gradus::detail {
namespace {

/// What decides which program a call needs, as words: for leaves the address of the interned type,
/// for static values their bits. The C++ types fix the grammar, so words need no tags.
using Signature = std::vector<uint64_t>;

uint64_t hash_of(const Signature& words) {
  uint64_t h = words.size();
  for (uint64_t word : words) {
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
  }
  return h;
}

/// What a thread needs for one call; kept for the next one.
struct Frame {
  Signature signature;
  std::vector<TensorImpl*> leaves;
  std::vector<uint8_t> owned;  // by leaf
  std::vector<BufferPtr> inputs, outputs;
  const struct Entry* entry = nullptr;
};

thread_local std::vector<std::unique_ptr<Frame>> spare_frames;

Frame* take_frame() {
  if (spare_frames.empty()) return new Frame;
  Frame* frame = spare_frames.back().release();
  spare_frames.pop_back();
  return frame;
}

void give_back(Frame* frame) {
  frame->signature.clear();
  frame->leaves.clear();
  frame->owned.clear();
  frame->inputs.clear();
  frame->outputs.clear();
  frame->entry = nullptr;
  spare_frames.emplace_back(frame);
}

class SignatureVisitor final : public TreeVisitor {
 public:
  SignatureVisitor(Frame& frame, SourcePos where) : frame_(frame), where_(where) {}

  void leaf(Tensor& tensor) override {
    TensorImpl* impl = impl_of(tensor);
    if (!impl || impl->state != TensorImpl::State::Concrete) fail_leaf(tensor);
    frame_.signature.push_back(reinterpret_cast<uint64_t>(impl->type));
    frame_.leaves.push_back(impl);
    frame_.owned.push_back(owned);
  }
  void fixed(std::string_view, uint64_t bits) override { frame_.signature.push_back(bits); }
  void fixed_text(std::string_view, std::string_view text) override {
    frame_.signature.push_back(text.size());
    for (size_t i = 0; i < text.size(); i += sizeof(uint64_t)) {
      uint64_t word = 0;
      std::memcpy(&word, text.data() + i, std::min(sizeof word, text.size() - i));
      frame_.signature.push_back(word);
    }
  }

  bool owned = false;

 private:
  [[noreturn]] void fail_leaf(const Tensor& tensor) {
    if (tensor.is_traced()) {
      throw TraceError(Message{
          "jit",
          fmt::format("a traced tensor escaped its trace; got {}", describe(*impl_of(tensor))),
          where_,
          "return it from the traced function instead of keeping it in a "
          "variable outside"});
    }
    buffer_of("jit", tensor, where_);
    internal_error(__FILE__, __LINE__, "unreadable leaf");
  }

  Frame& frame_;
  SourcePos where_;
};

void read_signature(Frame& frame, const Traceable& call, SourcePos where) {
  SignatureVisitor visitor(frame, where);
  frame.signature.push_back(static_cast<uint64_t>(compilation_options_id()));
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    visitor.owned = call.owned[i];
    call.arguments[i].visit(visitor);
  }
}

/// One compiled program.
struct Entry {
  Signature signature;
  std::shared_ptr<const Executable> executable;
  std::vector<const Type*> outputs;
  TracedResult prototype;
  std::vector<TreeFact> facts;
  mutable std::atomic<bool> used{true};  // since the clock hand passed
};

struct Table {
  std::vector<std::pair<uint64_t, std::shared_ptr<Entry>>> rows;
};

}  // namespace

class JitState {
 public:
  JitState(JitOptions options, SourcePos where)
      : options_(std::move(options)), where_(where), table_(new Table) {}
  ~JitState() { delete table_.load(); }
  JitState(const JitState&) = delete;
  JitState& operator=(const JitState&) = delete;

  SourcePos where() const { return where_; }
  const std::string& name() const { return options_.name; }
  int compilations() const { return compilations_.load(std::memory_order_relaxed); }

  /// Entries and tables that a reader sees live until it leaves.
  void enter() { readers_.fetch_add(1, std::memory_order_seq_cst); }
  void leave() {
    const bool last = readers_.fetch_sub(1, std::memory_order_seq_cst) == 1;
    if (last && has_retired_.load(std::memory_order_relaxed)) free_retired();
  }

  /// The program for the call, which has entered.
  const Entry* find_or_make(const Signature& signature, std::span<TensorImpl* const> leaves,
                            const Traceable& call) {
    const uint64_t hash = hash_of(signature);
    if (const Entry* entry = find(hash, signature)) return entry;
    return miss(hash, signature, leaves, call);
  }

  ir::Graph trace(std::span<TensorImpl* const> leaves, const Traceable& call,
                  const std::vector<TreeFact>& facts, TracedResult& result) const {
    const PositionScope scope("jit", where_);
    Trace trace(Trace::Kind::Jit, "jit", options_.name);
    std::vector<Tensor> inputs;
    for (const TreeFact& fact : facts) {
      if (!fact.is_static)
        inputs.push_back(trace.parameter(*leaves[inputs.size()]->type, fact.path));
    }
    result = call_user(call, inputs);
    std::vector<Tensor> outputs;
    for (Tensor* x : leaves_of(result.tree))
      outputs.push_back(*x);
    ir::Graph graph = trace.finish(outputs, paths_of(result.tree));
    for (Tensor* x : leaves_of(result.tree))
      *x = Tensor();
    return graph;
  }

  std::vector<TreeFact> facts(const Traceable& call) const {
    std::vector<TreeFact> all;
    for (size_t i = 0; i < call.arguments.size(); ++i) {
      auto more = facts_of(call.arguments[i], argument_name(i, options_.arguments));
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }

 private:
  const Entry* find(uint64_t hash, const Signature& signature) const {
    for (const auto& [row_hash, entry] : table_.load(std::memory_order_seq_cst)->rows) {
      if (row_hash != hash || entry->signature != signature) continue;
      if (!entry->used.load(std::memory_order_relaxed)) entry->used.store(true);
      return entry.get();
    }
    return nullptr;
  }

  const Entry* miss(uint64_t hash, const Signature& signature, std::span<TensorImpl* const> leaves,
                    const Traceable& call) {
    std::unique_lock lock(mutex_);
    while (true) {
      if (const Entry* entry = find(hash, signature)) return entry;
      const bool in_flight = std::ranges::any_of(
          in_flight_, [&](const Signature* other) { return *other == signature; });
      if (!in_flight) break;
      landed_.wait(lock);
    }
    in_flight_.push_back(&signature);
    lock.unlock();
    std::shared_ptr<Entry> entry;
    try {
      entry = make(signature, leaves, call);
    } catch (...) {
      lock.lock();
      land(signature);
      throw;
    }
    lock.lock();
    land(signature);
    publish(hash, entry);
    return entry.get();
  }

  void land(const Signature& signature) {
    std::erase(in_flight_, &signature);
    landed_.notify_all();
  }

  std::shared_ptr<Entry> make(const Signature& signature, std::span<TensorImpl* const> leaves,
                              const Traceable& call) {
    auto entry = std::make_shared<Entry>();
    entry->signature = signature;
    entry->facts = facts(call);
    explain(*entry);
    const ir::Graph graph = trace(leaves, call, entry->facts, entry->prototype);
    entry->executable = compile(graph, {.name = options_.name});
    for (const Type& type : entry->executable->output_types()) {
      entry->outputs.push_back(interned(type));
    }
    compilations_.fetch_add(1, std::memory_order_relaxed);
    return entry;
  }

  /// Says in the log why a program is made, and warns of static values that keep changing.
  void explain(const Entry& entry) {
    std::scoped_lock lock(mutex_);
    if (!latest_) {
      GRADUS_LOG(Debug, "[jit] compiling {}; {}:{}", options_.name, where_.file, where_.line);
      return;
    }
    std::string changes;
    const auto& before = latest_->facts;
    const auto& now = entry.facts;
    const auto note = [&](const std::string& path, std::string_view from, std::string_view to) {
      changes += fmt::format("{}{}: {} \u2192 {}", changes.empty() ? "" : ", ", path, from, to);
    };
    for (size_t i = 0; i < std::max(before.size(), now.size()); ++i) {
      if (i >= before.size() || i >= now.size() || before[i].path != now[i].path) {
        if (!changes.empty()) break;  // the reason has been said: from here on the trees differ
        note(i < now.size() ? now[i].path : before[i].path,
             i < before.size() ? before[i].text : "nothing",
             i < now.size() ? now[i].text : "nothing");
        break;
      }
      if (before[i].text == now[i].text) continue;
      note(now[i].path, before[i].text, now[i].text);
      if (now[i].is_static) count_static_miss(now[i].path);
    }
    if (changes.empty()) changes = "its program had been dropped, or options have changed";
    GRADUS_LOG(Info, "[jit] compiling {} again: {}; {}:{}", options_.name, changes, where_.file,
               where_.line);
  }

  void count_static_miss(const std::string& path) {
    if (++static_misses_[path] != kStaticMissesToWarn) return;
    GRADUS_LOG(Warning,
               "[jit] {} was compiled {} times for new values of the static {}; {}:{}; pass it as "
               "a Tensor if its value may vary",
               options_.name, kStaticMissesToWarn, path, where_.file, where_.line);
  }

  /// A new table with the entry; at capacity without one that was not used of late.
  void publish(uint64_t hash, std::shared_ptr<Entry> entry) {
    latest_ = entry;
    const Table* old = table_.load();
    auto next = std::make_unique<Table>(*old);
    const auto capacity = static_cast<size_t>(std::max(options_.capacity, 1));
    while (next->rows.size() >= capacity) {
      hand_ = hand_ % next->rows.size();
      if (next->rows[hand_].second->used.exchange(false)) {
        ++hand_;
      } else {
        next->rows.erase(next->rows.begin() + static_cast<ptrdiff_t>(hand_));
      }
    }
    next->rows.emplace_back(hash, std::move(entry));
    table_.store(next.release(), std::memory_order_seq_cst);
    retired_.emplace_back(old);
    has_retired_.store(true, std::memory_order_relaxed);
  }

  /// A reader that enters after the check sees the published table, never a retired one.
  void free_retired() {
    std::vector<std::unique_ptr<const Table>> dead;
    std::scoped_lock lock(mutex_);
    if (readers_.load(std::memory_order_seq_cst) != 0) return;
    dead.swap(retired_);
    has_retired_.store(false, std::memory_order_relaxed);
  }

  static constexpr int kStaticMissesToWarn = 8;

  const JitOptions options_;
  const SourcePos where_;
  std::atomic<const Table*> table_;
  std::atomic<int> readers_{0}, compilations_{0};
  std::atomic<bool> has_retired_{false};

  std::mutex mutex_;  // guards what follows; misses only
  std::condition_variable landed_;
  std::vector<const Signature*> in_flight_;
  std::vector<std::unique_ptr<const Table>> retired_;
  std::shared_ptr<const Entry> latest_;
  size_t hand_ = 0;
  std::map<std::string, int> static_misses_;
};

std::shared_ptr<JitState> make_jit_state(JitOptions options, SourcePos where) {
  return std::make_shared<JitState>(std::move(options), where);
}

int compilations_of(const JitState& state) {
  return state.compilations();
}
bool is_tracing() {
  return Trace::innermost() != nullptr;
}

namespace {

/// Binds the leaves' memory to the program's inputs. Leaves whose only handle is the caller's rvalue
/// are moved in; if the program does not run they get their memory back.
class Binding {
 public:
  Binding(Frame& frame, SourcePos where) : frame_(frame) {
    frame.inputs.reserve(frame.leaves.size());
    for (size_t i = 0; i < frame.leaves.size(); ++i) {
      TensorImpl& leaf = *frame.leaves[i];
      if (leaf.state == TensorImpl::State::Donated) {
        // The same handle stands twice among the arguments: two inputs share the memory.
        const auto first = std::ranges::find(frame.leaves, &leaf) - frame.leaves.begin();
        frame.inputs.push_back(frame.inputs[static_cast<size_t>(first)]);
      } else if (frame.owned[i] && is_donatable(leaf)) {
        frame.inputs.push_back(std::move(leaf.buffer));
        leaf.state = TensorImpl::State::Donated;
        leaf.made = where;
      } else {
        frame.inputs.push_back(leaf.buffer);
      }
    }
  }
  ~Binding() {
    if (done) return;
    for (size_t i = 0; i < frame_.inputs.size(); ++i) {
      TensorImpl& leaf = *frame_.leaves[i];
      if (leaf.state != TensorImpl::State::Donated || !frame_.inputs[i]) continue;
      leaf.buffer = frame_.inputs[i];
      leaf.state = TensorImpl::State::Concrete;
    }
  }
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;

  bool done = false;

 private:
  static bool is_donatable(const TensorImpl& leaf) {
    if (leaf.buffer->is_borrowed()) return false;
    if (leaf.references.load(std::memory_order_acquire) == 1) return true;
    GRADUS_LOG(Debug, "[jit] {} is not donated: other handles on it live", to_string(*leaf.type));
    return false;
  }

  Frame& frame_;
};

}  // namespace

JitRun::JitRun(JitState& state, const Traceable& call) : state_(state), frame_(take_frame()) {
  Frame& frame = *static_cast<Frame*>(frame_);
  state.enter();
  try {
    read_signature(frame, call, state.where());
    frame.entry = state.find_or_make(frame.signature, frame.leaves, call);
    frame.outputs.resize(frame.entry->outputs.size());
    Binding binding(frame, state.where());
    frame.entry->executable->run(frame.inputs, frame.outputs);
    binding.done = true;
  } catch (...) {
    give_back(&frame);
    state.leave();
    throw;
  }
}

JitRun::~JitRun() {
  give_back(static_cast<Frame*>(frame_));
  state_.leave();
}

const void* JitRun::prototype() const {
  return static_cast<Frame*>(frame_)->entry->prototype.object.get();
}

void JitRun::give_results(TreeRef copy) {
  struct Give final : TreeVisitor {
    Give(Frame& frame, SourcePos where) : frame(frame), where(where) {}
    void leaf(Tensor& tensor) override {
      tensor = wrap_buffer(frame.entry->outputs[next], std::move(frame.outputs[next]), where);
      ++next;
    }
    Frame& frame;
    SourcePos where;
    size_t next = 0;
  } give(*static_cast<Frame*>(frame_), state_.where());
  copy.visit(give);
}

void jit_compile_only(JitState& state, const Traceable& call) {
  Frame frame;
  read_signature(frame, call, state.where());
  state.enter();
  try {
    state.find_or_make(frame.signature, frame.leaves, call);
  } catch (...) {
    state.leave();
    throw;
  }
  state.leave();
}

std::string jit_graph_text(JitState& state, const Traceable& call) {
  Frame frame;
  read_signature(frame, call, state.where());
  TracedResult result;
  return ir::print(state.trace(frame.leaves, call, state.facts(call), result));
}

LibraryCall::LibraryCall(const char* op, SourcePos where) {
  enter_position(op, where);
}
LibraryCall::~LibraryCall() {
  leave_position();
}

}  // namespace gradus::detail
