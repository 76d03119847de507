#include "src/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace base {

Result<Fd> open_read(const std::string& path) {
    Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!fd) return errno_error("cannot open " + path);
    return fd;
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    auto fd = open_read(path);
    if (!fd) return std::move(fd).error();
    auto bytes = read_whole(fd->get(), limit);
    if (!bytes) return std::move(bytes).error().while_doing(path);
    return bytes;
}

Result<> write_file(const std::string& path, std::string_view bytes, unsigned mode) {
    std::string temp = path + ".XXXXXX";
    Fd fd{::mkostemp(temp.data(), O_CLOEXEC)};
    if (!fd) return errno_error("cannot create " + temp);
    auto done = write_all(fd.get(), bytes);
    if (done && ::fchmod(fd.get(), mode) != 0) done = errno_error("cannot set the mode of " + temp);
    if (done && ::rename(temp.c_str(), path.c_str()) != 0) done = errno_error("cannot rename to " + path);
    if (!done) ::unlink(temp.c_str());
    return done;
}

Result<> make_directories(const std::string& path, unsigned mode) {
    if (::mkdir(path.c_str(), mode) == 0) return Ok{};
    if (errno == ENOENT) {
        std::string parent{directory_of(path)};
        if (parent == path || parent == ".") return errno_error("cannot create " + path, ENOENT);
        auto made = make_directories(parent, mode);
        if (!made) return made;
        if (::mkdir(path.c_str(), mode) == 0) return Ok{};
    }
    int why = errno;
    struct stat st {};
    if (why == EEXIST && ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return Ok{};
    if (why == EEXIST) why = ENOTDIR;
    return errno_error("cannot create directory " + path, why);
}

Result<> check_private_directory(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) return errno_error("cannot use " + path);
    if (!S_ISDIR(st.st_mode)) return Error{path + " is not a directory", std::errc::not_a_directory};
    if (st.st_uid != ::geteuid())
        return Error{path + " belongs to uid " + std::to_string(st.st_uid) + ", not to uid " + std::to_string(::geteuid()) +
                         ": choose another directory or change its owner",
                     std::errc::permission_denied};
    if ((st.st_mode & S_IWOTH) != 0)
        return Error{path + " is writable by everybody: run chmod 0700 " + path, std::errc::permission_denied};
    return Ok{};
}

std::string absolute(std::string_view path, std::string_view cwd) {
    std::string out;
    out.reserve(path.size() + cwd.size() + 1);
    if (path.empty() || path[0] != '/') out = cwd;
    while (!out.empty() && out.back() == '/') out.pop_back();
    while (!path.empty()) {
        auto slash = path.find('/');
        auto part = path.substr(0, slash);
        path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
        if (part.empty() || part == ".") continue;
        out.push_back('/');
        out.append(part);
    }
    return out.empty() ? "/" : out;
}

std::string_view directory_of(std::string_view path) {
    auto slash = path.rfind('/');
    if (slash == std::string_view::npos) return ".";
    while (slash > 0 && path[slash - 1] == '/') --slash;
    return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
    auto slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view suffix_of(std::string_view path) {
    auto name = name_of(path);
    auto dot = name.rfind('.');
    return dot == std::string_view::npos || dot == 0 ? std::string_view{} : name.substr(dot);
}

}  // namespace base
