// Where a program runs, and what this machine is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/error.h"

namespace gradus {

enum class DeviceKind : uint8_t { Cpu, Cuda };

/// One device. All host threads together are the device "cpu".
struct Device {
  DeviceKind kind = DeviceKind::Cpu;
  int index = 0;
  friend bool operator==(const Device&, const Device&) = default;
};

/// "cpu", "cuda:0".
std::string to_string(Device device);

/// Inverse of to_string; "cuda" is "cuda:0". Throws ValueError for anything else.
Device parse_device(std::string_view text);

/// Returns if programs can run on `device`, else throws DeviceError: a device that was asked for
/// and is absent is an error, never replaced in silence.
void require_device(Device device, SourcePos where = {});

/// Lanes of 32 bits in the widest vectors this processor has: 4, 8 or 16.
int native_vector_lanes();

/// Lanes that code generation uses: the option vector_lanes if it is set, else the native ones.
int vector_lanes();

/// Processors this process may run on (affinity mask and container quota), and how many physical
/// cores they belong to; both at least 1.
int available_processors();
int available_cores();

/// Lines "name: value" about processor, vectors, threads and devices, for --version and reports.
std::string environment_text();

}  // namespace gradus
