// Batches of a data set, epoch by epoch.
//
//     auto batches = data::batches(mnist.train, {.size = 256, .order = data::Order::numpy(0)})
//                        .map(scaled)     // a function from batch to batch
//                        .prefetch(2);    // made ahead, on a thread
//     for (int64_t epoch = 0; epoch < 10; ++epoch)
//       for (auto& [images, labels] : batches.epoch(epoch)) …
//
// A batch is made when it is reached and dropped when the next one is, so that memory is bounded by
// one batch and those made ahead. What an epoch visits depends on its number alone: a run that was
// stopped after batch k of epoch e goes on with `epoch(e, k)`, and sees what it would have seen.
#pragma once

#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gradus/data/order.h>
#include <gradus/runtime/error.h>

namespace gradus::data {

/// How items become batches.
struct Batching {
  int64_t size = 1;        // items of a batch
  bool drop_rest = false;  // leave out the last batch if it is smaller
  Order order = {};        // of the items
};

/// The batch that comes next.
struct Position {
  int64_t epoch = 0, batch = 0;
  friend bool operator==(const Position&, const Position&) = default;
};

namespace detail {

/// The part of Batches that does not depend on what a batch is.
struct Plan {
  int64_t items = 0;
  Batching batching;
  int64_t ahead = 0;  // batches made ahead on a thread

  int64_t visited() const { return batching.order.length(items); }
  int64_t batches() const;
  /// ValueError for a batch size or a number of batches ahead that cannot be.
  void check() const;
};

/// What a walk visits: indices of items, batch by batch.
class Visit {
 public:
  Visit(const Plan& plan, int64_t epoch, int64_t first);
  int64_t batches() const { return batches_; }
  /// Valid until the next call.
  std::span<const int64_t> items_of(int64_t batch);

 private:
  Order::Indices order_;
  std::vector<int64_t> in_order_;  // of one batch, if there is no order
  int64_t visited_, size_, batches_;
};

/// Makes values ahead of their use on a thread, in order, at most `ahead` at a time beside the one
/// that is being made. An exception comes out of the call of next() that would have returned the
/// value. Destruction waits for the value that is being made, and drops the rest.
class Producer {
 public:
  using Make = std::function<std::shared_ptr<void>(int64_t index)>;

  Producer(Make make, int64_t first, int64_t end, int64_t ahead);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  std::shared_ptr<void> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string describe(const Plan& plan, Position position);
Position parse_position(const Plan& plan, const std::string& text, SourcePos where);

}  // namespace detail

/// One pass over the batches of an epoch.
template <class B>
class Walk {
  struct State;

 public:
  class Iterator {
   public:
    using value_type = B;
    using difference_type = std::ptrdiff_t;

    /// The batch, until the iterator moves on. It may be moved out of.
    B& operator*() const { return walk_->current(); }
    B* operator->() const { return &walk_->current(); }
    Iterator& operator++() {
      walk_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return walk_->at_end(); }

   private:
    friend class Walk;
    explicit Iterator(std::shared_ptr<State> walk) : walk_(std::move(walk)) {}
    std::shared_ptr<State> walk_;
  };

  Iterator begin() const { return Iterator(state_); }
  std::default_sentinel_t end() const { return {}; }

  /// The batch after the one that the iterator stands at: where a run that has used that one goes
  /// on. Behind the last batch of an epoch it is the first of the next epoch.
  Position position() const { return state_->position(); }

  /// For the library: walks batches first, …, end-1 of an epoch.
  Walk(std::function<B(int64_t batch)> make, int64_t epoch, int64_t first, int64_t end,
       int64_t ahead)
      : state_(std::make_shared<State>()) {
    state_->epoch = epoch;
    state_->next = first;
    state_->end = end;
    state_->make = std::move(make);
    if (ahead == 0 || first >= end) return;
    state_->producer = std::make_unique<detail::Producer>(
        [make = state_->make](int64_t i) { return std::make_shared<B>(make(i)); }, first, end,
        ahead);
  }

 private:
  struct State {
    std::function<B(int64_t)> make;
    int64_t epoch = 0, next = 0, end = 0;
    std::shared_ptr<B> batch;  // number `next`, once somebody has looked
    std::unique_ptr<detail::Producer> producer;

    B& current() {
      if (!batch) {
        batch = producer ? std::static_pointer_cast<B>(producer->next())
                         : std::make_shared<B>(make(next));
      }
      return *batch;
    }
    void advance() {
      if (producer) current();  // a batch that nobody looked at is passed over
      batch.reset();
      ++next;
    }
    bool at_end() const { return next >= end; }
    Position position() const {
      const int64_t following = batch ? next + 1 : next;
      return following < end ? Position{epoch, following} : Position{epoch + 1, 0};
    }
  };

  std::shared_ptr<State> state_;
};

/// A data set in batches of type B. A value: copies share the data.
template <class B>
class Batches {
 public:
  using Batch = B;
  /// Makes a batch of the items with these indices.
  using Make = std::function<B(std::span<const int64_t> items)>;

  /// `prepare` is called once for each walk, so that what it returns may keep memory for reuse;
  /// with prefetch, that is called on another thread.
  Batches(int64_t items, Batching batching, std::function<Make()> prepare)
      : plan_{items, std::move(batching)}, prepare_(std::move(prepare)) {
    plan_.check();
  }

  /// How many items an epoch visits, and in how many batches.
  int64_t items() const { return plan_.visited(); }
  int64_t batches() const { return plan_.batches(); }
  const Batching& batching() const { return plan_.batching; }

  /// Walks an epoch from batch `first` on. ValueError for a negative epoch or batch.
  Walk<B> epoch(int64_t epoch, int64_t first = 0) const {
    auto visit = std::make_shared<detail::Visit>(plan_, epoch, first);
    const int64_t end = visit->batches();
    return Walk<B>([visit = std::move(visit),
                    make = prepare_()](int64_t batch) { return make(visit->items_of(batch)); },
                   epoch, first, end, plan_.ahead);
  }
  Walk<B> from(Position position) const { return epoch(position.epoch, position.batch); }
  /// A walk over epoch 0.
  typename Walk<B>::Iterator begin() const { return epoch(0).begin(); }
  std::default_sentinel_t end() const { return {}; }

  /// f of each batch.
  template <class F>
  auto map(F f) const {
    using R = std::remove_cvref_t<std::invoke_result_t<const F&, B>>;
    using MakeR = typename Batches<R>::Make;
    Batches<R> mapped(plan_.items, plan_.batching, [prepare = prepare_, f = std::move(f)]() {
      return MakeR([make = prepare(), f](std::span<const int64_t> items) -> R {
        return std::invoke(f, make(items));
      });
    });
    return plan_.ahead > 0 ? mapped.prefetch(plan_.ahead) : mapped;
  }

  /// The same batches, made on a thread while the caller is busy with others: at most `ahead` wait,
  /// one is being made. All functions of the pipeline then run on that thread, one call at a time,
  /// and do not see what is set for the caller's (random::ScopedStream).
  /// An exception that they throw comes out of the loop in the place of its batch. A loop that is
  /// left early waits for the batch that is being made. 0 makes batches on the caller's thread.
  Batches prefetch(int64_t ahead = 2) const {
    Batches copy = *this;
    copy.plan_.ahead = ahead;
    copy.plan_.check();
    return copy;
  }

  /// A position as a line of text that names the data's size, batch size and order too, e.g. for
  /// the metadata of a checkpoint; and back. ValueError for a text of other data, which would go on
  /// with other batches.
  std::string save(Position position) const { return detail::describe(plan_, position); }
  Position restore(const std::string& text, SourcePos where = SourcePos::here()) const {
    return detail::parse_position(plan_, text, where);
  }

 protected:
  detail::Plan plan_;
  std::function<Make()> prepare_;
};

}  // namespace gradus::data
