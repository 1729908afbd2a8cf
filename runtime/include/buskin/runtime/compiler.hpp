// Refuses compilers that cannot translate coroutines. Every public header of this floor that needs
// a coroutine includes it, so that nobody learns it from a crash.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#error \
    "buskin refuses GCC before 13 because it silently miscompiles coroutines (captures and temporaries of a co_await expression are destroyed twice): compile with clang++-16 or with GCC 13 or newer."
#endif
