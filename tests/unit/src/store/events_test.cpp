#include "src/store/events.hpp"

#include <filesystem>
#include <thread>
#include <vector>

#include "tests/unit/src/store/samples.hpp"

namespace {

using store::Event;
using store::EventKind;

Event event(EventKind kind, std::uint64_t ms, std::uint32_t saved = 0, std::string language = "C/C++",
            std::string reason = "") {
    Event e;
    e.kind = kind;
    e.unix_ms = ms;
    e.saved_ms = saved;
    e.language = std::move(language);
    e.reason = std::move(reason);
    return e;
}

std::string log_path(const std::string& directory) { return directory + "/sccache-v1/events.log"; }

}  // namespace

TEST_CASE("events: counts by kind, language, reason and time, across restarts") {
    TempDirectory t;
    {
        store::EventLog log{t.path};
        log.add(event(EventKind::server_start, 1000, 0, ""));
        log.add(event(EventKind::miss, 2000, 500));
        log.add(event(EventKind::hit, 3000, 400, "Rust"));
    }
    store::EventLog log{t.path};
    log.add(event(EventKind::hit, 4000, 300));
    log.add(event(EventKind::not_cacheable, 5000, 0, "C/C++", "-E"));
    log.add(event(EventKind::not_cacheable, 5000, 0, "C/C++", "-E"));
    auto all = log.summarise(0);
    REQUIRE(all.ok());
    CHECK(all->by_kind.at(EventKind::hit) == 2);
    CHECK(all->by_kind.at(EventKind::miss) == 1);
    CHECK(all->by_language.at("Rust").at(EventKind::hit) == 1);
    CHECK(all->by_language.at("C/C++").at(EventKind::not_cacheable) == 2);
    CHECK(all->by_reason.at("-E") == 2);
    CHECK(all->saved_ms == 700);
    CHECK(all->spent_ms == 500);
    CHECK(all->server_starts == 1);
    CHECK(all->first_unix_ms == 1000);
    CHECK(all->last_unix_ms == 5000);
    CHECK(all->skipped_bytes == 0);
    CHECK(!all->truncated);
    auto late = log.summarise(3500);
    CHECK(late->by_kind.at(EventKind::hit) == 1);
    CHECK(late->by_kind.count(EventKind::miss) == 0);
    CHECK(store::name_of(EventKind::not_cacheable) == "not_cacheable");
}

TEST_CASE("events: golden bytes of a record") {
    TempDirectory t;
    store::EventLog log{t.path};
    log.add(event(EventKind::not_cacheable, 1700000000123, 77, "a language too long",
                  "-a-reason-that-is-much-too-long-for-it"));
    REQUIRE(log.flush().ok());
    auto bytes = read_of(log_path(t.path));
    std::string hex;
    for (unsigned char c : bytes) {
        hex += "0123456789abcdef"[c >> 4];
        hex += "0123456789abcdef"[c & 15];
    }
    auto expected = read_of(std::string{TEST_DIR} + "/golden/store/event_v1.hex");
    CHECK(hex + "\n" == expected);
}

TEST_CASE("events: written in batches, by age, and by flush") {
    TempDirectory t;
    store::EventLog log{t.path};
    for (int i = 0; i < 63; ++i) log.add(event(EventKind::hit, 1000));
    CHECK(!exists(log_path(t.path)));
    log.tick();
    CHECK(!exists(log_path(t.path)));
    log.add(event(EventKind::hit, 1000));
    CHECK(state_of(log_path(t.path)).st_size == 64 * 64);
    log.add(event(EventKind::hit, 1000));
    std::this_thread::sleep_for(std::chrono::milliseconds{1050});
    log.tick();
    CHECK(state_of(log_path(t.path)).st_size == 65 * 64);
}

TEST_CASE("events: torn records and garbage are skipped") {
    TempDirectory t;
    store::EventLog log{t.path};
    for (int i = 0; i < 3; ++i) log.add(event(EventKind::hit, 1000));
    REQUIRE(log.flush().ok());
    auto bytes = read_of(log_path(t.path));
    auto record = bytes.substr(0, 64);
    auto flipped = record;
    flipped[20] ^= 1;
    overwrite(log_path(t.path),
              record + record.substr(0, 30) + record + "garbage" + flipped + record + std::string(10, '\0'));
    auto sum = log.summarise(0);
    REQUIRE(sum.ok());
    CHECK(sum->by_kind.at(EventKind::hit) == 3);
    CHECK(sum->skipped_bytes == 30 + 7 + 64 + 10);
}

TEST_CASE("events: two files, the oldest go") {
    TempDirectory t;
    store::EventLog log{t.path, store::Mode::read_write, 64 * 100};
    for (std::uint64_t i = 0; i < 1000; ++i) log.add(event(EventKind::hit, 1000 + i));
    REQUIRE(log.flush().ok());
    CHECK(state_of(log_path(t.path)).st_size <= 64 * 200);
    CHECK(state_of(log_path(t.path) + ".1").st_size <= 64 * 200);
    auto sum = log.summarise(0);
    CHECK(sum->by_kind.at(EventKind::hit) >= 100);
    CHECK(sum->by_kind.at(EventKind::hit) < 400);
    CHECK(sum->last_unix_ms == 1999);
    CHECK(sum->truncated);
    CHECK(!log.summarise(1950)->truncated);
    CHECK(std::distance(std::filesystem::directory_iterator{t.path + "/sccache-v1"}, {}) == 3);  // and CACHEDIR.TAG
}

TEST_CASE("events: several writers and threads lose nothing") {
    TempDirectory t;
    {
        store::EventLog a{t.path};
        store::EventLog b{t.path};
        std::vector<std::thread> threads;
        for (int n = 0; n < 4; ++n)
            threads.emplace_back([&, n] {
                for (int i = 0; i < 500; ++i) {
                    (n % 2 == 0 ? a : b).add(event(EventKind::miss, 5000, 1));
                    if (i % 100 == 0) (void)(n % 2 == 0 ? a : b).summarise(0).ok();
                }
            });
        for (auto& thread : threads) thread.join();
    }
    store::EventLog log{t.path};
    auto sum = log.summarise(0);
    CHECK(sum->by_kind.at(EventKind::miss) == 2000);
    CHECK(sum->skipped_bytes == 0);
}

TEST_CASE("events: the log survives what happens to its directory") {
    TempDirectory t;
    auto cache = t.path + "/cache";
    store::EventLog log{cache};
    CHECK(log.summarise(0)->by_kind.empty());
    CHECK(!exists(cache));
    log.add(event(EventKind::hit, 1000));
    REQUIRE(log.flush().ok());
    TempDirectory::remove(cache);
    log.add(event(EventKind::hit, 2000));
    REQUIRE(log.flush().ok());
    CHECK(log.summarise(0)->by_kind.at(EventKind::hit) == 1);
    TempDirectory::remove(cache);
    REQUIRE(base::write_file(cache, "a file").ok());
    log.add(event(EventKind::hit, 3000));
    CHECK(!log.flush().ok());
    CHECK(!log.summarise(0).ok());
    REQUIRE(::unlink(cache.c_str()) == 0);
    log.add(event(EventKind::hit, 4000));
    CHECK(log.flush().ok());

    store::EventLog quiet{t.path + "/none", store::Mode::read_only};
    quiet.add(event(EventKind::hit, 1));
    CHECK(quiet.flush().ok());
    CHECK(!exists(t.path + "/none"));
    auto boot = store::boot_unix_ms();
    REQUIRE(boot.has_value());
    CHECK(*boot > 1600000000000);
}
