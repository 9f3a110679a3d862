#include "runtime/error.h"

#include <catch2/catch_test_macros.hpp>

using namespace gradus;

TEST_CASE("a message says op, what, where and the remedy") {
  const ShapeError full({.op = "dot",
                         .what = "inner extents differ; got 784 and 512, expected equal extents",
                         .where = {"net.cpp", 12},
                         .remedy = "transpose one operand"});
  CHECK(std::string(full.what()) ==
        "[dot] inner extents differ; got 784 and 512, expected equal extents; net.cpp:12; "
        "transpose one operand");
  const ValueError bare({.op = "pad", .what = "negative width", .where = {}, .remedy = ""});
  CHECK(std::string(bare.what()) == "[pad] negative width");
}

TEST_CASE("the user's errors and our bugs are different types") {
  GRADUS_CHECK(1 == 1);
  try {
    GRADUS_CHECK(1 == 2, "arithmetic");
    FAIL("no exception");
  } catch (const Error&) {
    FAIL("a bug was reported as the user's error");
  } catch (const InternalError& e) {
    CHECK(std::string(e.what()).find("1 == 2") != std::string::npos);
    CHECK(std::string(e.what()).find("arithmetic") != std::string::npos);
  }
}
