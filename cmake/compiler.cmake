# Leaves in `buskin_compiler_refusal` the sentence that refuses this compiler; empty when it will do.
# Used by our own build and, installed, by buskin-config.cmake. The header for those who use neither
# is <buskin/runtime/compiler.hpp>.
set(buskin_compiler_refusal "")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  string(CONCAT buskin_compiler_refusal
    "buskin refuses GCC ${CMAKE_CXX_COMPILER_VERSION} because GCC before 13 silently miscompiles "
    "coroutines (captures and temporaries of a co_await expression are destroyed twice): "
    "configure a fresh build directory with -DCMAKE_CXX_COMPILER=clang++-16 or with GCC 13 or newer.")
endif()
