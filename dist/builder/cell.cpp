#include "dist/builder/cell.hpp"

#include <elf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>

#include "dist/builder/bwrap.hpp"
#include "dist/builder/channel.hpp"
#include "dist/builder/compiler_run.hpp"
#include "dist/toolchain/gzip.hpp"
#include "dist/toolchain/root.hpp"
#include "dist/toolchain/tar_reader.hpp"
#include "dist/toolchain/unpack.hpp"
#include "src/base/files.hpp"
#include "src/base/pack.hpp"
#include "src/base/strings.hpp"

namespace builder {
namespace {

constexpr std::size_t k_max_order = 64 * 1024 * 1024;
constexpr std::size_t k_max_outputs = 250;  // each is an open file beside the answer
constexpr uid_t k_inside_uid = 65534;       // who a job believes to be inside a user namespace

base::Result<> write_proc(const char* path, std::string_view text) {
    base::Fd fd{::open(path, O_WRONLY | O_CLOEXEC)};
    if (!fd) return base::errno_error(base::cat("cannot open ", path));
    if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return base::errno_error(base::cat("cannot write ", path));
    return base::Ok{};
}

base::Result<> map_user(uid_t outside_uid, gid_t outside_gid) {
    auto step = write_proc("/proc/self/setgroups", "deny");
    if (step) step = write_proc("/proc/self/uid_map", base::cat(k_inside_uid, " ", outside_uid, " 1"));
    if (step) step = write_proc("/proc/self/gid_map", base::cat(k_inside_uid, " ", outside_gid, " 1"));
    return step;
}

base::Result<> mount_it(const char* what, const std::string& where, const char* type, unsigned long flags, const std::string& options) {
    if (::mount(what, where.c_str(), type, flags, options.empty() ? nullptr : options.c_str()) == 0) return base::Ok{};
    return base::errno_error(base::cat("cannot mount ", type ? type : what, " for the job"));
}

// Most of what jobs bring is headers from here, which a packed compiler seldom has.
constexpr auto k_headers = "/usr/include";

/// What is mounted at k_headers. A plain directory takes less than half of an overlay's time for each file: there can be one
/// if the toolchain has nothing there, and only one of layer and job has.
enum class Headers { overlay, of_job, of_layer };

bool is_directory(const std::string& path) {
    struct stat st {};
    return ::lstat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

Headers headers_of(const std::string& toolchain, const std::string& layer, bool whole) {
    struct stat st {};
    if (::lstat((toolchain + "/usr").c_str(), &st) == 0 && !S_ISDIR(st.st_mode)) return Headers::overlay;
    if (::lstat((toolchain + k_headers).c_str(), &st) == 0 || errno != ENOENT) return Headers::overlay;
    if (layer.empty()) return Headers::of_job;
    return whole && is_directory(layer + "/usr") && is_directory(layer + k_headers) ? Headers::of_layer : Headers::overlay;
}

/// Overlay of the read-only toolchain, the layer if there is one, and a fresh, limited tmpfs; then this becomes "/".
base::Result<> enter_root(const Preparation& wanted, const NurserySettings& settings) {
    const std::string job = k_stage_job;
    auto step = mount_it("tmpfs", job, "tmpfs", MS_NOSUID | MS_NODEV,
                         base::cat("size=", wanted.disk, ",nr_inodes=", wanted.files, ",mode=0755"));
    if (!step) return step;
    // Made in the upper layer: whatever the toolchain has under these names (a link!), these are directories.
    for (auto* dir : {"/up", "/work", "/root", "/up/proc", "/up/dev"})
        if (::mkdir((job + dir).c_str(), 0755) != 0) return base::errno_error("cannot prepare the job's root");
    if (::mkdir((job + "/up/tmp").c_str(), 01777) != 0) return base::errno_error("cannot prepare the job's root");
    const auto root = job + "/root", toolchain = base::cat(k_stage_toolchains, "/", wanted.toolchain);
    const auto layer = wanted.layer.empty() ? std::string{} : base::cat(k_stage_toolchains, "/", wanted.layer);
    const auto headers = headers_of(toolchain, layer, wanted.whole);
    for (auto* dir : {"/headers", "/up/usr", "/up/usr/include"})
        if (headers != Headers::overlay && ::mkdir((job + dir).c_str(), 0755) != 0) return base::errno_error("cannot prepare the job's root");
    std::string layers = base::cat("lowerdir=", layer, layer.empty() ? "" : ":", toolchain, ",upperdir=", job, "/up,workdir=", job, "/work");
    if (settings.level == Level::user_namespace) layers += ",userxattr";
    step = mount_it("overlay", root, "overlay", MS_NOSUID | MS_NODEV, layers);
    if (!step) return step;
    if (headers == Headers::of_job) step = mount_it((job + "/headers").c_str(), root + k_headers, nullptr, MS_BIND, "");
    if (headers == Headers::of_layer) {
        step = mount_it((layer + k_headers).c_str(), root + k_headers, nullptr, MS_BIND, "");
        // Other jobs read it, too.
        if (step) step = mount_it(nullptr, root + k_headers, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, "");
    }
    if (!step) return step;
    if (settings.with_proc) {
        constexpr auto flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
        step = mount_it("proc", root + "/proc", "proc", flags, "subset=pid");
        if (!step) step = mount_it("proc", root + "/proc", "proc", flags, "");  // before Linux 5.8
        if (!step) return step;
    }
    step = mount_it("/dev", root + "/dev", nullptr, MS_BIND | MS_REC, "");
    if (!step) return step;
    if (::chdir(root.c_str()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0)
        return base::errno_error("cannot enter the job's root");
    return base::Ok{};
}

/// Keeps what unpacking for another user, changing to it and killing its processes takes.
base::Result<> keep_few_capabilities(const NurserySettings& settings) {
    std::uint64_t keep = 1ull << CAP_KILL;
    if (settings.level == Level::privileged)
        keep |= 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_CHOWN | 1ull << CAP_FOWNER | 1ull << CAP_SETUID | 1ull << CAP_SETGID | 1ull << CAP_SETPCAP;
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    for (int i = 0; i < 2; ++i) data[i].effective = data[i].permitted = static_cast<__u32>(keep >> (32 * i));
    if (::syscall(SYS_capset, &head, data) != 0) return base::errno_error("cannot drop capabilities");
    return base::Ok{};
}

base::Result<> unpack_inputs(int fd, const Limits& limits, const toolchain::Root& root) {
    // Memory that is not written costs nothing: small inputs touch one page of it.
    constexpr std::size_t k_buffer = 64 * 1024;
    const std::unique_ptr<char[]> buffer{new char[k_buffer]};
    const auto most = std::min(limits.inputs, limits.disk);
    toolchain::Inflater inflater{[&]() -> base::Result<std::string_view> {
                                     auto n = ::read(fd, buffer.get(), k_buffer);
                                     if (n < 0) return base::errno_error("cannot read the job's inputs");
                                     return std::string_view{buffer.get(), static_cast<std::size_t>(n)};
                                 },
                                 toolchain::Inflater::Format::zlib, most + limits.files * 4096, 1100};
    toolchain::UnpackLimits unpack;
    unpack.members = limits.files;
    unpack.bytes = most;
    toolchain::TarReader tar{[&] { return inflater.next(); }};
    auto unpacked = toolchain::unpack(tar, root, unpack);
    if (!unpacked) return std::move(unpacked).error().while_doing("inputs");
    return base::Ok{};
}

bool is_32_bit(const toolchain::Root& root, const std::string& path) {
    unsigned char ident[EI_NIDENT];
    auto file = root.open_at(path, O_RDONLY | O_NONBLOCK);
    return sizeof(void*) == 8 && file && ::read(file->get(), ident, sizeof ident) == sizeof ident &&
           std::memcmp(ident, ELFMAG, SELFMAG) == 0 && ident[EI_CLASS] == ELFCLASS32;
}

std::string in_root(const std::string& path, const std::string& cwd) { return path[0] == '/' ? path : cwd + "/" + path; }

/// The working directory and the outputs' directories exist and belong to the job, as they do at home.
base::Result<> make_places(const Order& order, const toolchain::Root& root) {
    std::set<std::string> places{order.cwd};
    for (const auto& output : order.outputs)
        if (!output.empty()) places.emplace(base::directory_of(in_root(output, order.cwd)));
    for (const auto& path : places) {
        auto dir = root.make_directories(path);
        if (!dir) return std::move(dir).error();
        auto owned = root.own(dir->get());
        if (!owned) return owned;
    }
    return base::Ok{};
}

base::Result<std::vector<Outcome::Output>> collect(const Order& order, const toolchain::Root& root) {
    std::vector<Outcome::Output> found;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < order.outputs.size(); ++i) {
        if (order.outputs[i].empty()) continue;
        // O_NONBLOCK: the compiler may have left a FIFO there. Links are not outputs: no compiler makes one.
        auto file = root.open_at(in_root(order.outputs[i], order.cwd), O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
        struct stat st {};
        if (!file || ::fstat(file->get(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
        total += static_cast<std::uint64_t>(st.st_size);
        if (total > order.limits.output_bytes || found.size() == k_max_outputs)
            return base::Error{"the job's outputs are too large or too many", std::errc::file_too_large};
        found.push_back({i, static_cast<std::uint64_t>(st.st_size), std::move(*file)});
    }
    return found;
}

base::Result<Outcome> finish(Ran ran, const Order& order, const toolchain::Root& root) {
    Outcome outcome;
    outcome.code = WIFEXITED(ran.status) ? WEXITSTATUS(ran.status) : 0;
    outcome.signal = WIFSIGNALED(ran.status) ? WTERMSIG(ran.status) : 0;
    outcome.out = std::move(ran.out);
    outcome.err = std::move(ran.err);
    outcome.cpu = ran.cpu;
    outcome.peak_memory = ran.peak_memory;
    auto outputs = collect(order, root);
    if (!outputs) return std::move(outputs).error();
    outcome.outputs = std::move(*outputs);
    return outcome;
}

/// From now on new files belong to the job's user without a further call for each.
base::Result<> make_files_as(uid_t user, const NurserySettings& settings) {
    ::setfsgid(user);
    ::setfsuid(user);
    // With the user went the capabilities over files, and the signal that ends this process with the nursery.
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return keep_few_capabilities(settings);
}

/// What the job runs in, before it is known: its root is "/" afterwards.
base::Result<> prepare(const NurserySettings& settings, const Preparation& wanted) {
    base::Result<> step = base::Ok{};
    if (settings.level == Level::user_namespace) step = map_user(settings.uid, settings.gid);
    if (step) step = enter_root(wanted, settings);
    if (step) step = keep_few_capabilities(settings);
    // Nobody in here may look into this process: it holds more rights than the compiler.
    (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return step;
}

base::Result<Outcome> in_namespaces(const NurserySettings& settings, std::uint32_t slot, const Order& order, int channel, int inputs) {
    auto root = toolchain::Root::open("/");
    if (!root) return std::move(root).error();
    Launch launch;
    base::Result<> step = base::Ok{};
    if (settings.level == Level::privileged) {
        launch.become = k_first_job_uid + slot;
        root->set_owner(*launch.become, *launch.become);
        step = make_files_as(*launch.become, settings);
    }
    root->trust_creation();
    if (step) step = unpack_inputs(inputs, order.limits, *root);
    if (step) step = make_places(order, *root);
    if (!step) return std::move(step).error();
    launch.argv = {order.executable};
    launch.argv.insert(launch.argv.end(), order.arguments.begin(), order.arguments.end());
    launch.environment = order.environment;
    launch.cwd = order.cwd;
    launch.limits = order.limits;
    launch.filter = is_32_bit(*root, in_root(order.executable, order.cwd)) ? &settings.filter_32 : &settings.filter;
    auto ran = run_compiler(launch, channel);
    if (!ran) return std::move(ran).error();
    return finish(std::move(*ran), order, *root);
}

base::Result<Outcome> in_bwrap(const NurserySettings& settings, const Order& order, int channel, int inputs) {
    const auto job = bwrap_job_directory(settings, ::getpid());
    auto top = copy_toolchain(settings.build_dir + "/toolchains/" + order.toolchain, job);
    if (!top) return std::move(top).error();
    auto root = toolchain::Root::open(*top);
    if (!root) return std::move(root).error();
    auto step = unpack_inputs(inputs, order.limits, *root);
    if (step) step = make_places(order, *root);
    if (!step) return std::move(step).error();
    auto launch = bwrap_launch(settings, order, *top);
    if (!launch) return std::move(launch).error();
    auto ran = run_compiler(launch->launch, channel);
    if (!ran) return std::move(ran).error();
    auto readable = read_bwrap_status(*ran);
    if (!readable) return std::move(readable).error();
    return finish(std::move(*ran), order, *root);
}

base::Result<Outcome> work(const NurserySettings& settings, std::uint32_t slot, int channel) {
    auto bytes = receive_frame(channel, k_max_order);
    if (!bytes) return std::move(bytes).error();
    auto wanted = decode_preparation(bytes->bytes);
    if (!wanted) return std::move(wanted).error();
    if (settings.level != Level::bwrap) {
        auto prepared = prepare(settings, *wanted);
        if (!prepared) return std::move(prepared).error();
    }
    bytes = receive_frame(channel, k_max_order);
    if (!bytes || bytes->descriptors.size() != 1) ::_exit(0);  // there is no job for this cell
    auto order = decode_order(bytes->bytes);
    if (!order) return std::move(order).error();
    const auto fd = bytes->descriptors[0].get();
    return settings.level == Level::bwrap ? in_bwrap(settings, *order, channel, fd) : in_namespaces(settings, slot, *order, channel, fd);
}

}  // namespace

void run_cell(const NurserySettings& settings, std::uint32_t slot, base::Fd channel) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    ::umask(0);  // modes are as they are said; the compiler gets its own
    auto outcome = work(settings, slot, channel.get());
    std::vector<int> files;
    if (outcome)
        for (const auto& output : outcome->outputs) files.push_back(output.file.get());
    (void)send_frame(channel.get(), encode_answer(outcome), files);
    // The end of this process, and with it of all its mounts, would take the processor from the daemon that answers now.
    (void)receive_message(channel.get(), 1);
    ::_exit(0);
}

std::string bwrap_job_directory(const NurserySettings& settings, pid_t cell) {
    return base::cat(settings.build_dir, "/jobs/", cell);
}

std::string encode_answer(const base::Result<Outcome>& outcome) {
    base::Writer w;
    w.u8(outcome ? 1 : 0);
    if (!outcome) {
        w.u32(static_cast<std::uint32_t>(outcome.error().code));
        w.bytes(outcome.error().what);
        return w.take();
    }
    w.u32(static_cast<std::uint32_t>(outcome->code));
    w.u32(static_cast<std::uint32_t>(outcome->signal));
    w.bytes(outcome->out);
    w.bytes(outcome->err);
    w.i64(outcome->cpu.count());
    w.u64(outcome->peak_memory);
    w.u32(static_cast<std::uint32_t>(outcome->outputs.size()));
    for (const auto& output : outcome->outputs) {
        w.u64(output.index);
        w.u64(output.size);
    }
    return w.take();
}

base::Result<Outcome> decode_answer(std::string_view head) {
    base::Reader r{head};
    if (r.u8() == 0) {
        auto code = static_cast<std::errc>(r.u32());
        auto what = r.text();
        if (!r.done()) return base::Error{"the job process answered nonsense", std::errc::bad_message};
        return base::Error{std::move(what), code};
    }
    Outcome outcome;
    outcome.code = static_cast<int>(r.u32());
    outcome.signal = static_cast<int>(r.u32());
    outcome.out = r.text();
    outcome.err = r.text();
    outcome.cpu = std::chrono::microseconds{r.i64()};
    outcome.peak_memory = r.u64();
    auto count = r.u32();
    for (std::uint32_t i = 0; i < count && r.ok() && i < k_max_outputs; ++i) {
        Outcome::Output output;
        output.index = r.u64();
        output.size = r.u64();
        outcome.outputs.push_back(std::move(output));
    }
    if (!r.done()) return base::Error{"the job process answered nonsense", std::errc::bad_message};
    return outcome;
}

}  // namespace builder
