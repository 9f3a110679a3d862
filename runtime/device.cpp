#include "runtime/device.h"

#include <dlfcn.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "runtime/cpu/jit_session.h"
#include "runtime/options.h"

namespace gradus {
namespace {

std::string first_line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The set bits of this process's affinity mask; empty if the kernel does not tell.
std::vector<int> allowed_processors() {
  // The kernel refuses masks that are too small for its processors, so grow until it fits.
  for (int bits = 1024; bits <= 1 << 20; bits *= 2) {
    cpu_set_t* set = CPU_ALLOC(bits);
    if (set == nullptr) return {};
    size_t bytes = CPU_ALLOC_SIZE(bits);
    std::vector<int> processors;
    bool known = sched_getaffinity(0, bytes, set) == 0;
    for (int i = 0; known && i < bits; ++i) {
      if (CPU_ISSET_S(i, bytes, set)) processors.push_back(i);
    }
    CPU_FREE(set);
    if (known) return processors;
  }
  return {};
}

// Whole processors that a container's quota is worth, or a large number without one.
int quota_processors() {
  constexpr int kUnlimited = 1 << 20;
  std::istringstream line(first_line_of("/sys/fs/cgroup/cpu.max"));
  double quota = 0;
  double period = 0;
  if (!(line >> quota >> period) || period <= 0 || quota <= 0) return kUnlimited;
  return std::max(1, static_cast<int>(std::ceil(quota / period)));
}

std::string processor_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string_view vector_extension() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return "AVX-512";
  if (__builtin_cpu_supports("avx2")) return "AVX2";
  return "SSE2";
#elif defined(__aarch64__)
  return "NEON";
#else
  return "unknown";
#endif
}

bool is_cuda_driver_present() {
  // Asked once; the library stays loaded, as unloading a driver is not safe.
  static const bool present = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) != nullptr;
  return present;
}

}  // namespace

std::string to_string(Device device) {
  return device.kind == DeviceKind::Cpu ? "cpu" : fmt::format("cuda:{}", device.index);
}

Device parse_device(std::string_view text) {
  if (text == "cpu") return {};
  if (text == "cuda") return {.kind = DeviceKind::Cuda};
  if (text.starts_with("cuda:")) {
    Device device{.kind = DeviceKind::Cuda};
    const char* end = text.data() + text.size();
    auto [stop, status] = std::from_chars(text.data() + 5, end, device.index);
    if (status == std::errc() && stop == end && device.index >= 0) return device;
  }
  throw ValueError(
      {.op = "device",
       .what = fmt::format("unknown device; got '{}', expected cpu, cuda or cuda:N", text)});
}

void require_device(Device device, SourcePos where) {
  if (device.kind == DeviceKind::Cpu) return;
  throw DeviceError(
      {.op = "device",
       .what = is_cuda_driver_present()
                   ? fmt::format("{} cannot be used: this build of Gradus has no CUDA back end",
                                 to_string(device))
                   : fmt::format("{} cannot be used: there is no CUDA driver (libcuda.so.1) here",
                                 to_string(device)),
       .where = where,
       .remedy = "use the device cpu"});
}

int native_vector_lanes() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return 16;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
  return 4;
}

int vector_lanes() {
  int asked = options().vector_lanes;
  return asked != 0 ? asked : native_vector_lanes();
}

int available_processors() {
  int allowed = static_cast<int>(allowed_processors().size());
  return std::max(1, std::min(allowed, quota_processors()));
}

int available_cores() {
  std::set<std::string> cores;
  for (int i : allowed_processors()) {
    std::string siblings = first_line_of(
        fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", i));
    cores.insert(siblings.empty() ? fmt::format("cpu{}", i) : siblings);
  }
  return std::max(1, std::min(static_cast<int>(cores.size()), quota_processors()));
}

std::string environment_text() {
  const Options& o = options();
  int threads = o.threads != 0 ? o.threads : available_cores();
  return fmt::format(
      "processor: {}\n"
      "vectors: {}, {} lanes of 32 bits\n"
      "LLVM: {}\n"
      "threads: {} ({} processors, {} cores available)\n"
      "device: {}\n"
      "cuda driver: {}\n",
      processor_model(), vector_extension(), vector_lanes(), llvm_version_text(), threads,
      available_processors(), available_cores(), to_string(o.device),
      is_cuda_driver_present() ? "present" : "absent");
}

}  // namespace gradus
