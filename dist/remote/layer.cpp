#include "dist/remote/layer.hpp"

#include <sys/stat.h>

#include <optional>
#include <unordered_map>

#include "src/base/digest.hpp"
#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

/// What a directory was before anybody looked at the files in it; nothing if it may change without a new time.
std::optional<FileStamp> settled_directory(const std::string& path) {
    const auto now = coarse_now();
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) return std::nullopt;
    const FileStamp stamp{st};
    return stamp.settled(now) ? std::optional{stamp} : std::nullopt;
}

bool is_here(const std::string& path, const FileStamp& stamp) {
    struct stat st {};
    return ::lstat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && FileStamp{st} == stamp;
}

}  // namespace

base::Result<std::shared_ptr<const Layer>> Layer::make(const LayerFiles& files, Segments& segments) {
    std::shared_ptr<Layer> layer{new Layer};
    std::unordered_map<std::string, std::optional<FileStamp>> directories;
    for (const auto& [path, file] : files) {
        std::string directory{base::directory_of(path)};
        auto at = directories.find(directory);
        if (at == directories.end()) {
            at = directories.emplace(directory, settled_directory(directory)).first;
            if (at->second) layer->m_directories.emplace_back(directory, *at->second);
        }
        if (at->second && is_here(path, file.stamp)) layer->add(path, file);
    }
    if (layer->m_files.empty()) return LayerPtr{};
    if (auto finished = layer->finish(segments); !finished) return std::move(finished).error();
    return LayerPtr{std::move(layer)};
}

void Layer::add(const std::string& path, const LayerFile& file) {
    m_files.emplace(path, file);
    for (auto place = base::directory_of(path); place.size() > 1; place = base::directory_of(place))
        if (!m_places.emplace(place).second) break;
}

base::Result<> Layer::finish(Segments& segments) {
    StreamMaker maker{StreamMaker::Format::gzip};
    for (const auto& [path, file] : m_files) maker.add(file.segment);
    auto end = segments.text(std::string(1024, '\0'));
    if (!end) return std::move(end).error();
    maker.add(std::move(*end));
    m_archive = std::move(maker).finish();
    base::Hasher hasher;
    for (const auto& piece : m_archive.pieces) hasher.raw(piece->deflated);
    auto id = protocol::ArchiveId::of_digest(hasher.finish().view());
    if (!id) return std::move(id).error();
    m_id = std::move(*id);
    return base::Ok{};
}

const LayerFile* Layer::find(const std::string& path, const FileStamp& seen) const {
    auto at = m_files.find(path);
    return at != m_files.end() && at->second.stamp == seen ? &at->second : nullptr;
}

bool Layer::holds() const {
    for (const auto& [path, stamp] : m_directories) {
        struct stat st {};
        if (::lstat(path.c_str(), &st) != 0 || FileStamp{st} != stamp) return false;
    }
    return true;
}

}  // namespace remote
