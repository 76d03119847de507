#include "dist/builder/cgroup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace builder {
namespace {

base::Result<> write_file_at(int dir, const std::string& name, std::string_view text) {
    base::Fd fd{::openat(dir, name.c_str(), O_WRONLY | O_CLOEXEC)};
    if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return base::errno_error("cannot write " + name);
    return base::Ok{};
}

}  // namespace

base::Result<base::Fd> take_delegated_cgroup(const std::string& proc_self_cgroup, const std::string& mount) {
    auto text = base::read_file(proc_self_cgroup, 64 * 1024);
    if (!text) return std::move(text).error();
    std::string path;
    for (auto line : base::split(*text, '\n'))
        if (line.substr(0, 3) == "0::") path = std::string{line.substr(3)};
    auto controllers = base::read_file(mount + path + "/cgroup.controllers", 4096);
    if (path.empty() || path == "/" || !controllers)
        return base::Error{"not in a control group of our own (set Delegate=yes in the unit)", std::errc::not_supported};
    auto words = base::split(base::trim(*controllers), ' ');
    auto has = [&](std::string_view name) { return std::find(words.begin(), words.end(), name) != words.end(); };
    if (!has("memory") || !has("pids"))
        return base::Error{"the control group has no memory and pids controllers", std::errc::not_supported};
    base::Fd dir{::open((mount + path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!dir) return base::errno_error("cannot open the control group");
    // A group with processes cannot hand controllers to its children, so the daemon steps aside first.
    if (::mkdirat(dir.get(), "daemon", 0755) != 0 && errno != EEXIST) return base::errno_error("cannot make a control group");
    auto step = write_file_at(dir.get(), "daemon/cgroup.procs", base::cat(::getpid()));
    if (step) step = write_file_at(dir.get(), "cgroup.subtree_control", "+memory +pids");
    if (!step) return std::move(step).error();
    return dir;
}

base::Result<> make_slot_cgroups(int delegated, unsigned slots, const Limits& limits) {
    for (unsigned slot = 0; slot < slots; ++slot) {
        auto name = base::cat("slot-", slot);
        if (::mkdirat(delegated, name.c_str(), 0755) != 0 && errno != EEXIST) return base::errno_error("cannot make a control group");
        auto step = write_file_at(delegated, name + "/memory.max", base::cat(limits.memory));
        if (step) step = write_file_at(delegated, name + "/pids.max", base::cat(limits.processes));
        if (!step) return step;
        (void)write_file_at(delegated, name + "/memory.oom.group", "1");  // half a compile is worth nothing
        (void)write_file_at(delegated, name + "/memory.swap.max", "0");   // absent without swap
    }
    return base::Ok{};
}

base::Fd open_slot_cgroup(int delegated, unsigned slot) {
    return base::Fd{::openat(delegated, base::cat("slot-", slot).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

}  // namespace builder
