#include "dist/toolchain/contents.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <deque>
#include <memory>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace toolchain {
namespace {

constexpr int k_max_links = 40;          // as the kernel
constexpr int k_max_library_depth = 64;  // chains of libraries that need libraries
constexpr int k_max_tree_depth = 64;
constexpr unsigned char k_class_64 = 2;  // ELFCLASS64
constexpr std::size_t k_max_members = 200'000;

void push_front(std::deque<std::string>& rest, std::string_view path) {
    std::vector<std::string> parts;
    for (auto part : base::split(path, '/'))
        if (!part.empty() && part != ".") parts.emplace_back(part);
    rest.insert(rest.begin(), parts.begin(), parts.end());
}

std::string parent_of(const std::string& real) {
    auto slash = real.rfind('/');
    return slash == std::string::npos || slash == 0 ? std::string{} : real.substr(0, slash);
}

std::string script_interpreter(const std::string& path) {
    auto fd = base::open_read(path);
    if (!fd) return {};
    char head[256];
    auto n = ::pread(fd->get(), head, sizeof head, 0);
    std::string_view text{head, n > 0 ? static_cast<std::size_t>(n) : 0};
    if (text.substr(0, 2) != "#!") return {};
    text = base::trim(text.substr(2, text.find('\n') - 2));
    return std::string{text.substr(0, text.find(' '))};
}

}  // namespace

// The path is walked component by component, as the kernel would: "/lib64/x.so" with "lib64 -> usr/lib64" and
// "x.so -> x.so.1" records both links and the file /usr/lib64/x.so.1.
base::Result<std::string> Contents::add(const std::string& path) {
    std::deque<std::string> rest;
    push_front(rest, path);
    std::string real;
    struct stat st {};
    for (int links = 0; !rest.empty();) {
        auto part = rest.front();
        rest.pop_front();
        if (part == "..") {
            real = parent_of(real);
            continue;
        }
        auto here = real + "/" + part;
        if (::lstat(here.c_str(), &st) != 0) return base::errno_error("cannot pack " + path);
        if (!S_ISLNK(st.st_mode)) {
            real = here;
            continue;
        }
        char text[PATH_MAX];
        auto n = ::readlink(here.c_str(), text, sizeof text);
        if (n <= 0 || n == sizeof text) return base::errno_error("cannot read link " + here);
        if (++links > k_max_links) return base::errno_error("cannot pack " + path, ELOOP);
        std::string target{text, static_cast<std::size_t>(n)};
        m_links.emplace(here, target);
        add_directory(parent_of(here));
        if (target[0] == '/') real.clear();
        push_front(rest, target);
    }
    if (real.empty()) return std::string{"/"};
    if (::lstat(real.c_str(), &st) != 0) return base::errno_error("cannot pack " + path);
    if (S_ISDIR(st.st_mode)) {
        add_directory(real);
    } else if (S_ISREG(st.st_mode)) {
        add_directory(parent_of(real));
        m_files.insert(real);
    } else {
        return base::Error{"cannot pack " + path + ": neither a file nor a directory", std::errc::invalid_argument};
    }
    if (m_files.size() + m_links.size() > k_max_members)
        return base::Error{"toolchain has too many files", std::errc::file_too_large};
    return real;
}

base::Result<> Contents::add_tree(const std::string& path, const std::set<std::string>& skip) {
    std::vector<std::pair<std::string, int>> todo{{path, 0}};
    std::set<std::string> seen;
    while (!todo.empty()) {
        auto [dir, depth] = todo.back();
        todo.pop_back();
        auto real = add(dir);
        if (!real) return std::move(real).error();
        if (depth > k_max_tree_depth || !seen.insert(*real).second) continue;
        std::unique_ptr<DIR, int (*)(DIR*)> stream{::opendir(real->c_str()), ::closedir};
        if (!stream) return base::errno_error("cannot read directory " + *real);
        while (auto* entry = ::readdir(stream.get())) {
            std::string name = entry->d_name;
            if (name == "." || name == ".." || skip.count(name)) continue;
            auto child = *real + "/" + name;
            auto stored = add(child);
            if (!stored) {
                if (stored.error().code == std::errc::no_such_file_or_directory) continue;  // dangling link
                if (stored.error().code == std::errc::invalid_argument) continue;           // socket, FIFO
                return std::move(stored).error();
            }
            if (m_directories.count(*stored)) todo.emplace_back(child, depth + 1);
        }
    }
    return base::Ok{};
}

base::Result<> Contents::add_program(const std::string& path, const Libraries& libraries) {
    return add_libraries(path, libraries, {}, 0);
}

base::Result<> Contents::add_libraries(const std::string& path, const Libraries& libraries,
                                       const std::vector<std::string>& inherited, int depth) {
    if (depth > k_max_library_depth)
        return base::Error{path + ": libraries nested too deeply", std::errc::too_many_symbolic_link_levels};
    auto real = add(path);
    if (!real) return std::move(real).error();
    if (!m_programs.insert(path).second) return base::Ok{};
    auto elf = read_elf(path);
    if (!elf) {
        if (elf.error().code != std::errc::executable_format_error) return std::move(elf).error();
        auto interpreter = script_interpreter(path);
        if (interpreter.empty()) return base::Ok{};
        return add_libraries(interpreter, libraries, {}, depth + 1);
    }
    if (!elf->interpreter.empty()) {
        auto loader = add_libraries(elf->interpreter, libraries, {}, depth + 1);
        if (!loader) return loader;
    }
    auto chain = Libraries::expand(elf->rpath, path);
    chain.insert(chain.end(), inherited.begin(), inherited.end());
    for (const auto& name : elf->needed) {
        auto found = libraries.find(name, *elf, path, inherited);
        if (!found)
            return base::Error{base::cat("cannot pack ", path, ": its library ", name, " was not found"),
                               std::errc::no_such_file_or_directory};
        auto added = add_libraries(found->path, libraries, chain, depth + 1);
        if (!added) return added;
        // The loader of the sandbox has no cache file, so a library of a configured directory gets a second name
        // beside the loader's own directories.
        // Debian's loader looks in /usr/lib for 64-bit ones as well, others' only in /usr/lib64.
        if (!found->needs_cache) continue;
        add_link("/usr/lib/" + name, found->path);
        if (elf->word_class == k_class_64) add_link("/usr/lib64/" + name, found->path);
    }
    return base::Ok{};
}

void Contents::add_link(const std::string& path, const std::string& text) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) == 0) return;
    auto dir = parent_of(path);
    if (auto real = add(dir)) dir = *real;  // the directory itself may be reached through a link
    add_directory(dir);
    m_links.emplace(dir + path.substr(path.rfind('/')), text);
}

void Contents::add_directory(const std::string& path) {
    for (auto dir = path; !dir.empty() && dir != "/"; dir = parent_of(dir))
        if (!m_directories.insert(dir).second) break;
}

}  // namespace toolchain
