#include "dist/remote/tree.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace remote {

namespace {

constexpr int k_link_limit = 40;  // as the kernel
constexpr std::size_t k_text_limit = 4096;

std::string parent_of(const std::string& real) {
    auto slash = real.rfind('/');
    return slash == 0 || slash == std::string::npos ? "/" : real.substr(0, slash);
}

std::string child_of(const std::string& directory, std::string_view name) {
    return directory == "/" ? base::cat("/", name) : base::cat(directory, "/", name);
}

/// The way from real directory `from` to real path `to`.
std::string relative(const std::string& from, const std::string& to) {
    auto a = base::split(from == "/" ? std::string_view{} : std::string_view{from}.substr(1), '/');
    auto b = base::split(to == "/" ? std::string_view{} : std::string_view{to}.substr(1), '/');
    if (from == "/") a.clear();
    if (to == "/") b.clear();
    std::size_t same = 0;
    while (same < a.size() && same < b.size() && a[same] == b[same]) ++same;
    std::string text;
    for (std::size_t i = same; i < a.size(); ++i) text += text.empty() ? ".." : "/..";
    for (std::size_t i = same; i < b.size(); ++i) {
        if (!text.empty()) text += '/';
        text += b[i];
    }
    return text.empty() ? "." : text;
}

}  // namespace

/// One component further: the real path of `name` in the real directory `parent`, following it if it is a link. `st`: what
/// lstat said of it.
base::Result<std::string> Tree::step(const std::string& parent, const std::string& name, int& links_left,
                                     struct stat& st) {
    if (name.empty() || name == ".") return parent;
    if (name == "..") return parent_of(parent);
    auto path = child_of(parent, name);
    if (::lstat(path.c_str(), &st) != 0) return base::errno_error("cannot use " + path);
    if (!S_ISLNK(st.st_mode)) return path;
    if (--links_left < 0) return base::Error{"too many links at " + path, std::errc::too_many_symbolic_link_levels};
    char text[k_text_limit];
    auto n = ::readlink(path.c_str(), text, sizeof text);
    if (n <= 0 || static_cast<std::size_t>(n) >= sizeof text) return base::errno_error("cannot read the link " + path);
    std::string target{text, static_cast<std::size_t>(n)};
    std::string at = target[0] == '/' ? "/" : parent;
    for (auto part : base::split(target, '/')) {
        auto next = step(at, std::string{part}, links_left, st);
        if (!next) return next;
        at = std::move(*next);
    }
    m_links.emplace(path, relative(parent, at));
    return at;
}

base::Result<std::string> Tree::walk(const std::string& directory) {
    if (directory.empty() || directory == "/") return std::string{"/"};
    if (auto known = m_real.find(directory); known != m_real.end()) return known->second;
    auto slash = directory.rfind('/');
    auto above = walk(slash == 0 ? "/" : directory.substr(0, slash));
    if (!above) return above;
    int links_left = k_link_limit;
    struct stat st {};
    auto name = directory.substr(slash + 1);
    // ".." takes the way back, and needs what it came through to be there.
    if (name == "..") m_directories.insert(*above);
    auto real = step(*above, name, links_left, st);
    if (!real) return real;
    m_real.emplace(directory, *real);
    return real;
}

base::Result<> Tree::add_file(const std::string& path) {
    auto slash = path.rfind('/');
    if (path.empty() || path[0] != '/')
        return base::Error{path + " is not an absolute path", std::errc::invalid_argument};
    auto directory = walk(path.substr(0, slash));
    if (!directory) return std::move(directory).error();
    int links_left = k_link_limit;
    struct stat st {};
    auto real = step(*directory, path.substr(slash + 1), links_left, st);
    if (!real) return std::move(real).error();
    if (m_seen.insert(*real).second) m_files.push_back({std::move(*real), st});
    return base::Ok{};
}

base::Result<> Tree::add_directory(const std::string& path) {
    if (path.empty() || path[0] != '/')
        return base::Error{path + " is not an absolute path", std::errc::invalid_argument};
    auto real = walk(path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path);
    if (!real) return std::move(real).error();
    if (*real != "/") m_directories.insert(std::move(*real));
    return base::Ok{};
}

}  // namespace remote
