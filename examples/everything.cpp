// Holds the precompiled header that the examples share.
#include <buskin/buskin.hpp>
