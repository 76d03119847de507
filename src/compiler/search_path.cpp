#include "src/compiler/search_path.hpp"

#include <sys/stat.h>

#include <optional>
#include <set>

#include "src/base/files.hpp"

namespace compiler {

namespace {

using Inode = std::pair<dev_t, ino_t>;

std::optional<Inode> inode_of(const std::string& path, const std::string& cwd) {
    struct stat st {};
    if (::stat(base::absolute(path, cwd).c_str(), &st) != 0) return std::nullopt;
    return Inode{st.st_dev, st.st_ino};
}

std::string_view without_dot_slash(std::string_view path) {
    while (path.starts_with("./")) {
        path.remove_prefix(2);
        while (path.starts_with('/')) path.remove_prefix(1);
    }
    return path;
}

}  // namespace

std::vector<SearchDir> search_dirs(const Invocation& invocation, const Toolset& toolset, const std::string& cwd) {
    std::vector<SearchDir> all;
    auto of_user = [&](DirKind kind) {
        for (const auto& d : invocation.include_dirs)
            if (d.kind == kind) all.push_back({kind, d.path});
    };
    auto of_compiler = [&](DirKind kind, const std::vector<std::string>& paths) {
        for (const auto& path : paths) all.push_back({kind, path});
    };
    of_user(DirKind::quote);
    of_compiler(DirKind::quote, toolset.quote_dirs);
    of_user(DirKind::normal);
    of_compiler(DirKind::normal, toolset.normal_dirs);
    of_user(DirKind::system);
    of_compiler(DirKind::system, toolset.system_dirs);
    of_user(DirKind::after);

    std::vector<std::optional<Inode>> inodes;
    std::set<Inode> system;
    for (const auto& d : all) {
        inodes.push_back(inode_of(d.path, cwd));
        if (d.kind == DirKind::system && inodes.back()) system.insert(*inodes.back());
    }
    std::vector<SearchDir> kept;
    std::set<Inode> quote_seen, seen;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (inodes[i]) {
            if (all[i].kind == DirKind::normal && system.contains(*inodes[i])) continue;
            if (!(all[i].kind == DirKind::quote ? quote_seen : seen).insert(*inodes[i]).second) continue;
        }
        kept.push_back(std::move(all[i]));
    }
    return kept;
}

std::string path_in(std::string_view directory, std::string_view name) {
    if (name.starts_with('/')) return std::string{name};
    directory = without_dot_slash(directory);
    if (directory.empty() || directory == ".") return std::string{without_dot_slash(name)};
    std::string out{directory};
    if (out.back() != '/') out += '/';
    out += name;
    return out;
}

}  // namespace compiler
