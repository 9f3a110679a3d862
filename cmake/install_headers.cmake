# Run at install time: cmake -DSOURCE=... -DDESTINATION=... -P install_headers.cmake
#
# Installs the public headers under DESTINATION/gradus. A header of the frontend is public unless it
# reaches one of the compiler's; of the runtime, what public headers include is public. Includes
# relative to the source root become <gradus/...>. A public header that includes a third party's
# header is refused: users need nothing but Gradus.

cmake_minimum_required(VERSION 3.25)

set(third_parties "^(fmt|llvm|llvm-c|boost|nlohmann|CLI|catch2|stb)/|^(zlib|png|turbojpeg).h$")

# What HEADER (relative to SOURCE) includes of ours, relative to SOURCE, in OUT; third parties in
# FOREIGN.
function(project_includes header out foreign)
  get_filename_component(folder ${header} DIRECTORY)
  file(STRINGS ${SOURCE}/${header} lines REGEX "^#include ")
  set(found "")
  set(foreign_found "")
  foreach(line ${lines})
    string(REGEX REPLACE "^#include [<\"]([^>\"]+)[>\"].*" "\\1" path "${line}")
    string(REGEX REPLACE "^gradus/(runtime/)" "\\1" path ${path})
    string(REGEX REPLACE "^gradus/" "frontend/" path ${path})
    if(path MATCHES "^(runtime|compiler|frontend)/")
      list(APPEND found ${path})
    elseif(line MATCHES "\"" AND EXISTS ${SOURCE}/${folder}/${path})
      list(APPEND found ${folder}/${path})
    elseif(path MATCHES "${third_parties}")
      list(APPEND foreign_found ${path})
    endif()
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
  set(${foreign} ${foreign_found} PARENT_SCOPE)
endfunction()

# Every header reachable from HEADER, itself included.
function(reachable header out)
  set(todo ${header})
  set(seen "")
  while(todo)
    list(POP_FRONT todo next)
    if(next IN_LIST seen)
      continue()
    endif()
    list(APPEND seen ${next})
    if(NOT next MATCHES "^compiler/")
      project_includes(${next} more foreign)
      list(APPEND todo ${more})
    endif()
  endwhile()
  set(${out} ${seen} PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE headers RELATIVE ${SOURCE} ${SOURCE}/frontend/*.h)
set(public "")
foreach(header ${headers})
  reachable(${header} closure)
  if(NOT "${closure}" MATCHES "(^|;)compiler/")
    list(APPEND public ${closure})
  endif()
endforeach()
list(REMOVE_DUPLICATES public)

foreach(header ${public})
  project_includes(${header} ours foreign)
  if(foreign)
    message(FATAL_ERROR "the public header ${header} includes ${foreign}")
  endif()
  string(REGEX REPLACE "^frontend/" "" target ${header})
  file(READ ${SOURCE}/${header} text)
  string(REGEX REPLACE "#include \"(runtime/[^\"]+)\"" "#include <gradus/\\1>" text "${text}")
  string(REGEX REPLACE "#include \"frontend/([^\"]+)\"" "#include <gradus/\\1>" text "${text}")
  file(WRITE ${DESTINATION}/gradus/${target} "${text}")
endforeach()
list(LENGTH public count)
message(STATUS "${count} public headers in ${DESTINATION}/gradus")
