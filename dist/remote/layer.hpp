#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dist/protocol/messages.hpp"
#include "dist/remote/segments.hpp"
#include "dist/remote/stream.hpp"

namespace remote {

/// One file of a layer: its archive member, and what it was when that was made.
struct LayerFile {
    FileStamp stamp;
    SegmentPtr segment;
};
using LayerFiles = std::map<std::string, LayerFile>;  // by real path

/// Files that many jobs have in common, as one archive that builders keep and lay over the toolchain: a job sends only what
/// is not in it. A compiler there sees all of it, not just what the job named, so a layer may be used only while each of
/// its files is still here: see holds().
class Layer {
public:
    /// Of those that are here unchanged. Null if there are none.
    static base::Result<std::shared_ptr<const Layer>> make(const LayerFiles& files, Segments& segments);

    /// The regular file at the real path `path`, of which lstat has just said `seen`; null: it has none, or another.
    [[nodiscard]] const LayerFile* find(const std::string& path, const FileStamp& seen) const;
    /// Whether a directory is in it, for a file below.
    [[nodiscard]] bool has_directory(const std::string& path) const { return m_places.contains(path); }
    /// Whether no name in it has gone, asked of the directories: a file that changed is found by its job, and one that no
    /// job names does not matter.
    [[nodiscard]] bool holds() const;

    [[nodiscard]] const protocol::ArchiveId& id() const { return m_id; }
    [[nodiscard]] const LayerFiles& files() const { return m_files; }
    /// The archive, a gzip stream.
    [[nodiscard]] const std::vector<SegmentPtr>& pieces() const { return m_archive.pieces; }
    [[nodiscard]] std::uint64_t size() const { return m_archive.size; }

private:
    Layer() = default;
    void add(const std::string& path, const LayerFile& file);
    base::Result<> finish(Segments& segments);

    protocol::ArchiveId m_id;
    Stream m_archive;
    LayerFiles m_files;
    std::vector<std::pair<std::string, FileStamp>> m_directories;  // that hold a file
    std::unordered_set<std::string> m_places;                      // those and the ones above them
};
using LayerPtr = std::shared_ptr<const Layer>;

}  // namespace remote
