#include "src/store/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace store {

namespace {

constexpr int k_open_directory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr std::size_t k_scan_limit = 1000 * 1000;

// Backup programs skip a directory with this file; it also tells a curious person whose files these are.
constexpr std::string_view k_cachedir_tag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Cache of sccache, format 1. Deleting this directory is safe at any time.\n";

base::Result<> check_owner(int fd, const std::string& path, Mode mode) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return base::errno_error("cannot use the cache directory " + path);
    bool ours = st.st_uid == ::geteuid() || (mode == Mode::read_only && st.st_uid == 0);
    if (!ours)
        return base::Error{base::cat("the cache directory ", path, " belongs to uid ", st.st_uid, ", not to uid ",
                                     ::geteuid(), ": set SCCACHE_DIR to a directory of yours, or change its owner"),
                           std::errc::permission_denied};
    if ((st.st_mode & S_IWOTH) != 0)
        return base::Error{
            base::cat("the cache directory ", path, " is writable by everybody: run chmod o-w ", path, " to use it"),
            std::errc::permission_denied};
    return base::Ok{};
}

base::Result<base::Fd> open_directory(int at, const char* name, const std::string& path) {
    base::Fd fd{::openat(at, name, k_open_directory)};
    if (!fd) return base::errno_error("cannot open the cache directory " + path);
    return fd;
}

void write_tag(int tree_fd) {
    base::Fd tag{::openat(tree_fd, "CACHEDIR.TAG", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (tag) (void)base::write_all(tag.get(), k_cachedir_tag).ok();  // a courtesy: the cache works without it
}

std::string random_suffix() {
    std::uint64_t n = 0;
    if (::getrandom(&n, sizeof n, 0) != static_cast<ssize_t>(sizeof n)) n = static_cast<std::uint64_t>(::getpid());
    return base::cat(::getpid(), "-", n);
}

}  // namespace

base::Result<Tree> open_tree(const std::string& directory, Mode mode, Create create) {
    if (directory.empty() || directory[0] != '/')
        return base::Error{"the cache directory '" + directory + "' is not an absolute path",
                           std::errc::invalid_argument};
    if (create == Create::yes && mode == Mode::read_write) {
        auto made = base::make_directories(directory, 0700);
        if (!made) return std::move(made).error();
    }
    auto outer = open_directory(AT_FDCWD, directory.c_str(), directory);
    if (!outer) return std::move(outer).error();
    auto checked = check_owner(outer->get(), directory, mode);
    if (!checked) return std::move(checked).error();

    auto path = base::cat(directory, "/", k_subtree);
    bool made = create == Create::yes && mode == Mode::read_write && ::mkdirat(outer->get(), k_subtree, 0700) == 0;
    auto inner = open_directory(outer->get(), k_subtree, path);
    if (!inner) return std::move(inner).error();
    checked = check_owner(inner->get(), path, mode);
    if (!checked) return std::move(checked).error();
    if (made) write_tag(inner->get());

    struct stat st {};
    if (::fstat(inner->get(), &st) != 0) return base::errno_error("cannot use the cache directory " + path);
    return Tree{std::move(*inner), st.st_dev, st.st_ino};
}

unsigned shard_of(const base::Digest& key) { return key.bytes[0]; }

std::string shard_name(unsigned shard) {
    static constexpr char k_digits[] = "0123456789abcdef";
    return {k_digits[shard >> 4 & 15], k_digits[shard & 15]};
}

std::string entry_name(const base::Digest& key, Kind kind) {
    auto hex = key.hex();
    auto name = base::cat(std::string_view{hex}.substr(0, 2), "/", hex);
    if (kind == Kind::manifest) name += ".m";
    return name;
}

bool is_entry_name(std::string_view name, unsigned shard) {
    if (name.size() == 66 && name.ends_with(".m")) name.remove_suffix(2);
    return name.size() == 64 && name.starts_with(shard_name(shard)) &&
           name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

base::Result<> scan_shard(int tree_fd, unsigned shard,
                          const std::function<void(const std::string&, const struct stat&)>& seen) {
    base::Fd fd{::openat(tree_fd, shard_name(shard).c_str(), k_open_directory | O_NOFOLLOW)};
    if (!fd && errno == ENOENT) return base::Ok{};
    if (!fd) return base::errno_error("cannot open shard " + shard_name(shard) + " of the cache");
    std::unique_ptr<DIR, int (*)(DIR*)> dir{::fdopendir(fd.get()), ::closedir};
    if (!dir) return base::errno_error("cannot read shard " + shard_name(shard) + " of the cache");
    (void)fd.release();  // the DIR owns it now
    for (std::size_t i = 0; i < k_scan_limit; ++i) {
        const dirent* e = ::readdir(dir.get());
        if (e == nullptr) break;
        std::string name = e->d_name;
        if (name == "." || name == "..") continue;
        struct stat st {};
        if (::fstatat(::dirfd(dir.get()), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            seen(name, st);
    }
    return base::Ok{};
}

NewFile::NewFile(int tree_fd, std::string name, base::Fd fd)
    : m_tree_fd{tree_fd}, m_name{std::move(name)}, m_fd{std::move(fd)} {}

NewFile::NewFile(NewFile&& other) noexcept
    : m_tree_fd{other.m_tree_fd}, m_name{std::move(other.m_name)}, m_fd{std::move(other.m_fd)} {
    other.m_name.clear();
}

NewFile::~NewFile() {
    if (!m_name.empty()) ::unlinkat(m_tree_fd, m_name.c_str(), 0);
}

base::Result<NewFile> NewFile::create(int tree_fd, unsigned shard) {
    for (int tries = 0; tries < 4; ++tries) {
        auto name = base::cat(shard_name(shard), "/", k_temp_prefix, random_suffix());
        base::Fd fd{::openat(tree_fd, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
        if (fd) return NewFile{tree_fd, std::move(name), std::move(fd)};
        if (errno == ENOENT) {
            if (::mkdirat(tree_fd, shard_name(shard).c_str(), 0700) != 0 && errno != EEXIST)
                return base::errno_error("cannot create shard " + shard_name(shard) + " of the cache");
            continue;
        }
        if (errno != EEXIST) return base::errno_error("cannot create a file in the cache");
    }
    return base::Error{"cannot create a file in the cache: no free name", std::errc::file_exists};
}

base::Result<> NewFile::commit(const std::string& name) {
    if (::renameat(m_tree_fd, m_name.c_str(), m_tree_fd, name.c_str()) != 0)
        return base::errno_error("cannot rename a new file in the cache");
    m_name.clear();
    return base::Ok{};
}

base::Result<> NewFile::replace(const std::string& name) {
    // Some file systems and old kernels cannot do it, and the old entry may have gone meanwhile.
    if (::renameat2(m_tree_fd, m_name.c_str(), m_tree_fd, name.c_str(), RENAME_EXCHANGE) != 0) return commit(name);
    ::unlinkat(m_tree_fd, m_name.c_str(), 0);  // the old entry has our name now
    m_name.clear();
    return base::Ok{};
}

}  // namespace store
