#include "src/server/races.hpp"

#include "tests/unit/catch.hpp"

using server::Races;
using std::chrono::milliseconds;

namespace {

std::shared_ptr<server::Waker> waker() { return std::make_shared<server::Waker>(); }

}  // namespace

TEST_CASE("races: the free slot goes to the job expected back last") {
    Races races;
    auto begin = Races::Clock::now();
    auto soon = races.enter(waker(), 500, 1000, begin);
    auto late = races.enter(waker(), 500, 4000, begin);
    races.tick({2, 1, 0}, begin + milliseconds{100});
    REQUIRE_FALSE(soon->take_turn());
    REQUIRE(late->take_turn());
    REQUIRE_FALSE(late->take_turn());
}

TEST_CASE("races: a job that will be back before a compile here would be done is left alone") {
    Races races;
    auto begin = Races::Clock::now();
    auto waking = waker();
    auto job = races.enter(waking, 2000, 2500, begin);
    races.tick({2, 0, 0}, begin + milliseconds{1000});
    REQUIRE_FALSE(waking->rung());
    // Late: nobody knows how late.
    races.tick({2, 0, 0}, begin + milliseconds{2600});
    REQUIRE(waking->rung());
    REQUIRE(job->take_turn());
}

TEST_CASE("races: no slot is taken from a compile that waits for one") {
    Races races;
    auto begin = Races::Clock::now();
    auto job = races.enter(waker(), 10, 9000, begin);
    races.tick({2, 2, 0}, begin);
    races.tick({2, 1, 1}, begin);
    REQUIRE_FALSE(job->take_turn());
    races.tick({2, 1, 0}, begin);
    REQUIRE(job->take_turn());
}

TEST_CASE("races: a job that ended is not woken") {
    Races races;
    auto waking = waker();
    auto begin = Races::Clock::now();
    races.enter(waking, 10, 9000, begin).reset();
    races.tick({2, 0, 0}, begin);
    REQUIRE_FALSE(waking->rung());
}
