// Texts that tests compare with files in tests/golden. With UPDATE_GOLDEN=1 in the environment the
// files are written anew, to be reviewed.
#pragma once

#include <string>

namespace gradus::testing {

/// The golden text at `path` below tests/golden; first written from `text` if that was asked for.
std::string golden(const std::string& path, const std::string& text);

}  // namespace gradus::testing
