#include "tests/codegen/harness.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/error.h"

namespace gradus::codegen::testing {

std::vector<CpuTarget> targets() {
  std::vector<CpuTarget> all{host_target()};
#ifdef __x86_64__
  for (const char* cpu : {"x86-64-v3", "x86-64-v2", "x86-64"}) {
    CpuTarget older = host_target();
    older.cpu = cpu;
    older.features.clear();
    older.registers = 16;
    if (older.lanes > 4) all.push_back(older);
  }
#endif
  return all;
}

Compiled::Compiled(std::vector<loop::Kernel> kernels, const CpuTarget& target)
    : kernels_(std::move(kernels)) {
  std::vector<const loop::Kernel*> pointers;
  for (size_t i = 0; i < kernels_.size(); ++i) {
    kernels_[i].name = fmt::format("k{}", i);
    verify(kernels_[i]);
    pointers.push_back(&kernels_[i]);
  }
  code_ = link_object(emit_object(pointers, target));
}

LeafFunction Compiled::function(size_t i) const {
  return code_->function(kernels_[i].name);
}

GuardedMemory::GuardedMemory(const std::vector<std::byte>& content) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t inner = (content.size() + page - 1) / page * page;
  mapped_ = inner + 2 * page;
  map_ = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  GRADUS_CHECK(map_ != MAP_FAILED);
  auto* first = static_cast<std::byte*>(map_) + page;
  if (inner) GRADUS_CHECK(mprotect(first, inner, PROT_READ | PROT_WRITE) == 0);
  data_ = first + inner - content.size();
  std::copy(content.begin(), content.end(), static_cast<std::byte*>(data_));
}

GuardedMemory::~GuardedMemory() {
  munmap(map_, mapped_);
}

bool equal_elements(DType dtype, loop::Bits a, loop::Bits b) {
  if (a == b) return true;
  if (dtype == DType::F32) {
    return std::isnan(loop::from_bits<float>(a)) && std::isnan(loop::from_bits<float>(b));
  }
  if (dtype == DType::F64) {
    return std::isnan(loop::from_bits<double>(a)) && std::isnan(loop::from_bits<double>(b));
  }
  return false;
}

std::string difference(const Compiled& compiled, size_t kernel, const Memory& memory,
                       const std::vector<int64_t>& args) {
  const loop::Kernel& k = compiled.kernel(kernel);
  std::vector<std::vector<std::byte>> expected = memory.memories;
  std::vector<std::unique_ptr<GuardedMemory>> got;
  for (const auto& content : memory.memories) {
    got.push_back(std::make_unique<GuardedMemory>(content));
  }
  std::vector<void*> expected_pointers, got_pointers;
  for (int m : memory.memory_of) {
    expected_pointers.push_back(expected[m].data());
    got_pointers.push_back(got[m]->data());
  }
  interpret(k, expected_pointers, args);
  compiled.function(kernel)(got_pointers.data(), args.data());

  for (size_t b = 0; b < k.buffers.size(); ++b) {
    const DType dtype = k.buffers[b].dtype;
    const size_t size = size_of(dtype);
    const auto& wanted = expected[memory.memory_of[b]];
    const auto* found = static_cast<const std::byte*>(got_pointers[b]);
    for (size_t i = 0; i < wanted.size() / size; ++i) {
      loop::Bits x = 0, y = 0;
      std::memcpy(&x, wanted.data() + i * size, size);
      std::memcpy(&y, found + i * size, size);
      if (!equal_elements(dtype, x, y)) {
        return fmt::format("b{}[{}]: {:#x} interpreted, {:#x} compiled", b, i, x, y);
      }
    }
  }
  return {};
}

namespace {

template <class T>
std::vector<T> special_numbers() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> x;
  if constexpr (std::is_same_v<T, bool>) {
    return {false, true};
  } else if constexpr (std::is_floating_point_v<T>) {
    for (T v : {T(0),
                T(1),
                T(0.5),
                T(1.5),
                T(2.5),
                T(0.1),
                T(3),
                T(7),
                T(31),
                T(127.5),
                T(128),
                T(255.9),
                T(32768),
                T(65535.5),
                T(16777217),
                T(2147483648.0),
                T(2147483520.0),
                T(4294967296.0),
                T(9223372036854775808.0),
                T(18446744073709551616.0),
                T(1e30),
                Limits::min(),
                Limits::denorm_min(),
                Limits::max(),
                Limits::epsilon(),
                Limits::infinity(),
                Limits::quiet_NaN()}) {
      x.push_back(v);
      x.push_back(-v);
    }
    // The neighbours of the integers' limits, where conversions saturate.
    for (T v : {T(2147483648.0), T(9223372036854775808.0), T(4294967296.0)}) {
      x.push_back(std::nextafter(v, T(0)));
      x.push_back(std::nextafter(-v, -Limits::infinity()));
    }
  } else {
    for (int64_t v : {0, 1, 2, 3, 5, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 200, 255}) {
      x.push_back(static_cast<T>(v));
      x.push_back(static_cast<T>(-v));
    }
    for (T v : {Limits::min(), Limits::max(), static_cast<T>(Limits::min() + 1),
                static_cast<T>(Limits::max() - 1), static_cast<T>(Limits::max() / 3),
                static_cast<T>(0x5555555555555555), static_cast<T>(0xaaaaaaaaaaaaaaaa)}) {
      x.push_back(v);
    }
  }
  return x;
}

}  // namespace

std::vector<loop::Bits> special_values(DType dtype) {
  std::vector<loop::Bits> bits;
  visit_dtype(dtype, [&]<class T>() {
    if constexpr (!std::is_same_v<T, KeyData>) {
      for (T x : special_numbers<T>())
        bits.push_back(loop::bits_of<T>(x));
    }
  });
  std::ranges::sort(bits);
  const auto [first, last] = std::ranges::unique(bits);
  bits.erase(first, last);
  return bits;
}

}  // namespace gradus::codegen::testing
