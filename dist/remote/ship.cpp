#include "dist/remote/ship.hpp"

#include "dist/remote/layers.hpp"
#include "dist/remote/tree.hpp"
#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

/// Whether something of the job's own at that path keeps a builder from using the layer's /usr/include as it is.
bool meets_headers(std::string_view path) {
    return path == "/usr" || path == "/usr/include" || path.starts_with("/usr/include/");
}

}  // namespace

base::Result<Inputs> gather_inputs(const wire::RemoteJob& job, Segments& segments, Layers* layers,
                                   Segments::Allowance allowance) {
    // Asked before any file is looked at.
    Inputs inputs;
    if (layers != nullptr) inputs.layer = layers->current();
    inputs.whole = inputs.layer != nullptr;
    auto full = [&](const std::string& path) { return path.starts_with('/') ? path : base::cat(job.cwd, "/", path); };
    for (const auto& path : job.outputs)
        if (meets_headers(full(path))) inputs.whole = false;  // nobody can write there
    Tree tree;
    for (const auto& path : job.inputs)
        if (auto added = tree.add_file(full(path)); !added) return std::move(added).error();
    for (const auto& path : job.directories) (void)tree.add_directory(full(path));  // one that has gone is missing here as well
    if (auto added = tree.add_directory(job.cwd); !added) return std::move(added).error();

    // Links before what lies behind them.
    std::string plain;
    auto add_head = [&](const std::string& path, std::string header) {
        plain += header;
        if (meets_headers(path)) inputs.whole = false;
    };
    for (const auto& [path, text] : tree.links()) add_head(path, tar_header(path, '2', 0777, 0, 0, text));
    for (const auto& path : tree.directories())
        if (!inputs.layer || !inputs.layer->has_directory(path)) add_head(path, tar_header(path, '5', 0755, 0, 0));

    StreamMaker maker{StreamMaker::Format::zlib};
    if (!plain.empty()) {
        auto head = segments.text(plain);
        if (!head) return std::move(head).error();
        maker.add(std::move(*head));
    }
    for (const auto& file : tree.files()) {
        const FileStamp stamp{file.seen};
        if (const auto* held = inputs.layer ? inputs.layer->find(file.path, stamp) : nullptr) {
            inputs.spared += held->segment->deflated.size();
            continue;
        }
        auto segment = segments.file(file.path, file.seen, allowance);
        if (!segment) return std::move(segment).error();
        if (meets_headers(file.path)) inputs.whole = false;
        const bool readable = (file.seen.st_mode & S_IROTH) != 0;  // a layer's files belong to nobody's job
        if (layers != nullptr && readable && (*segment)->proved && layers->is_common(file.path)) inputs.common.emplace_back(file.path, LayerFile{stamp, *segment});
        maker.add(std::move(*segment));
        if (maker.plain() > k_inputs_limit)
            return base::Error{"the inputs are too large to be sent", std::errc::file_too_large};
    }
    auto end = segments.text(std::string(1024, '\0'));
    if (!end) return std::move(end).error();
    maker.add(std::move(*end));
    auto stream = std::move(maker).finish();
    inputs.pieces = std::move(stream.pieces);
    inputs.size = stream.size;
    return inputs;
}

}  // namespace remote
