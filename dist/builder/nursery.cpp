#include "dist/builder/nursery.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <map>

#include "dist/builder/cell.hpp"
#include "dist/builder/cgroup.hpp"
#include "dist/builder/channel.hpp"
#include "dist/builder/compiler_run.hpp"
#include "dist/toolchain/root.hpp"
#include "src/base/files.hpp"
#include "src/base/pack.hpp"
#include "src/base/strings.hpp"

namespace builder {
namespace {

base::Result<> write_text(const char* path, std::string_view text) {
    base::Fd fd{::open(path, O_WRONLY | O_CLOEXEC)};
    if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return base::errno_error(base::cat("cannot write ", path));
    return base::Ok{};
}

base::Result<> bind(const std::string& from, const std::string& to, unsigned long flags) {
    if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND | (flags & MS_REC), nullptr) != 0)
        return base::errno_error("cannot bind " + from);
    flags &= ~static_cast<unsigned long>(MS_REC);
    if (flags && ::mount(nullptr, to.c_str(), nullptr, MS_BIND | MS_REMOUNT | flags, nullptr) != 0)
        return base::errno_error("cannot change the flags of " + to);
    return base::Ok{};
}

/// Leaves the host's file system for a bare one: jobs' mount namespaces are copies of this, so the fewer mounts the
/// cheaper, and what is not here cannot be reached by a mistake later.
base::Result<> enter_stage(const NurserySettings& settings) {
    const auto stage = settings.build_dir + "/stage";
    if (::mkdir(stage.c_str(), 0700) != 0 && errno != EEXIST) return base::errno_error("cannot create " + stage);
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return base::errno_error("cannot make mounts private");
    if (::mount("tmpfs", stage.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=64,mode=0755") != 0)
        return base::errno_error("cannot mount a tmpfs");
    for (std::string dir : {k_stage_toolchains, k_stage_job, "/dev", "/proc"})
        if (::mkdir((stage + dir).c_str(), 0755) != 0) return base::errno_error("cannot prepare the stage");
    auto step = bind(settings.build_dir + "/toolchains", stage + k_stage_toolchains, MS_NOSUID | MS_NODEV | MS_RDONLY);
    for (std::string device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"}) {
        if (!step) return step;
        base::Fd place{::open((stage + device).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)};
        step = bind(device, stage + device, 0);
    }
    // A mount of its own, read-only, so that jobs of one user cannot leave things for each other in it.
    if (step) step = bind(stage + "/dev", stage + "/dev", MS_REC);
    if (step && ::mount(nullptr, (stage + "/dev").c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC, nullptr) != 0)
        step = base::errno_error("cannot protect the job's devices");
    if (step) step = bind("/proc", stage + "/proc", MS_REC);  // needed whole for mounting new ones in user namespaces
    if (!step) return step;
    if (::chdir(stage.c_str()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0)
        return base::errno_error("cannot enter the stage");
    return base::Ok{};
}

base::Result<> enter_namespaces(const NurserySettings& settings) {
    if (settings.level == Level::user_namespace) {
        if (::unshare(CLONE_NEWUSER) != 0)
            return base::errno_error("cannot make a user namespace (sysctl user.max_user_namespaces, AppArmor?)");
        auto step = write_text("/proc/self/setgroups", "deny");
        if (step) step = write_text("/proc/self/uid_map", base::cat(settings.uid, " ", settings.uid, " 1"));
        if (step) step = write_text("/proc/self/gid_map", base::cat(settings.gid, " ", settings.gid, " 1"));
        if (!step) return step;
    }
    // One empty network namespace for all, one for System V objects and one host name: making them for each job costs more
    // than all the others together. Jobs cannot meet in them: the filter leaves them no sockets, no such objects, and no
    // call that sets the name.
    if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) return base::errno_error("cannot make namespaces");
    constexpr std::string_view k_name = "builder";
    (void)::sethostname(k_name.data(), k_name.size());
    auto staged = enter_stage(settings);
    // What is dropped from the bounding set here no process below can ever get by exec.
    for (int c = 0; staged && ::prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; ++c) (void)::prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
    return staged;
}

class Nursery {
public:
    Nursery(NurserySettings settings, base::Fd control) : m_settings{std::move(settings)}, m_control{std::move(control)} {}

    void serve() {
        sigset_t child;
        ::sigemptyset(&child);
        ::sigaddset(&child, SIGCHLD);
        ::sigprocmask(SIG_BLOCK, &child, nullptr);
        base::Fd signals{::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK)};
        for (;;) {
            pollfd polled[]{{m_control.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}};
            if (::poll(polled, 2, -1) < 0 && errno != EINTR) return;
            if (polled[1].revents) {
                signalfd_siginfo ignored;
                (void)!::read(signals.get(), &ignored, sizeof ignored);
                reap();
            }
            if (polled[0].revents && !take_message()) return;
        }
    }

private:
    bool take_message() {
        NurseryMessage m;
        auto message = receive_message(m_control.get(), sizeof m);
        if (!message || message->bytes.size() != sizeof m) return false;  // the daemon has gone
        std::memcpy(&m, message->bytes.data(), sizeof m);
        if (m.kind == NurseryMessage::Kind::start && message->descriptors.size() == 1) {
            start(m, std::move(message->descriptors[0]));
        } else if (m.kind == NurseryMessage::Kind::kill) {
            if (auto it = m_cells.find(m.job); it != m_cells.end()) ::kill(it->second, SIGKILL);
        }
        return true;
    }

    void start(const NurseryMessage& m, base::Fd channel) {
        clone_args args{};
        args.exit_signal = SIGCHLD;
        if (m_settings.level != Level::bwrap) args.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP;
        if (m_settings.level == Level::user_namespace) args.flags |= CLONE_NEWUSER;
        base::Fd group;
        if (m_settings.cgroup) group = open_slot_cgroup(m_settings.cgroup.get(), m.slot);
        if (group) {
            args.flags |= CLONE_INTO_CGROUP;
            args.cgroup = static_cast<__u64>(group.get());
        }
        auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
        if (pid < 0) {
            (void)send_frame(channel.get(), encode_answer(base::errno_error("cannot start a job process")));
            return;
        }
        if (pid == 0) {
            m_control.reset();
            run_cell(m_settings, m.slot, std::move(channel));
        }
        m_cells[m.job] = pid;
    }

    void reap() {
        for (pid_t pid; (pid = ::waitpid(-1, nullptr, WNOHANG)) > 0;) {
            for (auto it = m_cells.begin(); it != m_cells.end(); ++it) {
                if (it->second != pid) continue;
                m_cells.erase(it);
                break;
            }
            if (m_settings.level == Level::bwrap) (void)toolchain::remove_tree(bwrap_job_directory(m_settings, pid));
        }
    }

    NurserySettings m_settings;
    base::Fd m_control;
    std::map<std::uint64_t, pid_t> m_cells;
};

}  // namespace

std::string level_name(Level level) {
    switch (level) {
        case Level::privileged: return "namespaces";
        case Level::user_namespace: return "user namespaces";
        case Level::bwrap: return "bwrap";
    }
    return "unknown";
}

std::string encode(const NurserySettings& settings) {
    base::Writer w;
    w.u8(static_cast<std::uint8_t>(settings.level));
    w.bytes(settings.build_dir);
    w.bytes(settings.bwrap_path);
    w.bytes(settings.filter);
    w.bytes(settings.filter_32);
    w.u8(settings.with_proc ? 1 : 0);
    w.u32(settings.uid);
    w.u32(settings.gid);
    w.u32(settings.slots);
    return w.take();
}

base::Result<NurserySettings> decode_nursery_settings(std::string_view bytes) {
    base::Reader r{bytes};
    NurserySettings settings;
    const auto level = r.u8();
    settings.level = static_cast<Level>(level);
    settings.build_dir = r.text();
    settings.bwrap_path = r.text();
    settings.filter = r.text();
    settings.filter_32 = r.text();
    settings.with_proc = r.u8() != 0;
    settings.uid = r.u32();
    settings.gid = r.u32();
    settings.slots = r.u32();
    if (!r.done() || level > static_cast<std::uint8_t>(Level::bwrap))
        return base::Error{"sccache-nursery is of another version than the builder", std::errc::protocol_error};
    return settings;
}

void run_nursery(base::Fd control) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // Whatever the daemon was started with (a shell's or a service manager's descriptors) is not for jobs.
    (void)::syscall(SYS_close_range, static_cast<unsigned>(control.get()) + 1, ~0u, 0u);
    ::setsid();
    ::umask(022);
    // Terminal signals and a unit's stop signal are for the daemon, which drains and then hangs up on us.
    for (auto s : k_ignored_signals) ::signal(s, SIG_IGN);
    if (auto null = base::open_read("/dev/null")) (void)::dup2(null->get(), 0);
    auto first = receive_message(control.get(), k_nursery_message_limit);
    if (!first) ::_exit(1);
    auto settings = decode_nursery_settings(first->bytes);
    if (settings && !first->descriptors.empty()) settings->cgroup = std::move(first->descriptors[0]);
    base::Result<> ready = base::Ok{};
    if (!settings) ready = std::move(settings).error();
    else if (settings->level != Level::bwrap) ready = enter_namespaces(*settings);
    if (!send_message(control.get(), ready ? std::string{k_nursery_ready} : ready.error().what, {})) ::_exit(1);
    if (ready) Nursery{std::move(*settings), std::move(control)}.serve();
    ::_exit(0);
}

}  // namespace builder
