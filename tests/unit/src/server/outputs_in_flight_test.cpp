#include "src/server/outputs_in_flight.hpp"

#include "tests/unit/catch.hpp"

TEST_CASE("outputs_in_flight: two compiles to one object at once are both not alone, even after one has ended") {
    server::OutputsInFlight outputs;
    auto first = outputs.claim("/w/a.o");
    CHECK(first->alone());
    auto other = outputs.claim("/w/b.o");
    CHECK(other->alone());
    auto second = outputs.claim("/w/a.o");
    CHECK_FALSE(first->alone());
    CHECK_FALSE(second->alone());
    second.reset();
    CHECK_FALSE(first->alone());
    first.reset();
    CHECK(outputs.claim("/w/a.o")->alone());
}
