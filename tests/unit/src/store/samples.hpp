#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/files.hpp"
#include "src/store/store.hpp"
#include "src/store/tree.hpp"
#include "tests/unit/catch.hpp"
#include "tests/unit/src/store/temp_directory.hpp"

// What the tests of this folder store and look at.

inline store::DiskSettings settings_in(const std::string& directory) {
    store::DiskSettings s;
    s.directory = directory;
    s.free_floor = 0;
    return s;
}

inline store::Header header_of(const base::Digest& key) {
    store::Header h;
    h.key = key;
    h.tool = "sccache 1.0.0 gcc 12.2.0";
    h.created_unix = 1700000000;
    h.compile_ms = 1234;
    h.cpu_ms = 1200;
    h.peak_kib = 98765;
    h.out = "out text";
    h.err = "warning: text";
    h.text_setting = key_of("C.UTF-8 80 colour");
    h.components = {{"args", key_of("args")}, {"source", key_of("source")}};
    return h;
}

inline store::NewMember bytes_member(std::string name, std::string_view bytes, bool executable = false) {
    store::NewMember m;
    m.name = std::move(name);
    m.bytes = bytes;
    m.executable = executable;
    return m;
}

// Pseudo-random, so it neither compresses nor repeats.
inline std::string noise(std::size_t size, std::uint64_t seed = 1) {
    std::string s(size, '\0');
    for (auto& c : s) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        c = static_cast<char>(seed >> 56);
    }
    return s;
}

inline std::string entry_path(const std::string& directory, const base::Digest& key,
                              store::Kind kind = store::Kind::result) {
    return directory + "/" + store::k_subtree + "/" + store::entry_name(key, kind);
}

inline std::string member_bytes(store::Store& s, const store::Loaded& loaded, const store::Member& m) {
    if (m.size <= store::k_inline_limit) return m.bytes;
    std::string path = "/tmp/sccache-member-XXXXXX";
    base::Fd out{::mkostemp(path.data(), O_CLOEXEC)};
    ::unlink(path.c_str());
    REQUIRE(s.unpack(loaded, m, out.get()).ok());
    auto bytes = base::read_whole(out.get(), std::size_t{1} << 30);
    REQUIRE(bytes.ok());
    return *bytes;
}

inline bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

inline std::string read_of(const std::string& path) {
    auto bytes = base::read_file(path);
    return bytes ? *bytes : std::string{};
}

/// Overwrites a file in place: same inode. Entries are read-only, which stops everybody but root.
inline void overwrite(const std::string& path, std::string_view bytes) {
    (void)::chmod(path.c_str(), 0600);
    base::Fd fd{::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC)};
    REQUIRE(static_cast<bool>(fd));
    REQUIRE(base::write_all(fd.get(), bytes).ok());
}

/// Gives a file another age in seconds.
inline void age(const std::string& path, long seconds) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec -= seconds;
    const timespec times[2] = {now, now};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

inline struct stat state_of(const std::string& path) {
    struct stat st {};
    REQUIRE(::stat(path.c_str(), &st) == 0);
    return st;
}
