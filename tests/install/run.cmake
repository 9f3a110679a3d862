# cmake -DBINARY_DIR=... -DCXX=... -P run.cmake: installs the build into an empty prefix, then
# configures, builds and runs tests/install/project against it.
set(work ${BINARY_DIR}/install-test)
set(prefix ${work}/prefix)
file(REMOVE_RECURSE ${work})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BINARY_DIR} --prefix ${prefix})
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/project -B ${work}/build -G Ninja
    -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=${CXX}
    -DEXAMPLES=${CMAKE_CURRENT_LIST_DIR}/../../examples)
string(TIMESTAMP start "%s%f" UTC)
run(${CMAKE_COMMAND} --build ${work}/build --target user)
string(TIMESTAMP end "%s%f" UTC)
math(EXPR milliseconds "(${end} - ${start}) / 1000")
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/user)
message(STATUS "${output}")
run(${work}/build/example --version)

file(GLOB_RECURSE libraries ${prefix}/lib*/libgradus.so*)
set(bytes 0)
foreach(library ${libraries})
  if(NOT IS_SYMLINK ${library})
    file(SIZE ${library} size)
    math(EXPR bytes "${bytes} + ${size}")
  endif()
endforeach()
math(EXPR kilobytes "${bytes} / 1024")
message(STATUS "installed library: ${kilobytes} KiB; the user's program built in ${milliseconds} ms")
if(kilobytes EQUAL 0)
  message(FATAL_ERROR "no library in ${prefix}")
endif()
