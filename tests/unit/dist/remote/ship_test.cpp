#include "dist/remote/ship.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "dist/remote/tree.hpp"
#include "tests/unit/dist/remote/place.hpp"

namespace fs = std::filesystem;
using test::Place;
using test::read;
using test::unpack;

namespace {

base::Result<remote::SegmentPtr> known(remote::Segments& segments, const std::string& path,
                                       remote::Segments::Allowance allowance = {}) {
    struct stat st {};
    REQUIRE(::lstat(path.c_str(), &st) == 0);
    return segments.file(path, st, allowance);
}

}  // namespace

TEST_CASE("ship: files arrive where they are, through links and the way back") {
    Place here;
    std::string long_name(120, 'n');
    here.write("w/a.c", "int a;\n");
    here.write("real/inc/x.h", "x\n");
    here.write("w/sub/unused.h", "");
    here.write("w/" + long_name + "/" + long_name + ".h", "long\n");
    here.write("empty.h", "");
    fs::create_symlink(here.path + "/real", here.path + "/w/link");  // absolute
    fs::create_symlink("../real/inc/x.h", here.path + "/w/y.h");
    wire::RemoteJob job;
    job.cwd = here.path + "/w";
    job.inputs = {"a.c",       "link/inc/x.h", "sub/../link/inc/x.h", "y.h", long_name + "/" + long_name + ".h",
                  "../empty.h"};
    job.directories = {"sub", "gone"};
    remote::Segments segments;
    auto inputs = remote::gather_inputs(job, segments, nullptr);
    INFO((inputs ? "" : inputs.error().what));
    REQUIRE(inputs);
    Place there;
    unpack(*inputs, there.path);
    auto w = there.path + here.path + "/w";
    REQUIRE(read(w + "/a.c") == "int a;\n");
    REQUIRE(read(w + "/link/inc/x.h") == "x\n");
    REQUIRE(read(w + "/sub/../link/inc/x.h") == "x\n");
    REQUIRE(read(w + "/y.h") == "x\n");
    REQUIRE(fs::is_symlink(w + "/link"));
    REQUIRE(fs::is_symlink(w + "/y.h"));
    REQUIRE(read(w + "/" + long_name + "/" + long_name + ".h") == "long\n");
    REQUIRE(fs::exists(there.path + here.path + "/empty.h"));
    REQUIRE(fs::is_directory(w + "/sub"));
    REQUIRE_FALSE(fs::exists(w + "/gone"));
    struct stat a {};
    struct stat b {};
    REQUIRE(::stat((job.cwd + "/a.c").c_str(), &a) == 0);
    REQUIRE(::stat((w + "/a.c").c_str(), &b) == 0);
    REQUIRE(a.st_mtime == b.st_mtime);
}

TEST_CASE("ship: a changed file is read again, an unchanged one is not") {
    Place here;
    here.write("a.h", "one");
    ::usleep(60'000);
    remote::Segments segments;
    auto first = known(segments, here.path + "/a.h");
    auto again = known(segments, here.path + "/a.h");
    REQUIRE(first);
    REQUIRE(again);
    REQUIRE(*first == *again);
    here.write("a.h", "two");
    auto changed = known(segments, here.path + "/a.h");
    REQUIRE(changed);
    REQUIRE((*changed)->adler != (*first)->adler);
}

TEST_CASE("ship: what has not been read, or has changed, is not at hand") {
    Place here;
    here.write("a.c", "one");
    ::usleep(60'000);
    wire::RemoteJob job;
    job.cwd = here.path;
    job.inputs = {"a.c"};
    remote::Segments segments;
    auto at_hand = [&] { return remote::gather_inputs(job, segments, nullptr, remote::Segments::Allowance{2}); };
    auto unread = at_hand();
    REQUIRE_FALSE(unread);
    REQUIRE(unread.error().code == std::errc::resource_unavailable_try_again);
    REQUIRE(remote::gather_inputs(job, segments, nullptr));
    auto inputs = at_hand();
    REQUIRE(inputs);
    Place there;
    unpack(*inputs, there.path);
    REQUIRE(read(there.path + here.path + "/a.c") == "one");
    here.write("a.c", "two");  // in place and of the same length
    REQUIRE_FALSE(at_hand());
    REQUIRE(remote::gather_inputs(job, segments, nullptr, remote::Segments::Allowance{3}));
    fs::remove(here.path + "/a.c");
    REQUIRE_FALSE(at_hand());
}

TEST_CASE("ship: the cache of members has a limit") {
    Place here;
    remote::Segments segments{2000};
    for (int i = 0; i < 20; ++i) here.write("f" + std::to_string(i), std::to_string(i));
    ::usleep(60'000);
    for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 20; ++i) REQUIRE(known(segments, here.path + "/f" + std::to_string(i)));
}

TEST_CASE("ship: what is missing or no file is an error") {
    Place here;
    remote::Segments segments;
    wire::RemoteJob job;
    job.cwd = here.path;
    job.inputs = {"absent.c"};
    auto inputs = remote::gather_inputs(job, segments, nullptr);
    REQUIRE_FALSE(inputs);
    REQUIRE(inputs.error().code == std::errc::no_such_file_or_directory);
    fs::create_symlink("loop", here.path + "/loop");
    job.inputs = {"loop"};
    REQUIRE_FALSE(remote::gather_inputs(job, segments, nullptr));
    job.inputs = {"."};
    REQUIRE_FALSE(remote::gather_inputs(job, segments, nullptr));
}
