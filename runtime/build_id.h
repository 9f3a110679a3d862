// Which build of Gradus this is.
#pragma once

#include <string>

namespace gradus {

/// The linker's build ID, in hexadecimal, of the library or program that holds this function: a hash
/// of its whole content, so that what one build stored is never taken for what another would. "none"
/// if the linker was told to leave it out.
const std::string& build_id();

}  // namespace gradus
