// Damaged texts are refused with a position or read as graphs that verify; nothing else happens.
// Built with AddressSanitizer this is where out-of-bounds reads would show.
#include <catch2/catch_test_macros.hpp>

#include "compiler/ir/parse.h"
#include "compiler/ir/print.h"
#include "compiler/ir/verify.h"
#include "tests/ir/graph_equality.h"
#include "tests/ir/random_graph.h"

namespace gradus::ir {
namespace {

/// Replaces, inserts, removes or repeats bytes, numbers or a line.
void damage(std::string& text, RandomGraph& random) {
  if (text.empty()) return;
  const auto at = static_cast<size_t>(random.below(static_cast<int>(text.size())));
  static constexpr std::string_view kBytes =
      "0123456789-.%{}()[],:=\"\\/ \nabcdefilnorstux_\x80\xff";
  const char byte = kBytes[static_cast<size_t>(random.below(kBytes.size()))];
  switch (random.below(7)) {
    case 0:
      text[at] = byte;
      break;
    case 1:
      text.insert(at, 1, byte);
      break;
    case 2:
      text.erase(at, static_cast<size_t>(1 + random.below(4)));
      break;
    case 3:
      text.insert(at, text.substr(at, static_cast<size_t>(random.below(40))));
      break;
    case 4: {
      const size_t digit = text.find_first_of("0123456789", at);
      static const char* kNumbers[] = {"-1",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "1e999",
                                       "4294967296",
                                       "99999999999999999999",
                                       "nan",
                                       "0x0"};
      if (digit != std::string::npos) text.replace(digit, 1, kNumbers[random.below(8)]);
      break;
    }
    case 5: {
      const size_t begin = text.rfind('\n', at) + 1;
      const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
      const std::string line = text.substr(begin, end - begin);
      text.erase(begin, line.size());
      if (random.chance(0.5)) {
        text.insert(static_cast<size_t>(random.below(static_cast<int>(text.size()) + 1)), line);
      }
      break;
    }
    case 6:
      text.resize(at);
      break;
  }
}

TEST_CASE("random damage to texts of random graphs") {
  int read = 0, refused = 0;
  for (uint32_t seed = 0; seed < 100; ++seed) {
    RandomGraph random(1000 + seed);
    const std::string sound = print(random.make(25));
    for (int i = 0; i < 100; ++i) {
      std::string text = sound;
      for (int k = random.below(3); k >= 0; --k)
        damage(text, random);
      CAPTURE(text);
      try {
        const Graph g = parse(text);
        verify(g);
        check_same(parse(print(g)), g);
        ++read;
      } catch (const ParseError& e) {
        CHECK(e.message().where.line > 0);
        CHECK(e.message().where.column > 0);
        CHECK(!e.message().what.empty());
        ++refused;
      }
    }
  }
  CHECK(read > 500);
  CHECK(refused > 3000);
}

TEST_CASE("every prefix of a text is refused") {
  const std::string text = print(RandomGraph(7).make(20));
  for (size_t n = 0; n + 2 < text.size(); ++n) {
    CAPTURE(n);
    CHECK_THROWS_AS(parse(text.substr(0, n)), ParseError);
  }
}

}  // namespace
}  // namespace gradus::ir
