#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "src/base/result.hpp"

namespace remote {

/// Tells whether a file, or the list of names in a directory, is still what it was.
struct FileStamp {
    FileStamp() = default;
    explicit FileStamp(const struct stat& st);
    bool operator==(const FileStamp&) const = default;
    /// At `now` (see coarse_now): it will not change without another stamp.
    [[nodiscard]] bool settled(std::int64_t now) const;

    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t mtime = 0, ctime = 0;  // nanoseconds
};
/// The clock that files are stamped with; nanoseconds.
std::int64_t coarse_now();

/// A piece of an inputs archive, compressed on its own: raw deflate blocks that end at a byte border and refer to nothing
/// before them, so pieces can be put one behind the other.
struct Segment {
    std::string deflated;
    std::uint64_t plain = 0;  // bytes it stands for
    unsigned long adler = 1;  // of those bytes
    unsigned long crc = 0;    // of those bytes
    bool proved = false;      // it is what the file's stamp stands for
};
using SegmentPtr = std::shared_ptr<const Segment>;  // a job's body and the cache hold it, whichever lives longer

base::Result<Segment> deflate_segment(std::string_view plain);

/// Headers are sent again and again: each is read and compressed once while it does not change. Thread-safe.
class Segments {
public:
    explicit Segments(std::uint64_t limit = std::uint64_t{192} << 20) : m_limit{limit} {}

    /// How many bytes of files that are not known yet may be read.
    struct Allowance {
        std::uint64_t bytes = ~std::uint64_t{0};
    };
    /// The archive member for the regular file at the real path `path`: tar header and content. `seen`: what lstat has just
    /// said of it. Error.code resource_unavailable_try_again: it would have to be read, and `allowance` does not suffice.
    base::Result<SegmentPtr> file(const std::string& path, const struct stat& seen, Allowance& allowance);
    /// Other bytes of an archive, which many jobs have in common: the heads of directories, the end.
    base::Result<SegmentPtr> text(const std::string& plain);

private:
    struct Known {
        FileStamp stamp;
        SegmentPtr segment;
        std::list<std::string>::iterator use;
    };
    const std::uint64_t m_limit;
    std::mutex m_mutex;
    std::uint64_t m_held = 0;
    std::list<std::string> m_uses;  // most recent first
    std::unordered_map<std::string, Known> m_known;
    std::unordered_map<std::string, SegmentPtr> m_texts;
};

/// One member of a ustar archive without its content; long names as GNU and everybody else reads them. `type` is '0' for
/// files, '2' for links, '5' for directories.
std::string tar_header(std::string_view path, char type, unsigned mode, std::uint64_t size, std::int64_t mtime,
                       std::string_view link = {});

/// Largest single input.
inline constexpr std::uint64_t k_input_limit = std::uint64_t{512} << 20;

}  // namespace remote
