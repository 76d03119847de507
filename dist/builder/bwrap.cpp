#include "dist/builder/bwrap.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "src/base/strings.hpp"

namespace builder {
namespace {

base::Result<> copy_file(const std::string& from, const std::string& to, const struct stat& st) {
    base::Fd in{::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    base::Fd out{::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777)};
    if (!in || !out) return base::errno_error("cannot copy " + from);
    for (auto left = st.st_size; left > 0;) {
        auto n = ::copy_file_range(in.get(), nullptr, out.get(), nullptr, static_cast<size_t>(left), 0);  // shares blocks where it can
        if (n <= 0) return base::errno_error("cannot copy " + from, n == 0 ? EIO : errno);
        left -= n;
    }
    timespec times[2]{st.st_atim, st.st_mtim};
    (void)::futimens(out.get(), times);
    return base::Ok{};
}

}  // namespace

base::Result<std::string> copy_toolchain(const std::string& toolchain, const std::string& job) {
    namespace fs = std::filesystem;
    const auto root = job + "/root";
    if (::mkdir(job.c_str(), 0700) != 0 || ::mkdir(root.c_str(), 0755) != 0) return base::errno_error("cannot create " + root);
    std::error_code failed;
    for (fs::recursive_directory_iterator it{toolchain, failed}, end; !failed && it != end; it.increment(failed)) {
        const auto from = it->path().string();
        const auto to = root + from.substr(toolchain.size());
        struct stat st {};
        if (::lstat(from.c_str(), &st) != 0) return base::errno_error("cannot copy " + from);
        base::Result<> step = base::Ok{};
        if (S_ISDIR(st.st_mode)) {
            if (::mkdir(to.c_str(), st.st_mode & 07777) != 0) step = base::errno_error("cannot create " + to);
        } else if (S_ISLNK(st.st_mode)) {
            fs::copy_symlink(from, to, failed);
        } else if (S_ISREG(st.st_mode)) {
            step = copy_file(from, to, st);
        }
        if (!step) return std::move(step).error();
    }
    if (failed) return base::errno_error("cannot copy the toolchain", failed.value());
    if (::mkdir((root + "/tmp").c_str(), 01777) == 0) (void)::chmod((root + "/tmp").c_str(), 01777);
    return root;
}

base::Result<BwrapLaunch> bwrap_launch(const NurserySettings& settings, const Order& order, const std::string& root) {
    BwrapLaunch made;
    made.filter = base::Fd{::memfd_create("filter", MFD_CLOEXEC)};
    if (!made.filter) return base::errno_error("cannot make a memory file");
    auto written = base::write_all(made.filter.get(), settings.filter_32);
    if (!written) return std::move(written).error();
    ::lseek(made.filter.get(), 0, SEEK_SET);

    auto& argv = made.launch.argv;
    argv = {settings.bwrap_path, "--die-with-parent", "--new-session", "--unshare-user", "--unshare-pid", "--unshare-net",
            "--unshare-ipc", "--unshare-uts", "--unshare-cgroup", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL",
            "--hostname", "builder", "--bind", root, "/", "--seccomp", base::cat(made.filter.get())};
    if (settings.with_proc) argv.insert(argv.end(), {"--proc", "/proc", "--remount-ro", "/proc"});  // else bubblewrap's own process could be written to
    argv.insert(argv.end(), {"--tmpfs", "/dev"});
    for (std::string device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"}) argv.insert(argv.end(), {"--dev-bind", device, device});
    argv.insert(argv.end(), {"--remount-ro", "/dev", "--chdir", order.cwd});
    for (const auto& variable : order.environment) {
        auto equals = variable.find('=');
        argv.insert(argv.end(), {"--setenv", variable.substr(0, equals), equals == std::string::npos ? "" : variable.substr(equals + 1)});
    }
    argv.insert(argv.end(), {"--", order.executable});
    argv.insert(argv.end(), order.arguments.begin(), order.arguments.end());
    made.launch.cwd = "/";
    made.launch.limits = order.limits;
    // Set outside any namespace, it counts whatever our user runs: the threads of the daemon and the jobs of all slots. The
    // group of the slot, where there is one, counts the job alone.
    made.launch.limits.processes *= settings.slots + 1;
    made.launch.give_up_capabilities = false;  // bubblewrap needs them to begin with and drops them itself
    made.launch.keep_open = {made.filter.get()};
    return made;
}

base::Result<> read_bwrap_status(Ran& ran) {
    if (!WIFEXITED(ran.status)) return base::Error{"bubblewrap was killed", std::errc::io_error};
    auto code = WEXITSTATUS(ran.status);
    if (code == 1 && ran.err.compare(0, 7, "bwrap: ") == 0)
        return base::Error{std::string{base::trim(ran.err)}, std::errc::io_error};
    if (code > 128 && code <= 128 + 64) ran.status = code - 128;
    return base::Ok{};
}

}  // namespace builder
