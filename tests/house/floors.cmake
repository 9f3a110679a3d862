# cmake -DSOURCE=... -P floors.cmake: nothing includes from a floor above its own, LLVM is seen by
# the code generator and the JIT session only, CUDA by runtime/cuda only.
cmake_minimum_required(VERSION 3.25)

set(problems "")

# Files under FLOOR must have no #include that matches REGEX, but for those whose path matches MAY.
function(forbid floor regex may why)
  file(GLOB_RECURSE files RELATIVE ${SOURCE} ${SOURCE}/${floor}/*.h ${SOURCE}/${floor}/*.cpp)
  foreach(file ${files})
    if(may AND file MATCHES "${may}")
      continue()
    endif()
    file(STRINGS ${SOURCE}/${file} lines REGEX "^ *#include +[<\"](${regex})")
    foreach(line ${lines})
      list(APPEND problems "${file}: ${line}: ${why}")
    endforeach()
  endforeach()
  set(problems "${problems}" PARENT_SCOPE)
endfunction()

forbid(runtime "compiler/|frontend/|tools/|tests/" "" "the runtime knows no floor above it")
forbid(runtime "gradus/" "" "<gradus/...> is the frontend's way to include")
forbid(compiler "frontend/|gradus/|tools/|tests/" "" "the compiler knows no frontend")
forbid(frontend "tools/|tests/" "" "the frontend knows no tools")
forbid(examples "runtime/|compiler/|frontend/" "" "examples include what users include")
foreach(floor runtime compiler frontend tools examples)
  forbid(${floor} "llvm/|llvm-c/" "^compiler/codegen/llvm/|^runtime/cpu/jit"
         "LLVM is for the code generator and the JIT session")
  forbid(${floor} "cuda|nvrtc" "^runtime/cuda/" "CUDA is for runtime/cuda")
endforeach()

if(problems)
  list(JOIN problems "\n" text)
  message(FATAL_ERROR "${text}")
endif()
