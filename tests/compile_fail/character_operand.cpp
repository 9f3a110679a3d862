// error: no match|invalid operands
#include <gradus/gradus.h>

auto y = gradus::ones({2}) + 'a';
