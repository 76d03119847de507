#include <sys/wait.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/src/store/samples.hpp"

namespace {

constexpr int k_keys = 24;

std::string content_of(int n) { return noise(n % 3 == 0 ? 90000 : 3000, static_cast<std::uint64_t>(n)); }

// Puts and gets in a loop; every result found must be the right one. Returns how many were wrong.
int churn(store::Store& s, int rounds, int seed) {
    int wrong = 0;
    for (int i = 0; i < rounds; ++i) {
        int n = (i * 7 + seed * 5) % k_keys;
        auto key = key_of("k" + std::to_string(n));
        auto content = content_of(n);
        if (i % 2 == 0 &&
            !s.put(header_of(key), {bytes_member("obj", content), bytes_member("n", std::to_string(n))}).ok())
            ++wrong;
        if (i % 3 == 0 && !s.put_manifest(key, std::to_string(n)).ok()) ++wrong;
        auto manifest = s.get_manifest(key);
        if (!manifest || (*manifest && **manifest != std::to_string(n))) ++wrong;
        auto found = s.get(key);
        if (!found) {
            ++wrong;
            continue;
        }
        if (!*found) continue;
        auto& l = **found;
        if (l.members[1].bytes != std::to_string(n)) ++wrong;
        if (l.members[0].size <= store::k_inline_limit && l.members[0].bytes != content) ++wrong;
        if (i % 16 == 0) (void)s.work();
    }
    return wrong;
}

store::DiskSettings small_cache(const std::string& directory) {
    auto settings = settings_in(directory);
    settings.max_size = 600 * 1000;  // less than all keys: eviction runs all the time
    settings.recompress_after = std::chrono::seconds{0};
    settings.recompress_roomy_after = std::chrono::seconds{0};
    return settings;
}

}  // namespace

TEST_CASE("threads: puts, gets, eviction and recompression at once") {
    TempDirectory t;
    auto s = store::open_disk(small_cache(t.path));
    std::atomic<int> wrong{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int n = 0; n < 4; ++n) threads.emplace_back([&, n] { wrong += churn(*s, 60, n); });
    std::thread duty{[&] {
        while (!stop) {
            (void)s->work();
            (void)s->size();
            (void)s->work_stats();
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
    }};
    for (auto& thread : threads) thread.join();
    stop = true;
    duty.join();
    s->flush();
    CHECK(wrong == 0);
    CHECK(*s->size() <= 600 * 1000);
}

TEST_CASE("threads: several processes on one directory, each evicting") {
    TempDirectory t;
    std::vector<pid_t> children;
    for (int n = 0; n < 3; ++n) {
        pid_t pid = ::fork();
        if (pid == 0) {
            int wrong = 0;
            {
                auto s = store::open_disk(small_cache(t.path));
                wrong = churn(*s, 60, n);
                s->flush();
            }
            ::_exit(wrong == 0 ? 0 : 1);
        }
        children.push_back(pid);
    }
    for (auto pid : children) {
        int status = 0;
        REQUIRE(::waitpid(pid, &status, 0) == pid);
        CHECK(status == 0);
    }
    auto s = store::open_disk(small_cache(t.path));
    CHECK(churn(*s, 60, 9) == 0);
}

TEST_CASE("threads: one directory removed again and again under the writers") {
    TempDirectory t;
    auto cache = t.path + "/cache";
    auto s = store::open_disk(settings_in(cache));
    std::atomic<bool> stop{false};
    std::thread remover{[&] {
        while (!stop) {
            TempDirectory::remove(cache);
            std::this_thread::sleep_for(std::chrono::milliseconds{2});
        }
    }};
    for (int i = 0; i < 200; ++i) {
        auto key = key_of(std::to_string(i));
        (void)s->put(header_of(key), {bytes_member("obj", "x")}).ok();  // may fail, must not crash
        auto found = s->get(key);
        if (found && *found) CHECK((**found).members[0].bytes == "x");
        (void)s->work();
    }
    stop = true;
    remover.join();
    CHECK(s->put(header_of(key_of("end")), {bytes_member("obj", "x")}).ok());
    CHECK(s->get(key_of("end"))->has_value());
}
