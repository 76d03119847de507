#include "dist/remote/layer.hpp"

#include <sys/stat.h>
#include <zlib.h>

#include <optional>

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

void append_little_endian(std::string& out, std::uint64_t value) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift & 0xff));
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
    const auto& [name, kept] = *m_files.emplace(path, file).first;
    m_by_path.emplace(name, &kept);
    for (auto place = base::directory_of(path); place.size() > 1; place = base::directory_of(place))
        if (!m_places.emplace(place).second) break;
}

/// The pieces of the stream were compressed on their own, as those of a job's inputs.
base::Result<> Layer::finish(Segments& segments) {
    m_pieces.push_back(literal_segment(std::string{"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10}));
    unsigned long crc = 0;
    std::uint64_t plain = 0;
    auto append = [&](const SegmentPtr& segment) {
        crc = ::crc32_combine(crc, segment->crc, static_cast<z_off_t>(segment->plain));
        plain += segment->plain;
        m_pieces.push_back(segment);
    };
    for (const auto& [path, file] : m_files) append(file.segment);
    auto end = segments.text(std::string(1024, '\0'));
    if (!end) return std::move(end).error();
    append(*end);
    std::string tail{"\x03\x00", 2};  // an empty last block
    append_little_endian(tail, crc);
    append_little_endian(tail, plain);
    m_pieces.push_back(literal_segment(std::move(tail)));
    base::Hasher hasher;
    for (const auto& piece : m_pieces) {
        hasher.raw(piece->deflated);
        m_size += piece->deflated.size();
    }
    auto id = protocol::ArchiveId::of_digest(hasher.finish().view());
    if (!id) return std::move(id).error();
    m_id = std::move(*id);
    return base::Ok{};
}

const LayerFile* Layer::find(const std::string& path, const FileStamp& seen) const {
    auto at = m_by_path.find(path);
    return at != m_by_path.end() && at->second->stamp == seen ? at->second : nullptr;
}

bool Layer::holds() const {
    for (const auto& [path, stamp] : m_directories) {
        struct stat st {};
        if (::lstat(path.c_str(), &st) != 0 || FileStamp{st} != stamp) return false;
    }
    return true;
}

}  // namespace remote
