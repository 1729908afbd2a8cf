# Compile through ccache when it is there. Precompiled headers need its sloppiness and, for clang,
# -fno-pch-timestamp (tests/CMakeLists.txt), or every use of one would be a miss.
find_program(BUSKIN_CCACHE ccache)
if(BUSKIN_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${BUSKIN_CCACHE})
endif()
