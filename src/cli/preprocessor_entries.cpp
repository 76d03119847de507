#include "src/cli/preprocessor_entries.hpp"

#include <algorithm>
#include <vector>

#include "src/base/strings.hpp"
#include "src/key/manifest.hpp"
#include "src/store/store.hpp"
#include "src/store/tree.hpp"

namespace cli {

namespace {

using base::cat;

const std::string k_rule(80, '=');

std::string show(const std::vector<key::Reading>& readings) {
    std::string out;
    for (const auto& reading : readings) {
        out +=
            cat("result ", reading.result.hex(), reading.date_setting.is_zero() ? "" : " (depends on the date)", "\n");
        for (const auto& file : reading.files) out += cat("    ", file.digest.hex(), "  ", file.path, "\n");
        for (const auto& absence : reading.absences)
            out += cat("    absent in ", absence.directory, ": ", base::join(absence.names, " "), "\n");
    }
    return out;
}

}  // namespace

base::Result<> show_preprocessor_entries(const std::string& directory,
                                         const std::function<void(std::string_view)>& out) {
    auto tree = store::open_tree(directory, store::Mode::read_only, store::Create::no);
    if (!tree) {
        if (tree.error().code == std::errc::no_such_file_or_directory) return base::Ok{};
        return std::move(tree).error();
    }
    store::DiskSettings settings;
    settings.directory = directory;
    settings.mode = store::Mode::read_only;
    auto disk = store::open_disk(settings);
    for (unsigned shard = 0; shard < store::k_shards; ++shard) {
        std::vector<std::string> names;
        auto scanned = store::scan_shard(tree->fd.get(), shard, [&](const std::string& name, const struct stat&) {
            if (name.ends_with(".m") && store::is_entry_name(name, shard)) names.push_back(name);
        });
        if (!scanned) return scanned;
        std::sort(names.begin(), names.end());
        for (const auto& name : names) {
            auto key = base::Digest::from_hex(std::string_view{name}.substr(0, 64));
            if (!key) continue;
            auto bytes = disk->get_manifest(*key);
            auto path = cat(directory, "/", store::k_subtree, "/", store::entry_name(*key, store::Kind::manifest));
            std::string shown;
            if (!bytes)
                shown = cat("unreadable: ", bytes.error().what, "\n");
            else if (!*bytes)
                continue;  // evicted meanwhile
            else if (auto readings = key::readings(**bytes))
                shown = show(*readings);
            else
                shown = cat("unreadable: ", readings.error().what, "\n");
            out(cat(k_rule, "\nShowing preprocessor entry file ", path, "\n", shown, k_rule, "\n"));
        }
    }
    return base::Ok{};
}

}  // namespace cli
