#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/store/entry.hpp"

namespace store {

enum class Mode : std::uint8_t { read_write, read_only };

/// The seam between the engine and wherever results live. Three answers for every get: found, absent (nullopt), or why
/// it could not be read. Used from several worker threads at once.
class Store {
public:
    virtual ~Store() = default;

    /// A result by its key; verified (own key, header checksum; members' checksum once per file and process).
    virtual base::Result<std::optional<Loaded>> get(const base::Digest& key) = 0;
    /// Stores a result, visible to others before it returns. `header.key` is the name.
    virtual base::Result<> put(const Header& header, const std::vector<NewMember>& members) = 0;

    /// Manifests: small opaque values, same checks.
    virtual base::Result<std::optional<std::string>> get_manifest(const base::Digest& key) = 0;
    virtual base::Result<> put_manifest(const base::Digest& key, std::string_view bytes) = 0;

    /// Writes a compressed member's content into `out_fd` (a large compressed member cannot go by descriptor).
    virtual base::Result<> unpack(const Loaded& loaded, const Member& member, int out_fd) = 0;

    [[nodiscard]] virtual std::string location() const = 0;  // Local disk: "/home/u/.cache/sccache"
    [[nodiscard]] virtual std::optional<std::uint64_t> size() const = 0;      // bytes, a good estimate
    [[nodiscard]] virtual std::optional<std::uint64_t> max_size() const = 0;  // bytes
    [[nodiscard]] virtual Mode mode() const = 0;

    /// Background duty (eviction, recompression, healing the size): called about once a second when the server is quiet,
    /// and after puts when over the limit; does a bounded piece of work and returns whether more is waiting.
    virtual bool work() = 0;
    /// Waits for the background duty to be finished as far as others must see it (before `-s`, stop, idle exit).
    virtual void flush() = 0;
};

/// Settings of the store on disk.
struct DiskSettings {
    std::string directory;           // the configured cache directory; our files live in a subtree of it
    std::uint64_t max_size = std::uint64_t{10} << 30;  // bytes; 0 stores nothing
    Mode mode = Mode::read_write;
    int zstd_level = 1;              // for the background recompression of old entries
    std::uint64_t free_floor = std::uint64_t{64} << 20;  // keep at least this much free on the file system
};

/// Opens (creating it when possible) a store on disk. Instant whatever its size: no scan. Never fails: a directory that
/// cannot be used gives a store whose gets and puts say why.
std::unique_ptr<Store> open_disk(DiskSettings settings);

}  // namespace store
