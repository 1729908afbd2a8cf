# Our warnings are our own business: they are private, so nobody who links buskin inherits them.
function(buskin_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    -Wcast-qual -Wextra-semi -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
    $<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wimplicit-fallthrough>
    $<$<BOOL:${BUSKIN_WERROR}>:-Werror>)
endfunction()
