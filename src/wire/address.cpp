#include "src/wire/address.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "src/wire/channel.hpp"

namespace wire {

namespace {

void append_number(std::string& out, unsigned long v) {
    char digits[24];
    int n = 0;
    do digits[n++] = static_cast<char>('0' + v % 10);
    while ((v /= 10) != 0);
    while (n > 0) out.push_back(digits[--n]);
}

std::string runtime_directory_for(const char* (*get)(const char*), unsigned uid) {
    const char* xdg = get("XDG_RUNTIME_DIR");
    if (xdg != nullptr && xdg[0] == '/') return std::string{xdg} + "/sccache";
    std::string run = "/run/user/";
    append_number(run, uid);
    struct stat st {};
    if (::stat(run.c_str(), &st) == 0 && st.st_uid == uid) return run + "/sccache";
    std::string own = "/tmp/sccache-";
    append_number(own, uid);
    return own;
}

bool all_digits(const char* s) {
    if (*s == 0) return false;
    for (; *s != 0; ++s)
        if (*s < '0' || *s > '9') return false;
    return true;
}

using Call = int (*)(int, const sockaddr*, socklen_t);

/// Runs connect or bind on a name; a path that does not fit sun_path goes through the directory's descriptor.
int with_address(int socket, std::string_view path, std::string_view abstract, Call call) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::size_t length;
    int directory = -1;
    std::string short_path;
    if (!abstract.empty()) {
        if (abstract.size() + 1 > sizeof address.sun_path) {
            errno = ENAMETOOLONG;
            return -1;
        }
        std::memcpy(address.sun_path + 1, abstract.data(), abstract.size());
        length = offsetof(sockaddr_un, sun_path) + 1 + abstract.size();
    } else {
        if (path.size() >= sizeof address.sun_path) {
            auto slash = path.rfind('/');
            if (slash == std::string_view::npos) {
                errno = ENAMETOOLONG;
                return -1;
            }
            directory = ::open(std::string{path.substr(0, slash + 1)}.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
            if (directory < 0) return -1;
            short_path = "/proc/self/fd/";
            append_number(short_path, static_cast<unsigned long>(directory));
            short_path += path.substr(slash);
            path = short_path;
            if (path.size() >= sizeof address.sun_path) {
                ::close(directory);
                errno = ENAMETOOLONG;
                return -1;
            }
        }
        std::memcpy(address.sun_path, path.data(), path.size());
        length = offsetof(sockaddr_un, sun_path) + path.size() + 1;
    }
    int result = call(socket, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length));
    if (directory >= 0) {
        int why = errno;
        ::close(directory);
        errno = why;
    }
    return result;
}

}  // namespace

std::string Address::text() const { return abstract.empty() ? path : "\\x00" + abstract; }

std::string Address::beside(std::string_view suffix) const {
    std::string name = path;
    if (name.empty()) {
        name = runtime_directory + "/abstract-";
        for (char c : abstract) name.push_back(c == '/' || c == 0 ? '_' : c);
    }
    name += '.';
    name += suffix;
    return name;
}

std::string Address::debug_path() const { return is_default ? runtime_directory + "/debug.sock" : std::string{}; }

Address server_address(const char* (*get)(const char*), unsigned uid) {
    Address a;
    a.runtime_directory = runtime_directory_for(get, uid);
    const char* uds = get("SCCACHE_SERVER_UDS");
    if (uds != nullptr && *uds != 0) {
        if (std::strncmp(uds, "\\x00", 4) == 0 && uds[4] != 0)
            a.abstract = uds + 4;
        else
            a.path = uds;
        return a;
    }
    a.path = a.runtime_directory + "/server";
    const char* port = get("SCCACHE_SERVER_PORT");
    if (port != nullptr && all_digits(port))
        a.path.append("-").append(port);
    else
        a.is_default = true;
    a.path += ".sock";
    return a;
}

Address for_root(const Address& base, const RootIdentity& root) {
    Address a = base;
    a.is_default = false;
    std::string mark = "root-" + short_name(root);
    if (a.path.empty())
        a.abstract += "-" + mark;
    else
        a.path.insert(a.path.rfind('/') + 1, mark + "-");
    return a;
}

int connect_to(int socket, std::string_view path, std::string_view abstract) {
    return with_address(socket, path, abstract, ::connect);
}

int bind_to(int socket, std::string_view path, std::string_view abstract) {
    return with_address(socket, path, abstract, ::bind);
}

Notice read_notice(const Address& address) {
    char text[64];
    ssize_t n = ::readlink(address.beside("notice").c_str(), text, sizeof text - 1);
    if (n <= 0) return {};
    text[n] = 0;
    if (std::strcmp(text, "debug") == 0) return {Notice::What::debug, 0};
    if (std::strncmp(text, "sick-", 5) == 0) {
        Notice notice{Notice::What::sick, 0};
        for (const char* c = text + 5; *c >= '0' && *c <= '9' && c - text < 20; ++c)
            notice.since = notice.since * 10 + (*c - '0');
        return notice;
    }
    return {};
}

void write_notice(const Address& address, Notice notice) {
    auto name = address.beside("notice");
    ::unlink(name.c_str());
    if (notice.what == Notice::What::none) return;
    std::string text = notice.what == Notice::What::debug ? "debug" : "sick-";
    if (notice.what == Notice::What::sick) append_number(text, static_cast<unsigned long>(notice.since));
    (void)!::symlink(text.c_str(), name.c_str());
}

long peer_uid(int socket) {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return -1;
    return static_cast<long>(who.uid);
}

}  // namespace wire
