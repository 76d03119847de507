// Many jobs, good and bad: afterwards there is not one mount, descriptor, process or file more than before.

#include <filesystem>
#include <thread>

#include "src/base/strings.hpp"
#include "tests/dist/sandbox/fixture.hpp"

using namespace std::chrono_literals;
using test::Cage;
using test::TarMaker;

namespace {

/// What could pile up, counted here and in the nursery.
struct Count {
    std::size_t mounts, nursery_mounts, descriptors, nursery_descriptors, children, files;
    bool operator==(const Count&) const = default;
};

std::size_t entries(const std::string& directory) {
    std::error_code failed;
    std::size_t n = 0;
    for (std::filesystem::directory_iterator it{directory, failed}, end; !failed && it != end; it.increment(failed)) ++n;
    return n;
}

std::size_t lines(const std::string& file) {
    auto text = base::read_file(file);
    return text ? static_cast<std::size_t>(std::count(text->begin(), text->end(), '\n')) : 0;
}

std::size_t tree_size(const std::string& directory) {
    std::error_code failed;
    std::size_t n = 0;
    for (std::filesystem::recursive_directory_iterator it{directory, failed}, end; !failed && it != end; it.increment(failed)) ++n;
    return n;
}

Count count(Cage& cage) {
    cage.sandbox->rest();
    const auto proc = "/proc/" + std::to_string(cage.sandbox->nursery_pid());
    auto children = base::read_file(proc + "/task/" + std::to_string(cage.sandbox->nursery_pid()) + "/children");
    return {lines("/proc/self/mountinfo"), lines(proc + "/mountinfo"), entries("/proc/self/fd"), entries(proc + "/fd"),
            children ? static_cast<std::size_t>(std::count(children->begin(), children->end(), ' ')) : 0, tree_size(cage.scratch / "build")};
}

}  // namespace

TEST_CASE("sandbox: hundreds of jobs leave nothing behind") {
    for (auto level : test::k_levels) {
        Cage cage{level};
        if (!cage.sandbox) continue;
        INFO("level " << builder::level_name(level));
        REQUIRE(cage.run(Cage::order({"exit", "0"})));
        std::this_thread::sleep_for(200ms);
        const auto before = count(cage);
        const int jobs = level == builder::Level::bwrap ? 40 : 300;
        for (int i = 0; i < jobs; ++i) {
            auto order = Cage::order({"write", "x.o"}, {"x.o"});
            if (i % 10 == 1) order.arguments = {"daemon"};
            if (i % 10 == 2) order.arguments = {"exit", "1"};
            if (i % 10 == 3) order.executable = "/not/there";
            if (i % 50 == 4) {
                order.arguments = {"sleep"};
                order.limits.wall = 50ms;
            }
            (void)cage.run(order, i % 10 == 5 ? std::string{"garbage"} : TarMaker{}.file("work/a.c", "x").zlib());
        }
        auto after = count(cage);
        for (int i = 0; i < 100 && after != before; ++i) {
            std::this_thread::sleep_for(50ms);
            after = count(cage);
        }
        CHECK(after.mounts == before.mounts);
        CHECK(after.nursery_mounts == before.nursery_mounts);
        CHECK(after.descriptors == before.descriptors);
        CHECK(after.nursery_descriptors == before.nursery_descriptors);
        CHECK(after.children == before.children);
        CHECK(after.files == before.files);
    }
}

TEST_CASE("sandbox: killing the nursery ends its jobs, and says so") {
    Cage cage{::geteuid() == 0 ? builder::Level::privileged : builder::Level::user_namespace};
    if (!cage.sandbox) return;
    std::thread killer{[&] {
        std::this_thread::sleep_for(300ms);
        ::kill(cage.sandbox->nursery_pid(), SIGKILL);
    }};
    auto start = std::chrono::steady_clock::now();
    auto outcome = cage.run(Cage::order({"sleep"}));
    killer.join();
    CHECK_FALSE(outcome);
    CHECK(std::chrono::steady_clock::now() - start < 10s);
    CHECK_FALSE(cage.run(Cage::order({"exit", "0"})));
}

TEST_CASE("sandbox: a cell that waits serves only what it was made for") {
    for (auto level : test::k_levels) {
        Cage cage{level};
        if (!cage.sandbox || level == builder::Level::bwrap) continue;
        INFO("level " << builder::level_name(level));
        const auto tree = cage.scratch / "build/toolchains/" + test::k_toolchain;
        auto said = [&](const builder::Order& order) {
            auto outcome = cage.run(order);
            return outcome ? outcome->out : "error: " + outcome.error().what;
        };
        const auto order = Cage::order({"cat", "/mark"});
        cage.scratch.file(std::string{"build/toolchains/"} + test::k_toolchain + "/mark", "one");
        for (int i = 0; i < 4; ++i) CHECK(said(order) == "one");

        // Evicted and unpacked anew: same name, another directory.
        std::filesystem::copy(tree, tree + ".new", std::filesystem::copy_options::recursive);
        REQUIRE(base::write_file(tree + ".new/mark", "two", 0644));
        std::filesystem::rename(tree, tree + ".old");
        std::filesystem::rename(tree + ".new", tree);
        std::filesystem::remove_all(tree + ".old");
        for (int i = 0; i < 4; ++i) CHECK(said(order) == "two");

        // Another limit is another root.
        auto tight = Cage::order({"write", "x.o"}, {"x.o"});
        tight.limits.files = 1;
        CHECK(said(tight).starts_with("error"));
        CHECK(said(order) == "two");
        CHECK(said(order) == "two");

        // One that was killed while it waited is not a failed job.
        std::this_thread::sleep_for(100ms);
        const auto nursery = std::to_string(cage.sandbox->nursery_pid());
        const auto children = *base::read_file("/proc/" + nursery + "/task/" + nursery + "/children");
        CHECK_FALSE(children.empty());
        for (auto child : base::split(base::trim(children), ' ')) ::kill(static_cast<pid_t>(*base::parse_u64(child)), SIGKILL);
        std::this_thread::sleep_for(100ms);
        CHECK(said(order) == "two");
    }
}

TEST_CASE("sandbox: jobs in several slots run side by side") {
    Cage cage{::geteuid() == 0 ? builder::Level::privileged : builder::Level::user_namespace};
    if (!cage.sandbox) return;
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (unsigned slot = 0; slot < 4; ++slot)
        threads.emplace_back([&, slot] {
            for (int i = 0; i < 25; ++i) {
                auto file = test::memory_file(TarMaker{}.file("work/project/a.c", std::to_string(slot)).zlib());
                auto outcome = cage.sandbox->run(Cage::order({"cat", "a.c"}), slot, file);
                if (outcome && outcome->out == std::to_string(slot)) ++good;
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(good == 100);
}
