#include "src/key/gates.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

#include "src/base/fd.hpp"

namespace key {

namespace {
constexpr std::int64_t k_tick_ns = 20'000'000;
constexpr std::size_t k_known_limit = 200'000;
}  // namespace

bool Gates::all_absent(const std::string& directory, std::string_view list,
                       const std::vector<std::string_view>& names) {
    struct stat st {};
    if (::stat(directory.c_str(), &st) != 0)
        return errno == ENOENT || errno == ENOTDIR;  // then nothing is in it either
    auto stamp = stamp_of(st);
    auto id = base::Hasher{}.field(directory).raw(list).finish();
    {
        std::shared_lock lock{m_mutex};
        auto at = m_known.find(id);
        if (at != m_known.end() && at->second.stamp == stamp) return true;
    }
    auto now = file_clock();
    base::Fd fd{::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!fd) return errno == ENOENT || errno == ENOTDIR;
    std::string name;
    for (auto n : names) {
        name = n;
        if (::faccessat(fd.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return false;
        if (errno != ENOENT && errno != ENOTDIR) return false;
    }
    if (m_one_request) return true;
    // The stamp was taken before looking: a name that came in between has moved it. Only a settled one is remembered.
    base::Fd readable{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (older_than(stamp, now - k_tick_ns) && readable && times_are_trustworthy(readable.get())) {
        std::unique_lock lock{m_mutex};
        if (m_known.size() >= k_known_limit) m_known.clear();
        m_known[id] = {stamp};
    }
    return true;
}

}  // namespace key
