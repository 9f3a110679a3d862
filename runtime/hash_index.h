// Numbers by hash, in one flat table: what builders look equal nodes up with. Nothing is removed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradus {

class HashIndex {
 public:
  static constexpr uint32_t kNone = ~0u;

  /// A number that was entered with this hash and for which is_it(number) holds; kNone.
  template <class F>
  uint32_t find(size_t hash, F&& is_it) const {
    if (slots_.empty()) return kNone;
    for (size_t i = start(hash); slots_[i].number != kNone; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].hash == hash && is_it(slots_[i].number)) return slots_[i].number;
    }
    return kNone;
  }

  void insert(size_t hash, uint32_t number) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    ++count_;
    place({hash, number});
  }

 private:
  struct Slot {
    size_t hash = 0;
    uint32_t number = kNone;
  };

  /// Hashes may differ in their high bits only.
  size_t start(size_t hash) const {
    return ((hash * 0x9e3779b97f4a7c15u) >> 32) & (slots_.size() - 1);
  }
  void place(Slot slot) {
    size_t i = start(slot.hash);
    while (slots_[i].number != kNone)
      i = (i + 1) & (slots_.size() - 1);
    slots_[i] = slot;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 32 : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.number != kNone) place(slot);
    }
  }

  std::vector<Slot> slots_;  // a power of two of them, at most half taken
  size_t count_ = 0;
};

}  // namespace gradus
