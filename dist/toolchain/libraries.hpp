#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dist/toolchain/elf.hpp"

namespace toolchain {

/// Finds shared libraries the way the dynamic loader does, by reading headers only: asking `ldd` would run the file.
/// One object serves one packing; it remembers the loader's configured directories.
class Libraries {
public:
    /// A library and whether the loader would find it without a cache file: the sandbox has none.
    struct Found {
        std::string path;
        bool needs_cache = false;
    };

    /// `library_path` is LD_LIBRARY_PATH of the compile; `conf` is normally /etc/ld.so.conf.
    Libraries(std::string_view library_path, const std::string& conf);

    /// Where `name` (a DT_NEEDED) of `user`, loaded from `user_path`, is found. `inherited` are the DT_RPATH
    /// directories of the files that caused `user` to be loaded, $ORIGIN already replaced.
    [[nodiscard]] std::optional<Found> find(const std::string& name, const Elf& user, const std::string& user_path,
                                            const std::vector<std::string>& inherited) const;
    /// DT_RPATH or DT_RUNPATH entries as directories: $ORIGIN means the directory of `user_path`, as named and as resolved.
    static std::vector<std::string> expand(const std::vector<std::string>& entries, const std::string& user_path);

private:
    std::vector<std::string> m_library_path;
    std::vector<std::string> m_configured;
};

}  // namespace toolchain
