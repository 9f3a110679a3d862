// A pointer is no operand: const char* must not become bool.
// error: no match|invalid operands
#include <gradus/gradus.h>

auto y = gradus::ones({2}) + "1";
