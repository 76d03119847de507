#include "src/server/slots.hpp"

#include <vector>

#include "tests/unit/catch.hpp"

using server::SlotGate;
using server::Waker;

TEST_CASE("slots: no more than the capacity at once, the rest in order of arrival") {
    SlotGate gate{2};
    auto a = gate.try_take();
    auto b = gate.try_take();
    REQUIRE(a);
    REQUIRE(b);
    REQUIRE_FALSE(gate.try_take());
    std::vector<int> order;
    auto first = std::make_shared<Waker>();
    auto second = std::make_shared<Waker>();
    first->on_ring([&] { order.push_back(1); });
    second->on_ring([&] { order.push_back(2); });
    auto ticket1 = gate.queue(first);
    auto ticket2 = gate.queue(second);
    REQUIRE(gate.load().waiting == 2);
    REQUIRE_FALSE(ticket1->take());
    a.release();
    REQUIRE(order == std::vector<int>{1});
    auto c = ticket1->take();
    REQUIRE(c);
    REQUIRE_FALSE(ticket2->take());
    b.release();
    REQUIRE(order == std::vector<int>{1, 2});
    REQUIRE(gate.load().taken == 2);
}

TEST_CASE("slots: whoever leaves the queue, granted or not, leaves nothing behind") {
    SlotGate gate{1};
    auto held = gate.try_take();
    auto one = gate.queue(std::make_shared<Waker>());
    auto two = gate.queue(std::make_shared<Waker>());
    one.reset();
    REQUIRE(gate.load().waiting == 1);
    held.release();
    REQUIRE(gate.load().taken == 1);  // granted to `two`, who never took it
    two.reset();
    REQUIRE(gate.load().taken == 0);
    REQUIRE(gate.try_take());
}

TEST_CASE("slots: more capacity wakes those who wait") {
    SlotGate gate{1};
    auto held = gate.try_take();
    auto waker = std::make_shared<Waker>();
    auto ticket = gate.queue(waker);
    REQUIRE_FALSE(waker->rung());
    gate.set_capacity(2);
    REQUIRE(waker->rung());
    REQUIRE(ticket->take());
}

TEST_CASE("slots: there is at least one CPU") { REQUIRE(server::usable_cpus() >= 1); }
