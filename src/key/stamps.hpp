#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/base/digest.hpp"
#include "src/base/result.hpp"
#include "src/compiler/inputs.hpp"

namespace key {

/// What the kernel says about a file without reading it. Equal stamps of a file on a local file system that was not
/// younger than a clock tick when stamped mean equal content (stores through mmap excepted).
struct Stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t mtime = 0;  // nanoseconds
    std::int64_t ctime = 0;  // nanoseconds
    bool operator==(const Stamp&) const = default;
};

/// A moment of the clock that file times are taken from, in nanoseconds: CLOCK_REALTIME_COARSE, because the kernel stamps
/// files with its last tick and a precise clock would call a file written after `now` older than it.
std::int64_t file_clock();

/// Stamp of a regular file or directory; Error.code no_such_file_or_directory when absent.
base::Result<Stamp> stamp_path(const char* path);
Stamp stamp_of(const struct stat& st);

/// Does the kernel's word about this file system's times hold (local, not FUSE or network)?
bool times_are_trustworthy(int fd);

/// What is known about a file's content.
struct Content {
    base::Digest digest;
    std::shared_ptr<const compiler::Facts> facts;  // filled when asked for once
};

/// Content hashes remembered by stamp: in this process's memory only, never on disk. Thread-safe.
///
/// The rules, each closing a way to serve an old object: a stamp is only remembered when it was older than a clock tick
/// when taken; the file is stamped again after reading, and must not have moved; only file systems whose times can be
/// trusted; the caller compares stamps with the start of the compile (`older_than`).
class Stamps {
public:
    enum class Want { digest, digest_and_facts };

    /// Digest (and facts) of the file's content now. `stamp` gets its stamp.
    base::Result<Content> content(const std::string& path, Want want, Stamp* stamp = nullptr);
    /// The same from a stamp taken by the caller a moment ago.
    base::Result<Content> content(std::string_view path, const Stamp& stamp, Want want);

private:
    struct Known {
        Stamp stamp;
        Content content;
    };
    struct PathHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
    };
    base::Result<Content> read(std::string_view path, Want want);
    bool is_trustworthy(int fd, std::uint64_t device);

    /// What was last said about a device's file system: a number may mean another one after a while.
    struct Trust {
        std::uint64_t device = 0;
        std::int64_t said_at = 0;  // file_clock()
        bool trustworthy = false;
    };
    std::vector<Trust> m_trust;  // few, newest last; guarded by m_mutex
    mutable std::shared_mutex m_mutex;
    std::unordered_map<std::string, Known, PathHash, std::equal_to<>> m_known;
};

/// Both times strictly before `moment`: the content was in place before, and any later write shows.
inline bool older_than(const Stamp& stamp, std::int64_t moment) { return stamp.mtime < moment && stamp.ctime < moment; }

}  // namespace key
