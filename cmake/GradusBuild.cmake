# How sources become libraries. Globs with CONFIGURE_DEPENDS: a new file needs no edit here.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
# A change inside the shared library does not relink its users.
set(CMAKE_LINK_DEPENDS_NO_SHARED ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# The hot code is generated at run time; -O3 for the rest only costs compile time.
string(REPLACE "-O3" "-O2" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")

find_program(GRADUS_CCACHE ccache)
if(GRADUS_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${GRADUS_CCACHE})
endif()
find_program(GRADUS_LLD ld.lld)
if(GRADUS_LLD AND NOT GRADUS_SANITIZE)
  add_link_options(-fuse-ld=lld)
endif()

# Part of the keys of cached machine code.
add_link_options(-Wl,--build-id=sha1)

add_compile_options(-Wall -Wextra -Wno-missing-field-initializers)
if(GRADUS_WERROR)
  add_compile_options(-Werror)
endif()
if(GRADUS_CHECKS)
  add_compile_definitions(GRADUS_CHECKS=1 _GLIBCXX_ASSERTIONS)
endif()
if(GRADUS_SANITIZE)
  add_compile_options(-fsanitize=${GRADUS_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GRADUS_SANITIZE})
endif()

# Adds the static library gradus_NAME of all sources under NAME/. Sources include each other from
# the project's root ("runtime/dtype.h"). A floor without sources is an interface library.
function(gradus_floor name)
  set(target gradus_${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.cpp)
  if(NOT sources)
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/${name}_empty.cpp CONTENT "")
    set(sources ${PROJECT_BINARY_DIR}/${name}_empty.cpp)
  endif()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE fmt::fmt)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)

  # LLVM's headers are seen by the code generator and the JIT session, by nothing else.
  set(llvm_users ${sources})
  list(FILTER llvm_users INCLUDE REGEX "/compiler/codegen/llvm/|/runtime/cpu/jit")
  set_source_files_properties(${llvm_users} PROPERTIES
    COMPILE_OPTIONS "-isystem;${LLVM_INCLUDE_DIRS}")
endfunction()

# <build>/include/gradus/ mirrors what is installed: frontend/x.h is <gradus/x.h>, runtime/x.h is
# <gradus/runtime/x.h>. Links, so that an edit is seen at once and a compiler's message names the
# file in the source tree's place.
function(gradus_public_headers)
  set(root ${PROJECT_BINARY_DIR}/include/gradus)
  file(GLOB entries CONFIGURE_DEPENDS LIST_DIRECTORIES true
       RELATIVE ${PROJECT_SOURCE_DIR}/frontend ${PROJECT_SOURCE_DIR}/frontend/*)
  list(FILTER entries EXCLUDE REGEX "\\.(cpp|md)$")
  file(MAKE_DIRECTORY ${root})
  foreach(entry ${entries})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/frontend/${entry} ${root}/${entry} SYMBOLIC)
  endforeach()
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/runtime ${root}/runtime SYMBOLIC)
  target_include_directories(gradus_frontend PUBLIC ${PROJECT_BINARY_DIR}/include)
endfunction()

# The one library that users link: the three floors in libgradus.so. fmt and LLVM stay inside, so a
# user needs neither their headers nor their CMake packages.
function(gradus_shared_library)
  if(EXISTS ${PROJECT_BINARY_DIR}/frontend_empty.cpp)
    set(when EXCLUDE_FROM_ALL)
  endif()
  add_library(gradus SHARED ${when} $<TARGET_OBJECTS:gradus_frontend> $<TARGET_OBJECTS:gradus_compiler>
                                   $<TARGET_OBJECTS:gradus_runtime>)
  add_library(Gradus::gradus ALIAS gradus)
  target_link_libraries(gradus PRIVATE LLVM fmt::fmt ZLIB::ZLIB PNG::PNG ${GRADUS_TURBOJPEG}
                                       Threads::Threads ${CMAKE_DL_LIBS})
  target_include_directories(gradus INTERFACE $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
                                              $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_compile_features(gradus INTERFACE cxx_std_20)
  # Calls inside the library need no detour through its symbol table.
  target_link_options(gradus PRIVATE -Wl,-Bsymbolic-functions)
  if(NOT GRADUS_SANITIZE)
    target_link_options(gradus PRIVATE -Wl,--no-undefined)
  endif()
  set_target_properties(gradus PROPERTIES VERSION ${PROJECT_VERSION}
                        SOVERSION ${PROJECT_VERSION_MAJOR})
endfunction()
