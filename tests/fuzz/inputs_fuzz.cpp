// A job's inputs as a client sends them: a zlib stream of a tar, unpacked into a directory. Nothing may be made outside
// of it, whatever the bytes say; libFuzzer watches for crashes, leaks and endless loops. The first byte chooses whether
// the rest is compressed already, so that the tar reader is reached without finding a valid zlib stream first.

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "dist/builder/cell.hpp"
#include "dist/toolchain/root.hpp"
#include "dist/toolchain/tar_reader.hpp"
#include "dist/toolchain/unpack.hpp"

namespace {

/// Two directories: `inside` is unpacked into, `outside` must stay empty.
struct Playground {
    std::string top = "/tmp/inputs-fuzz-XXXXXX";
    Playground() {
        if (!::mkdtemp(top.data())) ::abort();
        (void)::mkdir((top + "/outside").c_str(), 0755);
    }
    ~Playground() { (void)toolchain::remove_tree(top); }
};

void unpack(std::string_view bytes, bool compressed, const toolchain::Root& root) {
    toolchain::UnpackLimits limits;
    limits.members = 100;
    limits.bytes = 1 << 20;
    bool given = false;
    toolchain::Inflater::Source whole = [&]() -> base::Result<std::string_view> {
        if (given) return std::string_view{};
        given = true;
        return bytes;
    };
    if (!compressed) {
        toolchain::TarReader tar{whole};
        (void)toolchain::unpack(tar, root, limits);
        return;
    }
    toolchain::Inflater inflater{whole, toolchain::Inflater::Format::zlib, 2 << 20, 1100};
    toolchain::TarReader tar{[&] { return inflater.next(); }};
    (void)toolchain::unpack(tar, root, limits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Playground playground;
    if (size == 0) return 0;
    const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
    (void)builder::decode_answer(bytes);
    (void)builder::decode_order(bytes);
    const auto inside = playground.top + "/inside";
    if (::mkdir(inside.c_str(), 0755) != 0) ::abort();
    {
        auto root = toolchain::Root::open(inside);
        if (!root) ::abort();
        unpack(bytes, (data[0] & 1) != 0, *root);
    }
    struct stat st {};
    if (::stat((playground.top + "/outside").c_str(), &st) != 0 || st.st_nlink != 2) ::abort();
    if (::rmdir((playground.top + "/outside").c_str()) != 0 || ::mkdir((playground.top + "/outside").c_str(), 0755) != 0) ::abort();
    if (!toolchain::remove_tree(inside)) ::abort();
    return 0;
}
