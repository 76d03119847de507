#include "dist/builder/self_test.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "dist/builder/sandbox.hpp"
#include "dist/toolchain/contents.hpp"
#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace builder {
namespace {

constexpr auto k_name = "self-test";
constexpr auto k_output = "/work/dir/out";

// Every line must hold in a closed sandbox; the first that does not names itself and fails the job.
constexpr std::string_view k_script = R"(
set -e
no() { echo "$1" >&2; exit 3; }
test "$PWD" = /work/dir || no "wrong working directory"
test "$MARK" = inside || no "the environment did not arrive"
test -z "$SCCACHE_SELF_TEST_LEAK" || no "the daemon's environment leaks"
test ! -e /etc/passwd || no "the host's files are visible"
if (: < /dev/tty) 2>/dev/null; then no "a terminal is reachable"; fi
if kill -0 "$DAEMON" 2>/dev/null; then no "the host's processes are reachable"; fi
if (: > /dev/new) 2>/dev/null; then no "/dev is writable"; fi
echo x > /dev/null || no "/dev/null does not work"
if test "$PROC" = 1; then test -e /proc/self/exe || no "no /proc"; fi
echo x > /tmp/x || no "/tmp is not writable"
echo ok > out
)";

/// An empty tar, compressed: two blocks of zeros.
base::Result<base::Fd> empty_inputs() {
    const std::string zeros(1024, '\0');
    std::string packed(::compressBound(zeros.size()), '\0');
    auto size = static_cast<uLongf>(packed.size());
    ::compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(zeros.data()), zeros.size(), 1);
    packed.resize(size);
    base::Fd file{::memfd_create("inputs", MFD_CLOEXEC)};
    if (!file) return base::errno_error("cannot make a memory file");
    auto written = base::write_all(file.get(), packed);
    if (!written) return std::move(written).error();
    ::lseek(file.get(), 0, SEEK_SET);
    return file;
}

}  // namespace

base::Result<std::string> install_self_test(const std::string& toolchains) {
    toolchain::Contents contents;
    auto added = contents.add_program("/bin/sh", toolchain::Libraries{"", "/etc/ld.so.conf"});
    if (!added) return std::move(added).error();
    const auto top = toolchains + "/" + k_name;
    if (::mkdir(top.c_str(), 0755) != 0) return base::errno_error("cannot create " + top);
    for (const auto& dir : contents.directories()) {
        auto made = base::make_directories(top + dir, 0755);
        if (!made) return std::move(made).error();
    }
    for (const auto& file : contents.files()) {
        auto bytes = base::read_file(file);
        if (!bytes) return std::move(bytes).error();
        auto written = base::write_file(top + file, *bytes, 0755);
        if (!written) return std::move(written).error();
    }
    for (const auto& [path, text] : contents.links())
        if (::symlink(text.c_str(), (top + path).c_str()) != 0) return base::errno_error("cannot make a link");
    return std::string{k_name};
}

base::Result<> run_self_test(Sandbox& sandbox, const std::string& toolchain, bool with_proc) {
    auto inputs = empty_inputs();
    if (!inputs) return std::move(inputs).error();
    Order order;
    order.toolchain = toolchain;
    order.executable = "/bin/sh";
    order.arguments = {"-c", std::string{k_script}};
    order.environment = {"PATH=/usr/bin:/bin", "MARK=inside", base::cat("DAEMON=", ::getpid()), base::cat("PROC=", with_proc ? 1 : 0)};
    order.cwd = "/work/dir";
    order.outputs = {k_output};
    order.limits.wall = std::chrono::seconds{20};
    order.limits.memory = std::uint64_t{1} << 30;
    order.limits.disk = std::uint64_t{64} << 20;
    ::setenv("SCCACHE_SELF_TEST_LEAK", "1", 1);
    auto outcome = sandbox.run(order, 0, *inputs);
    ::unsetenv("SCCACHE_SELF_TEST_LEAK");
    if (!outcome) return std::move(outcome).error();
    if (outcome->code != 0 || outcome->signal != 0)
        return base::Error{base::cat("the self-test job failed: ", base::trim(outcome->err), " (exit ", outcome->code, ", signal ", outcome->signal, ")"), std::errc::io_error};
    if (outcome->outputs.size() != 1) return base::Error{"the self-test job's output did not arrive", std::errc::io_error};
    auto text = base::read_whole(outcome->outputs[0].file.get(), 64);
    if (!text || *text != "ok\n") return base::Error{"the self-test job's output is not what it wrote", std::errc::io_error};
    return base::Ok{};
}

}  // namespace builder
