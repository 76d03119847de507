#include "dist/remote/layers.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dist/toolchain/unpack_toolchain.hpp"
#include "tests/unit/dist/remote/place.hpp"

namespace fs = std::filesystem;
using test::Place;

namespace {

const net::Address k_one = *net::Address::parse("127.0.0.1:1");
const net::Address k_two = *net::Address::parse("127.0.0.1:2");

void settle() { ::usleep(60'000); }

/// A project in w and headers of a system in sys, of which jobs name some.
struct Client {
    Place here;
    remote::Segments segments;
    remote::Layers layers{segments, [this](std::string_view path) { return path.starts_with(here.path + "/sys/"); }, 0};

    Client() {
        here.write("w/a.c", "int a;\n");
        here.write("sys/one/a.h", "one a\n");
        here.write("sys/one/b.h", "one b\n");
        here.write("sys/two/sub/c.h", "two c\n");
        settle();
    }
    remote::Inputs gather(std::vector<std::string> headers) {
        wire::RemoteJob job;
        job.cwd = here.path + "/w";
        job.inputs = {"a.c"};
        for (auto& header : headers) job.inputs.push_back("../sys/" + header);
        auto inputs = remote::gather_inputs(job, segments, &layers);
        INFO((inputs ? "" : inputs.error().what));
        REQUIRE(inputs);
        return std::move(*inputs);
    }
    /// The whole life of a job.
    remote::Inputs run(std::vector<std::string> headers, const net::Address& builder = k_one) {
        auto inputs = gather(std::move(headers));
        layers.sent(inputs, builder);
        layers.renew();
        return inputs;
    }
    /// What a builder sees of `header` when a job that names some has been unpacked there.
    [[nodiscard]] std::string there(const remote::Inputs& inputs, const std::string& header) const {
        Place tree;
        auto path = tree.path + "/tree";
        if (inputs.layer) {
            {
                std::ofstream archive{tree.path + "/archive", std::ios::binary};
                for (const auto& piece : inputs.layer->pieces()) archive << piece->deflated;
            }
            REQUIRE(fs::file_size(tree.path + "/archive") == inputs.layer->size());
            base::Fd archive{::open((tree.path + "/archive").c_str(), O_RDONLY)};
            auto unpacked = toolchain::unpack_toolchain(archive.get(), inputs.layer->id(), path);
            INFO((unpacked ? "" : unpacked.error().what));
            REQUIRE(unpacked);
        }
        fs::create_directories(path);
        test::unpack(inputs, path);
        return test::read(path + here.path + "/sys/" + header);
    }
};

}  // namespace

TEST_CASE("layers: what one job sent, the next need not send") {
    Client client;
    auto first = client.run({"one/a.h", "two/sub/c.h"});
    CHECK(first.layer == nullptr);
    CHECK(first.common.size() == 2);
    CHECK_FALSE(first.whole);
    auto second = client.run({"one/a.h", "two/sub/c.h"});
    REQUIRE(second.layer);
    CHECK(second.whole);
    CHECK(second.layer->files().size() == 2);
    CHECK(second.layer->has_directory(client.here.path + "/sys"));
    CHECK(second.common.empty());
    CHECK(second.spared > 0);
    CHECK(second.size < first.size);
    CHECK(client.there(second, "one/a.h") == "one a\n");
    CHECK(client.there(second, "two/sub/c.h") == "two c\n");
    CHECK(client.there(second, "../w/a.c") == "int a;\n");
    // What it lacks comes beside it, and is in the next one.
    auto third = client.run({"one/a.h", "one/b.h"});
    CHECK(third.layer == second.layer);
    CHECK(third.common.size() == 1);
    CHECK(client.there(third, "one/b.h") == "one b\n");
    for (int i = 0; i < 20 && client.gather({}).layer == second.layer; ++i) client.run({"one/b.h"});
    auto last = client.gather({"one/a.h", "one/b.h", "two/sub/c.h"});
    CHECK(last.layer != second.layer);
    CHECK(last.common.empty());
    CHECK(client.there(last, "one/b.h") == "one b\n");
}

TEST_CASE("layers: a header that has changed is sent, and the layer stays") {
    Client client;
    client.run({"one/a.h", "one/b.h"});
    std::ofstream{client.here.path + "/sys/one/a.h"} << "changed\n";
    settle();
    auto inputs = client.run({"one/a.h", "one/b.h"});
    REQUIRE(inputs.layer);
    CHECK(inputs.common.size() == 1);
    CHECK(client.there(inputs, "one/a.h") == "changed\n");
    CHECK(client.there(inputs, "one/b.h") == "one b\n");
}

TEST_CASE("layers: one with a name that has gone is not used any more") {
    Client client;
    SECTION("the file") {
        client.run({"one/a.h", "one/b.h"});
        fs::remove(client.here.path + "/sys/one/b.h");
    }
    SECTION("the file, in favour of another with the same name") {
        client.run({"one/a.h", "one/b.h"});
        fs::remove(client.here.path + "/sys/one/b.h");
        fs::create_directory(client.here.path + "/sys/one/b.h");
    }
    SECTION("its directory") {
        client.run({"one/a.h", "two/sub/c.h"});
        fs::rename(client.here.path + "/sys/two", client.here.path + "/sys/three");
    }
    auto inputs = client.run({"one/a.h"});
    CHECK(inputs.layer == nullptr);
    CHECK(client.there(inputs, "one/a.h") == "one a\n");
}

TEST_CASE("layers: a directory where something happens is left out until it rests") {
    Client client;
    client.here.write("sys/two/new.h", "new\n");
    client.run({"one/a.h", "two/new.h"});
    auto inputs = client.gather({"one/a.h", "two/new.h"});
    if (inputs.layer)  // else the machine was slow
        CHECK(client.there(inputs, "two/new.h") == "new\n");
    settle();
    for (int i = 0; i < 20; ++i) client.run({"one/a.h", "two/new.h"});
    inputs = client.gather({"one/a.h", "two/new.h"});
    REQUIRE(inputs.layer);
    CHECK(inputs.common.empty());
}

TEST_CASE("layers: a new one costs no more than what was sent beside the last") {
    Client client;
    const std::vector<std::string> all{"one/a.h", "one/b.h", "two/sub/c.h"};
    client.run({"one/a.h"});
    const auto first = client.gather({}).layer;
    REQUIRE(first);
    client.run({"one/a.h"}, k_one);
    client.run({"one/a.h"}, k_two);
    std::uint64_t sent = 0;
    int jobs = 0;
    for (; jobs < 100 && client.gather({}).layer == first; ++jobs)
        for (const auto& [path, file] : client.run({"one/a.h", "one/b.h"}).common) sent += file.segment->deflated.size();
    const auto second = client.gather({}).layer;
    REQUIRE(second != first);
    CHECK(jobs > 2);  // both builders have to get it
    CHECK(sent >= 2 * first->size());
    // Of a job that had another layer, only what the current one lacks counts.
    auto inputs = client.gather(all);
    inputs.layer = first;
    client.layers.sent(inputs, k_one);
    CHECK_FALSE(client.layers.due());
}

TEST_CASE("layers: only what belongs to the system is worth a place") {
    CHECK(remote::is_system_file("/usr/include/stdio.h"));
    CHECK(remote::is_system_file("/usr/lib64/gcc/x86_64-suse-linux/13/include/stddef.h"));
    CHECK_FALSE(remote::is_system_file("/usr/local/include/x.h"));
    CHECK_FALSE(remote::is_system_file("/usr/src/packages/BUILD/x.h"));
    CHECK_FALSE(remote::is_system_file("/home/me/x.h"));
    Client client;
    remote::Layers choosy{client.segments, [](std::string_view) { return true; }};
    choosy.sent(client.gather({"one/a.h"}), k_one);
    CHECK_FALSE(choosy.due());  // too little
    client.here.write("w/own.h", "own\n");
    settle();
    CHECK(client.gather({"../w/own.h"}).common.empty());
    ::chmod((client.here.path + "/sys/one/b.h").c_str(), 0600);  // a job's user could not read it
    settle();
    CHECK(client.gather({"one/b.h"}).common.empty());
}

TEST_CASE("layers: /usr/include is the layer's alone only if the job has nothing there") {
    Client client;
    client.run({"one/a.h"});
    wire::RemoteJob job;
    job.cwd = client.here.path + "/w";
    job.inputs = {"a.c"};
    auto whole = [&] {
        auto inputs = remote::gather_inputs(job, client.segments, &client.layers);
        REQUIRE(inputs);
        REQUIRE(inputs->layer);
        return inputs->whole;
    };
    CHECK(whole());
    job.outputs = {"a.o", "/usr/include/x.gch"};
    CHECK_FALSE(whole());
    job.outputs = {"a.o"};
    job.directories = {"/usr/include"};
    CHECK_FALSE(whole());
    job.directories = {};
    job.cwd = "/usr/include";
    job.inputs = {client.here.path + "/w/a.c"};
    CHECK_FALSE(whole());
}
