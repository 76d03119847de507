#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/store/entry.hpp"

namespace store {

enum class Mode : std::uint8_t { read_write, read_only };

/// What the background duty of one process has done since the store was opened.
struct WorkStats {
    std::uint64_t evicted_files = 0;
    std::uint64_t evicted_bytes = 0;
    std::uint64_t recompressed_files = 0;
    std::uint64_t recompressed_saved = 0;  // bytes
    std::uint64_t damaged_removed = 0;     // entries that failed a check, here or in a get
    std::uint64_t leftovers_removed = 0;   // temporary files of killed processes
    std::uint64_t shards_scanned = 0;
};

/// The seam between the engine and wherever results live. Three answers for every get: found, absent (nullopt), or why
/// it could not be read. Used from several worker threads at once.
class Store {
public:
    virtual ~Store() = default;

    /// A result by its key; verified (own key, header checksum; members' checksum once per file and process).
    virtual base::Result<std::optional<Loaded>> get(const base::Digest& key) = 0;
    /// Stores a result, visible to others before it returns. `header.key` is the name. Error codes: file_too_large (the
    /// entry is larger than max_size: nothing is wrong), read_only_file_system (mode read_only), others are faults.
    virtual base::Result<> put(const Header& header, const std::vector<NewMember>& members) = 0;

    /// Manifests: small opaque values, same checks.
    virtual base::Result<std::optional<std::string>> get_manifest(const base::Digest& key) = 0;
    virtual base::Result<> put_manifest(const base::Digest& key, std::string_view bytes) = 0;

    /// Writes a member's content into `out_fd` at its position, checking size and digest: for compressed members, which
    /// cannot go by descriptor. Streams in bounded memory. After an error `out_fd` holds a part: run the compiler over it.
    virtual base::Result<> unpack(const Loaded& loaded, const Member& member, int out_fd) = 0;

    [[nodiscard]] virtual std::string location() const = 0;                   // Local disk: "/home/u/.cache/sccache"
    [[nodiscard]] virtual std::optional<std::uint64_t> size() const = 0;      // bytes, a good estimate
    [[nodiscard]] virtual std::optional<std::uint64_t> max_size() const = 0;  // bytes
    [[nodiscard]] virtual Mode mode() const = 0;

    /// Background duty (eviction, recompression, healing the size): called about once a second when the server is quiet,
    /// and after puts when over the limit; does a bounded piece of work and returns whether more is waiting.
    virtual bool work() = 0;
    /// Cheap hint after a put: the limit is passed, so work() should be called soon. A one-shot process calls work() itself.
    [[nodiscard]] virtual bool wants_work() const { return false; }
    /// Waits for the background duty to be finished as far as others must see it (before `-s`, stop, idle exit).
    virtual void flush() = 0;

    /// Removes every result and manifest (not the event log). Returns the bytes freed.
    virtual base::Result<std::uint64_t> clear() = 0;
    [[nodiscard]] virtual WorkStats work_stats() const { return {}; }
};

/// Settings of the store on disk.
struct DiskSettings {
    std::string directory;  // the configured cache directory; our files live in a subtree of it
    std::uint64_t max_size = std::uint64_t{10} << 30;  // bytes; 0 stores nothing
    Mode mode = Mode::read_write;
    int zstd_level = 1;                                  // for the background recompression of old entries
    std::uint64_t free_floor = std::uint64_t{64} << 20;  // keep at least this much free on the file system,
    unsigned free_floor_share = 5;                       // but no more than these percent of a small one
    // Large members are compressed when nobody has used them for so long; negative: never. A hit on a raw entry costs half of
    // one on a compressed entry, so while the cache is not half full only what a day's work did not need is compressed.
    std::chrono::seconds recompress_after{600};
    std::chrono::seconds recompress_roomy_after{86'400};
    std::optional<base::Digest>
        mac_key;  // when set, new entries carry a MAC and those without the right one are absent
};

/// Opens (creating it when possible) a store on disk. Instant whatever its size: no scan. Never fails: a directory that
/// cannot be used gives a store whose gets and puts say why.
std::unique_ptr<Store> open_disk(DiskSettings settings);

}  // namespace store
