// Writing and reading one entry's file.
//
// A large member that comes as a descriptor is read, hashed and written in one pass of a buffer. copy_file_range looks
// cheaper and is not: the checksum needs the bytes in any case (so ext4 gains nothing), and on file systems that could
// share the extents the kernel first has to flush the object the compiler has just written, in front of the reply.

#include "src/store/entry_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "src/base/strings.hpp"

namespace store {

namespace {

constexpr std::size_t k_chunk = 256 * 1024;
constexpr std::size_t k_first_read = 64 * 1024;
constexpr long k_touch_after = 3600;  // seconds

base::Error corrupt(std::string_view why) { return {base::cat("damaged cache entry: ", why), k_corrupt}; }

base::Result<base::Digest> copy_hashing(int from, std::uint64_t size, int to, std::uint64_t at) {
    auto buffer = std::make_unique_for_overwrite<char[]>(k_chunk);
    base::Hasher hasher;
    for (std::uint64_t done = 0; done < size;) {
        auto n = static_cast<std::size_t>(std::min<std::uint64_t>(k_chunk, size - done));
        auto read = pread_full(from, buffer.get(), n, done);
        if (!read) return std::move(read).error().while_doing("reading an output of the compiler");
        hasher.raw({buffer.get(), n});
        auto written = pwrite_full(to, {buffer.get(), n}, at + done);
        if (!written) return std::move(written).error();
        done += n;
    }
    return hasher.finish();
}

// A chunk is written while the hash has left it in the processor's cache.
base::Result<base::Digest> write_hashing(std::string_view bytes, int to, std::uint64_t at) {
    base::Hasher hasher;
    for (std::size_t done = 0; done < bytes.size(); done += k_chunk) {
        auto chunk = bytes.substr(done, k_chunk);
        hasher.raw(chunk);
        auto written = pwrite_full(to, chunk, at + done);
        if (!written) return std::move(written).error();
    }
    return hasher.finish();
}

base::Result<std::uint64_t> size_of(const NewMember& m) {
    if (m.fd < 0) return std::uint64_t{m.bytes.size()};
    struct stat st {};
    if (::fstat(m.fd, &st) != 0) return base::errno_error("cannot stat an output of the compiler");
    if (!S_ISREG(st.st_mode)) return base::Error{"an output is not a regular file", std::errc::invalid_argument};
    return static_cast<std::uint64_t>(st.st_size);
}

base::Result<base::Digest> hash_range(int fd, std::uint64_t at, std::uint64_t size) {
    auto buffer = std::make_unique_for_overwrite<char[]>(k_chunk);
    base::Hasher hasher;
    for (std::uint64_t done = 0; done < size;) {
        auto n = static_cast<std::size_t>(std::min<std::uint64_t>(k_chunk, size - done));
        auto read = pread_full(fd, buffer.get(), n, at + done);
        if (!read) return std::move(read).error();
        hasher.raw({buffer.get(), n});
        done += n;
    }
    return hasher.finish();
}

// The head's bytes: mostly inside what the first read brought, else read once more.
struct HeadBytes {
    std::string_view inside;
    std::string own;
    [[nodiscard]] std::string_view view() const { return own.empty() ? inside : std::string_view{own}; }
};

base::Result<HeadBytes> head_bytes(int fd, std::string_view first, std::uint64_t file_size) {
    auto size = head_size(first);
    if (!size || *size > file_size) return corrupt("no head");
    if (*size <= first.size()) return HeadBytes{first.substr(0, *size), {}};
    HeadBytes h;
    h.own.resize(*size);
    auto read = pread_full(fd, h.own.data(), h.own.size(), 0);
    if (!read) return std::move(read).error();
    return h;
}

base::Result<std::optional<Head>> check_head(std::string_view bytes, std::uint64_t file_size, const ReadRules& rules) {
    auto decoded = decode_head(bytes, file_size, rules.mac_key);
    if (decoded.verdict == Verdict::corrupt) return corrupt("wrong checksum");
    if (decoded.verdict != Verdict::ok) return std::optional<Head>{};
    if (decoded.head.header.key != rules.key || decoded.head.kind != rules.kind)
        return corrupt("it belongs to another key");
    return std::optional{std::move(decoded.head)};
}

base::Result<> bring_bytes(int fd, std::string_view first, Member& m) {
    if (m.stored > k_manifest_limit) return corrupt("a manifest of impossible size");
    if (m.offset + m.stored <= first.size()) {
        m.bytes = first.substr(m.offset, m.stored);
    } else {
        m.bytes.resize(m.stored);
        auto read = pread_full(fd, m.bytes.data(), m.bytes.size(), m.offset);
        if (!read) return read;
    }
    if (base::hash_bytes(m.bytes) != m.content) return corrupt("a member's checksum is wrong");
    return base::Ok{};
}

base::Result<> check_members(Loaded& loaded, std::string_view first, const ReadRules& rules, bool known, bool& hashed) {
    for (auto& m : loaded.members) {
        base::Result<> done = base::Ok{};
        if (m.size <= k_inline_limit || rules.all_bytes) {
            if (m.compressed) return corrupt("a packed manifest");
            done = bring_bytes(loaded.file.get(), first, m);
        } else if (!known) {
            hashed = true;
            auto digest = hash_range(loaded.file.get(), m.offset, m.stored);
            if (!digest) return std::move(digest).error();
            if (*digest != m.packed) return corrupt("a member's checksum is wrong");
        }
        if (!done) return done;
    }
    return base::Ok{};
}

void renew_mtime(int fd, struct stat& st) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec - st.st_mtim.tv_sec < k_touch_after) return;
    const timespec times[2] = {{0, UTIME_OMIT}, now};
    if (::futimens(fd, times) == 0) st.st_mtim = now;
}

}  // namespace

base::Result<> pread_full(int fd, char* to, std::size_t size, std::uint64_t at) {
    while (size > 0) {
        ssize_t n = ::pread(fd, to, size, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return base::errno_error("cannot read");
        if (n == 0) return base::Error{"the file is shorter than it was", k_corrupt};
        to += n;
        at += static_cast<std::uint64_t>(n);
        size -= static_cast<std::size_t>(n);
    }
    return base::Ok{};
}

base::Result<> pwrite_full(int fd, std::string_view bytes, std::uint64_t at) {
    while (!bytes.empty()) {
        ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return base::errno_error("cannot write to the cache");
        bytes.remove_prefix(static_cast<std::size_t>(n));
        at += static_cast<std::uint64_t>(n);
    }
    return base::Ok{};
}

std::uint64_t VerifiedFiles::name(const struct stat& st, std::string_view head) {
    auto digest = base::Hasher{}
                      .number(st.st_dev)
                      .number(st.st_ino)
                      .number(static_cast<std::uint64_t>(st.st_mtim.tv_sec))
                      .number(static_cast<std::uint64_t>(st.st_mtim.tv_nsec))
                      .field(head.substr(0, k_prelude_size))
                      .finish();
    std::uint64_t n = 0;
    std::memcpy(&n, digest.bytes.data(), sizeof n);
    return n == 0 ? 1 : n;
}

base::Result<std::uint64_t> write_entry(int file, Head& head, const std::vector<NewMember>& from,
                                        std::uint64_t max_size, const std::optional<base::Digest>& mac_key) {
    head.members.clear();
    for (const auto& m : from) {
        auto size = size_of(m);
        if (!size) return std::move(size).error();
        Member member;
        member.name = m.name;
        member.executable = m.executable;
        member.size = member.stored = *size;
        head.members.push_back(std::move(member));
    }
    if (auto why = refusal(head)) return base::Error{"not stored: " + *why, std::errc::invalid_argument};
    auto head_length = encode_head(head, std::nullopt).size();  // the length does not depend on offsets and digests
    auto total = lay_out(head.members, head_length);
    if (total > max_size) return base::Error{"larger than the whole cache may be", std::errc::file_too_large};

    std::string packed;  // the small members, which follow the head
    for (std::size_t i = 0; i < from.size(); ++i) {
        auto& m = head.members[i];
        if (m.size > k_inline_limit && from[i].fd >= 0) {
            auto digest = copy_hashing(from[i].fd, m.size, file, m.offset);
            if (!digest) return std::move(digest).error();
            m.content = *digest;
        } else if (m.size > k_inline_limit) {
            auto digest = write_hashing(from[i].bytes, file, m.offset);
            if (!digest) return std::move(digest).error();
            m.content = *digest;
        } else {
            auto start = packed.size();
            packed.resize(start + m.size);
            if (from[i].fd < 0) {
                std::copy(from[i].bytes.begin(), from[i].bytes.end(),
                          packed.begin() + static_cast<std::ptrdiff_t>(start));
            } else {
                auto read = pread_full(from[i].fd, packed.data() + start, m.size, 0);
                if (!read) return std::move(read).error().while_doing("reading an output of the compiler");
            }
            m.content = base::hash_bytes(std::string_view{packed}.substr(start));
        }
        m.packed = m.content;
    }
    auto written = pwrite_full(file, encode_head(head, mac_key) + packed, 0);
    if (!written) return std::move(written).error();
    return total;
}

base::Result<std::optional<Head>> read_head(int file, const ReadRules& rules) {
    struct stat st {};
    if (::fstat(file, &st) != 0) return base::errno_error("cannot stat a cache entry");
    char first[4096];
    auto n = std::min<std::uint64_t>(sizeof first, static_cast<std::uint64_t>(st.st_size));
    auto read = pread_full(file, first, n, 0);
    if (!read) return std::move(read).error();
    auto bytes = head_bytes(file, {first, n}, static_cast<std::uint64_t>(st.st_size));
    if (!bytes) return std::move(bytes).error();
    return check_head(bytes->view(), static_cast<std::uint64_t>(st.st_size), rules);
}

base::Result<std::optional<Loaded>> read_entry(int tree_fd, const std::string& name, const ReadRules& rules,
                                               VerifiedFiles& verified) {
    base::Fd file{::openat(tree_fd, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)};
    if (!file && errno == ENOENT) return std::optional<Loaded>{};
    if (!file && (errno == ELOOP || errno == ENXIO)) return corrupt("not a regular file");
    if (!file) return base::errno_error("cannot open a cache entry");
    struct stat st {};
    if (::fstat(file.get(), &st) != 0) return base::errno_error("cannot stat a cache entry");
    if (!S_ISREG(st.st_mode)) return corrupt("not a regular file");

    char buffer[k_first_read];
    auto file_size = static_cast<std::uint64_t>(st.st_size);
    auto n = static_cast<std::size_t>(std::min<std::uint64_t>(sizeof buffer, file_size));
    auto read = pread_full(file.get(), buffer, n, 0);
    if (!read) return std::move(read).error();
    std::string_view first{buffer, n};

    auto bytes = head_bytes(file.get(), first, file_size);
    if (!bytes) return std::move(bytes).error();
    auto head = check_head(bytes->view(), file_size, rules);
    if (!head) return std::move(head).error();
    if (!*head) return std::optional<Loaded>{};

    if (rules.touch) renew_mtime(file.get(), st);
    Loaded loaded{std::move((*head)->header), std::move((*head)->members), std::move(file)};
    auto file_name = VerifiedFiles::name(st, bytes->view());
    bool hashed = false;
    auto checked = check_members(loaded, first, rules, verified.knows(file_name), hashed);
    if (!checked) return std::move(checked).error();
    if (hashed) verified.add(file_name);
    return std::optional{std::move(loaded)};
}

}  // namespace store
