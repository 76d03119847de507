#include "dist/builder/sandbox.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <optional>
#include <utility>
#include <vector>

#include "dist/builder/cell.hpp"
#include "dist/builder/cells.hpp"
#include "dist/builder/cgroup.hpp"
#include "dist/builder/channel.hpp"
#include "dist/builder/seccomp.hpp"
#include "dist/builder/self_test.hpp"
#include "dist/toolchain/root.hpp"
#include "src/base/files.hpp"
#include "src/base/log.hpp"
#include "src/base/strings.hpp"

namespace builder {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds k_grace{30};  // for unpacking and collecting around the compiler's own time
constexpr std::size_t k_answer_slack = 1 << 20;
constexpr auto k_target = "sccache_dist::build";

base::Result<> prepare_build_dir(const std::string& build_dir) {
    auto made = base::make_directories(build_dir, 0755);
    if (!made) return made;
    // What a former run unpacked is not trusted: somebody may have had a year to change it.
    for (std::string part : {"toolchains", "stage", "jobs"}) {
        auto removed = toolchain::remove_tree(build_dir + "/" + part);
        if (!removed) return removed;
        if (::mkdir((build_dir + "/" + part).c_str(), 0755) != 0)
            return base::errno_error(base::cat("cannot create ", build_dir, "/", part,
                                               "; the builder needs to own build_dir (chown -R it to the service's user)"));
    }
    return base::Ok{};
}

}  // namespace

struct Sandbox::State {
    /// A job that has been answered for.
    struct Finished {
        Cell cell;
        Preparation preparation;
    };

    Level level = Level::privileged;
    std::string description;
    std::unique_ptr<Cells> cells;
    pid_t nursery = -1;
    std::vector<std::optional<Finished>> finished;  // by slot, which one thread has at a time

    ~State() {
        finished.clear();
        cells.reset();  // the nursery leaves, the kernel kills its jobs
        if (nursery < 0) return;
        while (::waitpid(nursery, nullptr, 0) < 0 && errno == EINTR) {}
    }
};

namespace {

/// Beside this program (build tree and any installation prefix), else the compiled-in place.
std::string find_nursery() {
    char path[PATH_MAX];
    auto n = ::readlink("/proc/self/exe", path, sizeof path);
    const auto here = base::directory_of({path, static_cast<std::size_t>(std::max<ssize_t>(n, 0))});
    auto beside = base::cat(here, "/../libexec/sccache/sccache-nursery");
    return ::access(beside.c_str(), X_OK) == 0 ? beside : SCCACHE_LIBEXEC "/sccache-nursery";
}

base::Result<std::pair<base::Fd, pid_t>> start_nursery(const std::string& program, const NurserySettings& settings) {
    auto ends = socket_pair(SOCK_SEQPACKET);
    if (!ends) return std::move(ends).error();
    char name[] = "sccache-nursery";
    char* const argv[] = {name, nullptr};
    // Not the daemon's: it may hold secrets. What is bound here is bound in every cell, which is a copy of it.
    char bind_now[] = "LD_BIND_NOW=1";
    char* const environment[] = {bind_now, nullptr};
    auto pid = ::fork();
    if (pid < 0) return base::errno_error("cannot start the nursery");
    if (pid == 0) {
        const bool placed = ends->second.get() == k_nursery_control ? ::fcntl(k_nursery_control, F_SETFD, 0) == 0
                                                                    : ::dup2(ends->second.get(), k_nursery_control) >= 0;
        if (placed) ::execve(program.c_str(), argv, environment);
        ::_exit(127);
    }
    ends->second.reset();
    std::vector<int> beside;
    if (settings.cgroup) beside.push_back(settings.cgroup.get());
    auto step = send_message(ends->first.get(), encode(settings), beside);
    auto answer = step ? receive_message(ends->first.get(), k_nursery_message_limit) : base::Result<Message>{std::move(step).error()};
    if (answer && answer->bytes == k_nursery_ready) return std::pair{std::move(ends->first), pid};
    ends->first.reset();
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return base::Error{base::cat("cannot run ", program), std::errc::no_such_file_or_directory};
    if (!answer || answer->bytes.empty()) return base::Error{"the nursery ended at once", std::errc::io_error};
    return base::Error{std::move(answer->bytes), std::errc::operation_not_permitted};
}

/// Waits for the cell's answer, a cancellation or the end of patience.
base::Result<> wait_for(int channel, int cancel, Clock::time_point deadline) {
    for (;;) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) return base::Error{"the job did not end in time", std::errc::timed_out};
        pollfd polled[]{{channel, POLLIN, 0}, {cancel, POLLIN, 0}};
        auto n = ::poll(polled, 2, static_cast<int>(std::min<long long>(left, INT_MAX)));
        if (n < 0 && errno != EINTR) return base::errno_error("cannot wait for a job");
        if (n <= 0) continue;
        if (polled[1].revents) return base::Error{"the job was cancelled", std::errc::operation_canceled};
        return base::Ok{};
    }
}

}  // namespace

Sandbox::Sandbox(std::unique_ptr<State> state) : m_state{std::move(state)} {}
Sandbox::Sandbox(Sandbox&&) noexcept = default;
Sandbox& Sandbox::operator=(Sandbox&&) noexcept = default;
Sandbox::~Sandbox() = default;

Level Sandbox::level() const { return m_state->level; }
const std::string& Sandbox::description() const { return m_state->description; }
int Sandbox::nursery_fd() const { return m_state->cells->control(); }
pid_t Sandbox::nursery_pid() const { return m_state->nursery; }

base::Result<Sandbox> Sandbox::start(const SandboxOptions& options) {
    if (options.build_dir.empty() || options.build_dir[0] != '/')
        return base::Error{"build_dir must be an absolute path: " + options.build_dir, std::errc::invalid_argument};
    auto prepared = prepare_build_dir(options.build_dir);
    if (!prepared) return std::move(prepared).error();
    auto filter = make_system_call_filter(Programs::native), filter_32 = make_system_call_filter(Programs::also_32_bit);
    if (!filter) return std::move(filter).error();
    if (!filter_32) return std::move(filter_32).error();
    auto probe = install_self_test(options.build_dir + "/toolchains");
    if (!probe) return std::move(probe).error().while_doing("self-test");
    auto group = take_delegated_cgroup();
    if (group) {
        auto made = make_slot_cgroups(group->get(), options.slots, options.limits);
        if (!made) group = std::move(made).error();
    }
    const auto program = options.nursery.empty() ? find_nursery() : options.nursery;
    if (::access(program.c_str(), X_OK) != 0)
        return base::errno_error(base::cat("cannot run ", program, ", which is installed together with sccache-dist (install the package again)"));
    std::string lacking;
    for (auto level : {Level::privileged, Level::user_namespace, Level::bwrap}) {
        if (options.level ? *options.level != level : level == Level::privileged && ::geteuid() != 0) continue;
        if (level == Level::bwrap && options.bwrap_path.empty()) continue;
        for (bool with_proc : {true, false}) {
            NurserySettings settings{level, options.build_dir, options.bwrap_path, *filter, *filter_32, {}, with_proc, ::geteuid(), ::getegid(), options.slots};
            if (group) settings.cgroup = base::Fd{::fcntl(group->get(), F_DUPFD_CLOEXEC, 3)};
            auto nursery = start_nursery(program, settings);
            if (!nursery) {
                lacking += base::cat("; ", level_name(level), ": ", nursery.error().what);
                break;  // /proc has nothing to do with it
            }
            auto state = std::make_unique<State>();
            state->level = level;
            state->cells = std::make_unique<Cells>(std::move(nursery->first), options.build_dir + "/toolchains");
            state->nursery = nursery->second;
            state->finished.resize(options.slots);
            state->description = base::cat(level_name(level), with_proc ? "" : " without /proc", group ? ", cgroup limits" : ", process limits");
            Sandbox sandbox{std::move(state)};
            auto passed = run_self_test(sandbox, *probe, with_proc);
            if (passed) {
                (void)toolchain::remove_tree(options.build_dir + "/toolchains/" + *probe);
                if (!group) base::log::info(k_target, "No limits by control group: " + group.error().what);
                if (!lacking.empty()) base::log::warn(k_target, "Not the best sandbox" + lacking);
                return sandbox;
            }
            lacking += base::cat("; ", level_name(level), with_proc ? "" : " without /proc", ": ", passed.error().what);
        }
    }
    return base::Error{"no sandbox works here" + lacking, std::errc::operation_not_permitted};
}

base::Result<Outcome> Sandbox::run(const Order& order, unsigned slot, const base::Fd& inputs, int cancel) {
    const auto deadline = Clock::now() + order.limits.wall + k_grace;
    if (slot >= m_state->finished.size()) return base::Error{base::cat("there is no slot ", slot), std::errc::invalid_argument};
    tidy(slot);
    const Preparation preparation{order.toolchain, order.layer, order.whole, order.limits.disk, order.limits.files};
    auto cell = m_state->cells->get(slot, preparation);
    if (!cell) return std::move(cell).error();
    const auto& channel = cell->channel;
    // A cell that failed hangs up while we still talk: its reason is in the channel then.
    (void)send_frame(channel.get(), encode(order), {inputs.get()});
    auto step = wait_for(channel.get(), cancel, deadline);
    if (!step) {
        m_state->cells->kill(*cell);
        return std::move(step).error();
    }
    auto answer = receive_frame(channel.get(), 2 * order.limits.stream_bytes + k_answer_slack);
    if (!answer) {
        m_state->cells->kill(*cell);
        return base::Error{"the job was killed from outside, most likely for its memory: " + answer.error().what, std::errc::not_enough_memory};
    }
    auto outcome = decode_answer(answer->bytes);
    if (!outcome) return outcome;
    auto& files = answer->descriptors;
    auto is_promised = [&](const Outcome::Output& output, const base::Fd& file) {
        struct stat st {};
        return output.index < order.outputs.size() && ::fstat(file.get(), &st) == 0 && S_ISREG(st.st_mode) &&
               static_cast<std::uint64_t>(st.st_size) == output.size;
    };
    if (!std::equal(outcome->outputs.begin(), outcome->outputs.end(), files.begin(), files.end(), is_promised))
        return base::Error{"the job process sent no proper output", std::errc::bad_message};
    for (std::size_t i = 0; i < files.size(); ++i) outcome->outputs[i].file = std::move(files[i]);
    m_state->finished[slot] = State::Finished{std::move(*cell), preparation};
    return outcome;
}

void Sandbox::tidy(unsigned slot) {
    auto finished = std::exchange(m_state->finished[slot], std::nullopt);
    if (!finished) return;
    finished->cell.channel.reset();
    // Bubblewrap's cells copy the whole toolchain: not for a job that may never come.
    if (m_state->level != Level::bwrap) m_state->cells->expect_another(slot, finished->preparation);
}

void Sandbox::rest(std::chrono::milliseconds idle) { m_state->cells->rest(idle); }

}  // namespace builder
