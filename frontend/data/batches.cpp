#include "frontend/data/batches.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include <fmt/format.h>

namespace gradus::data::detail {

int64_t Plan::batches() const {
  const int64_t rounded_up = batching.drop_rest ? 0 : batching.size - 1;
  return (visited() + rounded_up) / batching.size;
}

void Plan::check() const {
  if (batching.size < 1) {
    throw ValueError({.op = "loader",
                      .what = fmt::format("a batch has at least one item; got a batch size of {}",
                                          batching.size)});
  }
  if (ahead < 0) {
    throw ValueError({.op = "loader",
                      .what = fmt::format("no number of batches to make ahead; got {}, expected 0 "
                                          "or more",
                                          ahead)});
  }
}

Visit::Visit(const Plan& plan, int64_t epoch, int64_t first)
    : order_(plan.batching.order.of_epoch(epoch, plan.items)),
      visited_(plan.visited()),
      size_(plan.batching.size),
      batches_(plan.batches()) {
  if (first < 0) {
    throw ValueError(
        {.op = "loader",
         .what = fmt::format("no number of a batch; got {}, expected 0 or more", first)});
  }
}

std::span<const int64_t> Visit::items_of(int64_t batch) {
  const int64_t first = batch * size_;
  const auto count = static_cast<size_t>(std::min(size_, visited_ - first));
  if (order_) return std::span(*order_).subspan(static_cast<size_t>(first), count);
  in_order_.resize(count);
  std::iota(in_order_.begin(), in_order_.end(), first);
  return in_order_;
}

struct Producer::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<void>> made;
  std::exception_ptr error;
  bool is_stopped = false;
  std::thread thread;  // last: it uses the others

  void run(const Make& make, int64_t first, int64_t end, size_t ahead) {
    for (int64_t i = first; i < end; ++i) {
      std::shared_ptr<void> value;
      std::exception_ptr thrown;
      try {
        value = make(i);
      } catch (...) {
        thrown = std::current_exception();
      }
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return is_stopped || made.size() < ahead; });
      if (is_stopped) return;
      if (thrown) {
        error = thrown;
      } else {
        made.push_back(std::move(value));
      }
      changed.notify_all();
      if (thrown) return;
    }
  }
};

Producer::Producer(Make make, int64_t first, int64_t end, int64_t ahead)
    : state_(std::make_unique<State>()) {
  state_->thread =
      std::thread([state = state_.get(), make = std::move(make), first, end,
                   ahead = static_cast<size_t>(ahead)] { state->run(make, first, end, ahead); });
}

Producer::~Producer() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_stopped = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

std::shared_ptr<void> Producer::next() {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return !state_->made.empty() || state_->error; });
  if (state_->made.empty()) std::rethrow_exception(state_->error);
  std::shared_ptr<void> value = std::move(state_->made.front());
  state_->made.pop_front();
  lock.unlock();
  state_->changed.notify_all();
  return value;
}

namespace {

std::string data_of(const Plan& plan) {
  return fmt::format("items {} batch size {} {} order {}", plan.items, plan.batching.size,
                     plan.batching.drop_rest ? "without rest" : "with rest",
                     plan.batching.order.name());
}

}  // namespace

std::string describe(const Plan& plan, Position position) {
  return fmt::format("epoch {} batch {} of {}", position.epoch, position.batch, data_of(plan));
}

Position parse_position(const Plan& plan, const std::string& text, SourcePos where) {
  Position position;
  long long epoch = 0, batch = 0;
  int length = 0;
  const bool is_position =
      std::sscanf(text.c_str(), "epoch %18lld batch %18lld of %n", &epoch, &batch, &length) == 2 &&
      length > 0 && epoch >= 0 && batch >= 0;
  if (!is_position) {
    throw ValueError({"loader", fmt::format("no position; got \"{}\"", text), where,
                      "give what save() returned"});
  }
  const std::string data = text.substr(static_cast<size_t>(length));
  if (data != data_of(plan)) {
    throw ValueError({"loader",
                      fmt::format("the position is one of other batches; got \"{}\", expected "
                                  "\"{}\"",
                                  data, data_of(plan)),
                      where, "load the data in the same way as the run that saved the position"});
  }
  return {epoch, batch};
}

}  // namespace gradus::data::detail
