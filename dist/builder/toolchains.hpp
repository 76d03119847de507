#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dist/protocol/messages.hpp"
#include "dist/toolchain/archive_check.hpp"
#include "dist/toolchain/unpack.hpp"
#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace builder {

/// Where toolchains are kept and how much of them.
struct ToolchainOptions {
    std::string cache_dir;  // archives: tc/<1st digit>/<2nd digit>/<id>, the layout of the other builders
    std::string trees_dir;  // unpacked: <id>, empty at start
    std::uint64_t cache_size = std::uint64_t{10} << 30;    // archives and trees together
    std::uint64_t archive_limit = std::uint64_t{2} << 30;  // one upload
    toolchain::UnpackLimits unpack;
};

/// The builder's toolchains, and the layers that clients want over them (headers that many jobs have in common): archives as
/// clients sent them, each proved by its hash before it is believed (once in the daemon's life, also those found at start),
/// and unpacked trees for jobs to run in. The least recently used that no job holds go first when room is needed. Thread-safe; slow work is done outside the lock, one toolchain's upload or
/// unpacking never waits for another's.
class Toolchains {
public:
    /// Reads the directory; old partial uploads are removed.
    static base::Result<std::unique_ptr<Toolchains>> open(ToolchainOptions options);

    /// Keeps a toolchain, present or expected, from being removed while it lives. One per job, from assign to its end.
    class Pin {
    public:
        Pin() = default;
        Pin(Toolchains& owner, protocol::ArchiveId id);
        Pin(Pin&& other) noexcept : m_owner{std::exchange(other.m_owner, nullptr)}, m_id{std::move(other.m_id)} {}
        Pin& operator=(Pin&& other) noexcept;
        ~Pin();
        [[nodiscard]] const protocol::ArchiveId& id() const { return m_id; }

    private:
        Toolchains* m_owner = nullptr;
        protocol::ArchiveId m_id;
    };
    Pin pin(const protocol::ArchiveId& id);
    /// The same for a layer, which proved() leaves out.
    Pin pin_layer(const protocol::ArchiveId& id) { return Pin{*this, id}; }

    /// Whether the archive is here and its hash right. Reads it whole the first time: for worker threads.
    bool has(const protocol::ArchiveId& id);
    /// Whether it is known already that has() is true; never waits for anything. The caller holds a Pin.
    [[nodiscard]] bool surely_has(const protocol::ArchiveId& id) const;
    /// The directory name below trees_dir of the unpacked toolchain; unpacks it the first time, waits while another
    /// thread does. The caller holds a Pin. Error.code no_such_file_or_directory: the archive is not here.
    base::Result<std::string> tree(const protocol::ArchiveId& id);

    /// A toolchain on its way in. Nothing is kept unless finish() succeeds.
    class Upload {
    public:
        ~Upload();
        Upload(const Upload&) = delete;
        Upload& operator=(const Upload&) = delete;
        base::Result<> write(std::string_view piece);
        /// Checks the hash and puts the archive in place; makes room.
        base::Result<> finish();

    private:
        friend class Toolchains;
        Upload(Toolchains& owner, protocol::ArchiveId id);
        Toolchains& m_owner;
        protocol::ArchiveId m_id;
        toolchain::ArchiveCheck m_check;
        std::string m_path;
        base::Fd m_file;
        std::uint64_t m_size = 0;
        bool m_kept = false;
    };
    /// `size` as announced, 0 if unknown. An archive that is here already may be sent again.
    base::Result<std::unique_ptr<Upload>> upload(const protocol::ArchiveId& id, std::uint64_t size);

    /// Proved ones, most recently used first, without layers: for the heartbeat.
    [[nodiscard]] std::vector<protocol::ArchiveId> proved() const;
    /// Bytes of archives and trees.
    [[nodiscard]] std::uint64_t size() const;

private:
    /// One toolchain: what is on disk, and who is at it.
    struct Entry {
        std::uint64_t archive_bytes = 0;
        std::uint64_t tree_bytes = 0;
        bool archive = false, proved = false, tree = false;
        bool busy = false;          // a thread hashes or unpacks
        bool is_toolchain = false;  // somebody wanted it as one, not only as a layer
        unsigned pins = 0;
        std::uint64_t used = 0;  // order of last use
    };
    using Lock = std::unique_lock<std::mutex>;

    explicit Toolchains(ToolchainOptions options) : m_options{std::move(options)} {}
    base::Result<> scan();
    [[nodiscard]] std::string archive_path(const protocol::ArchiveId& id) const;
    [[nodiscard]] std::string tree_path(const protocol::ArchiveId& id) const;
    Entry& wait_for(Lock& lock, const protocol::ArchiveId& id);
    void make_room(Lock& lock, std::uint64_t wanted);
    void unpin(const protocol::ArchiveId& id);

    ToolchainOptions m_options;
    mutable std::mutex m_mutex;
    std::condition_variable m_idle;  // some entry is no longer busy
    std::map<protocol::ArchiveId, Entry> m_entries;
    std::uint64_t m_clock = 0;
    std::uint64_t m_next_part = 0;
};

}  // namespace builder
