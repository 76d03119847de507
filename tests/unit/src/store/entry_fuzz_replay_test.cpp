// The fuzz target itself, compiled into the unit tests.
#include "tests/fuzz/entry_fuzz.cpp"
