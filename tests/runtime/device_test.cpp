#include "runtime/device.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <string>

#include "runtime/options.h"

using namespace gradus;

TEST_CASE("device names parse and print", "[device]") {
  REQUIRE(parse_device("cpu") == Device{DeviceKind::Cpu, 0});
  REQUIRE(parse_device("cuda") == Device{DeviceKind::Cuda, 0});
  REQUIRE(parse_device("cuda:3") == Device{DeviceKind::Cuda, 3});
  for (const char* text : {"cpu", "cuda:0", "cuda:12"})
    REQUIRE(to_string(parse_device(text)) == text);
}

TEST_CASE("other device names are a ValueError", "[device][errors]") {
  for (const char* text : {"", "CPU", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:1 ", "tpu"}) {
    CAPTURE(text);
    REQUIRE_THROWS_AS(parse_device(text), ValueError);
  }
  REQUIRE_THROWS_WITH(parse_device("tpu"),
                      "[device] unknown device; got 'tpu', expected cpu, cuda or cuda:N");
}

TEST_CASE("the host is always there, an absent device never replaced", "[device][errors]") {
  require_device({});
  try {
    require_device({DeviceKind::Cuda, 2}, {"train.cpp", 12});
    FAIL("no error for a device that cannot be used");
  } catch (const DeviceError& e) {
    std::string text = e.what();
    REQUIRE(text.starts_with("[device] cuda:2 cannot be used: th"));
    REQUIRE(text.ends_with("; train.cpp:12; use the device cpu"));
  }
}

TEST_CASE("the machine has cores, processors and vectors", "[device]") {
  REQUIRE(available_cores() >= 1);
  REQUIRE(available_cores() <= available_processors());
  int native = native_vector_lanes();
  REQUIRE((native == 4 || native == 8 || native == 16));
  Options o = options();
  for (int lanes : {4, 8, 16}) {
    o.vector_lanes = lanes;
    ScopedOptions scope(o);
    REQUIRE(vector_lanes() == lanes);
  }
}

TEST_CASE("the environment text names what a report needs", "[device]") {
  std::string text = environment_text();
  for (const char* part :
       {"processor: ", "vectors: ", "LLVM: ", "threads: ", "device: ", "cuda driver: "}) {
    CAPTURE(part);
    REQUIRE(text.find(part) != std::string::npos);
  }
}
