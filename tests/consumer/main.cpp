// A user's program: proves that buskin is found, compiles and links from outside.
#include <buskin/buskin.hpp>

int main() { return 0; }
