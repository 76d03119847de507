#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "src/base/digest.hpp"
#include "src/base/fd.hpp"
#include "src/base/result.hpp"
#include "src/store/entry_codec.hpp"
#include "src/store/store.hpp"

namespace store {

/// Our part of a cache directory; a later format gets a name of its own, and Mozilla's files beside it stay untouched.
inline constexpr const char* k_subtree = "sccache-v1";
inline constexpr unsigned k_shards = 256;

/// An opened, checked subtree. Everything below is named relative to `fd`, so nobody can swap a parent under us.
struct Tree {
    base::Fd fd;
    dev_t dev = 0;
    ino_t ino = 0;
};

enum class Create : std::uint8_t { no, yes };

/// Opens DIRECTORY/sccache-v1. Refuses a directory that others could fill: it must be ours (root's will do to read
/// from) and not writable by everybody; the message says what to do. Code no_such_file_or_directory: it is absent.
base::Result<Tree> open_tree(const std::string& directory, Mode mode, Create create);

/// The shard of a key: its first byte.
unsigned shard_of(const base::Digest& key);
/// "ab", the directory of a shard.
std::string shard_name(unsigned shard);
/// "ab/abcd...": an entry's path below the tree; a manifest has ".m" behind it.
std::string entry_name(const base::Digest& key, Kind kind);
/// What entry_name gave, from the last part of the path; false for any other file's name.
bool is_entry_name(std::string_view name, unsigned shard);

/// What a file is counted with: the blocks it fills.
constexpr std::uint64_t footprint(std::uint64_t bytes) { return (bytes + 4095) / 4096 * 4096; }

/// Calls `seen` for each file of a shard with its plain name and state; an absent shard has none. Bounded: after a
/// million names the rest is left for another day.
base::Result<> scan_shard(int tree_fd, unsigned shard,
                          const std::function<void(const std::string&, const struct stat&)>& seen);

/// A file being written: a temporary name in the shard it will live in, removed unless `commit` renamed it. Names are
/// unlike in processes of different pid namespaces too; a leftover of a killed process goes with a scan an hour later.
class NewFile {
public:
    NewFile(NewFile&& other) noexcept;
    NewFile& operator=(NewFile&&) = delete;
    ~NewFile();

    /// Makes the shard directory when it is missing.
    static base::Result<NewFile> create(int tree_fd, unsigned shard);
    [[nodiscard]] int fd() const { return m_fd.get(); }
    /// Renames to `name` (relative to the tree), replacing what is there.
    base::Result<> commit(const std::string& name);
    /// As commit, for a name that an entry has already, without waiting for the disk: ext4 writes a new file out before it
    /// may replace an old one by rename, but not before the two change names. After a crash the entry may be incomplete,
    /// as any new one; its checksums tell, and it is a miss.
    base::Result<> replace(const std::string& name);

private:
    NewFile(int tree_fd, std::string name, base::Fd fd);
    int m_tree_fd;
    std::string m_name;
    base::Fd m_fd;
};

/// Temporary files start with this.
inline constexpr std::string_view k_temp_prefix = ".t";

}  // namespace store
