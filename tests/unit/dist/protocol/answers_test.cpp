#include "dist/protocol/answers.hpp"

#include "dist/protocol/hints.hpp"
#include "tests/unit/catch.hpp"

using namespace protocol;

TEST_CASE("answers: error bodies") {
    CHECK(error_json("Unknown job") == R"({"description":"Unknown job","cause":null})");
    CHECK(error_json("a", "b") == R"({"description":"a","cause":{"description":"b","cause":null}})");
    CHECK(error_json("bad \xff byte").find("description") != std::string::npos);
    auto r = refused(k_no_bearer_auth);
    CHECK(r.status == 401);
    CHECK(r.body.empty());
    CHECK(r.headers.get("www-authenticate") == "Bearer error=\"no_bearer_auth\"");
    CHECK(error_answer(500, "x").headers.get("content-type") == "application/json; charset=utf-8");
}

TEST_CASE("answers: Accept chooses bincode or JSON") {
    auto json = [](std::string_view accept) {
        net::Headers h;
        if (!accept.empty()) h.add("Accept", accept);
        return wants_json(h);
    };
    CHECK_FALSE(json(""));
    CHECK_FALSE(json("*/*"));
    CHECK_FALSE(json("text/html"));
    CHECK(json("application/json"));
    CHECK_FALSE(json("application/json, application/octet-stream"));
    CHECK(json("application/octet-stream;q=0.5, application/json;q=0.9"));
    CHECK_FALSE(json("application/json;q=0"));
    CHECK_FALSE(json("application/json;q=nan"));
}

TEST_CASE("answers: bearer is case-sensitive and keeps spaces") {
    auto token = [](std::string_view value) {
        net::Headers h;
        h.add("authorization", value);
        return std::string{bearer(h)};
    };
    CHECK(token("Bearer abc") == "abc");
    CHECK(token("Bearer 1.2.3.4:5 tok en") == "1.2.3.4:5 tok en");
    CHECK(token("bearer abc").empty());
    CHECK(token("Basic abc").empty());
    CHECK(token("Bearer").empty());
}

TEST_CASE("answers: JSON forms") {
    auto v6 = *net::Address::parse("[fe80::1]:10501");
    CHECK(to_json(AllocResult{AllocSuccess{{"t", ~0ULL, v6}, true, std::string("\x01\xff", 2)}}) ==
          R"({"Success":{"job_alloc":{"auth":"t","job_id":18446744073709551615,"server_id":"[fe80::1]:10501"},"need_toolchain":true,"cert_digest":[1,255]}})");
    CHECK(to_json(SubmitResult::cannot_cache) == "\"CannotCache\"");
    CHECK(to_json(UpdateResult{}) == "\"Success\"");
    CHECK(to_json(SchedulerStatus{1, 2, 0}) == R"({"num_servers":1,"num_cpus":2,"in_progress":0})");
    RunComplete done;
    done.outputs.emplace_back("/w/a.o", OutputData{"x", 4});
    CHECK(to_json(RunResult{done}) ==
          R"({"Complete":{"output":{"code":0,"stdout":[],"stderr":[]},"outputs":[["/w/a.o",[[120],4]]]}})");
}

TEST_CASE("hints: there and back, and nonsense is ignored") {
    net::Headers h;
    JobHints job;
    job.cost = std::chrono::milliseconds{1500};
    job.memory = 1 << 30;
    job.job_class = "check";
    job.tenant = "kernel team";
    job.deadline = std::chrono::milliseconds{9000};
    job.avoid = {*net::Address::parse("10.0.0.1:10501"), *net::Address::parse("[::1]:2")};
    job.direct = true;
    job.put(h);
    auto back = JobHints::get(h);
    CHECK(back.cost == job.cost);
    CHECK(back.memory == job.memory);
    CHECK(back.job_class == job.job_class);
    CHECK(back.tenant == job.tenant);
    CHECK(back.deadline == job.deadline);
    CHECK(back.avoid == job.avoid);
    CHECK(back.direct);

    net::Headers b;
    BuilderHints builder;
    builder.version = "1.0.0";
    builder.slots = 12;
    builder.speed = 1.25;
    builder.load = 0.5;
    builder.draining = true;
    builder.toolchains = {*ArchiveId::parse(std::string(64, 'a')), *ArchiveId::parse(std::string(64, 'b'))};
    builder.jobs = std::vector<JobId>{1, ~0ULL};
    builder.clock = 77;
    builder.put(b);
    auto again = BuilderHints::get(b);
    CHECK(again.version == "1.0.0");
    CHECK(again.slots == 12);
    CHECK(again.speed == 1.25);
    CHECK(again.load == 0.5);
    CHECK(again.draining);
    CHECK(again.toolchains == builder.toolchains);
    CHECK(again.jobs == builder.jobs);
    CHECK(again.clock == 77);

    net::Headers small;
    using Bring = RunHints::Bring;
    CHECK(RunHints::get(small).bring == Bring::nothing);
    CHECK_FALSE(LayerHints::get(small).layer);
    CHECK_FALSE(BeatHints::get(small).states);
    RunHints{}.put(small);
    LayerHints{{}, true}.put(small);
    BeatHints{}.put(small);
    CHECK(small.size() == 0);
    for (auto bring : {Bring::inputs, Bring::layer, Bring::toolchain}) {
        RunHints{bring}.put(small);
        CHECK(RunHints::get(small).bring == bring);
    }
    LayerHints{builder.toolchains[0], true}.put(small);
    CHECK(LayerHints::get(small).layer == builder.toolchains[0]);
    CHECK(LayerHints::get(small).whole);
    BeatHints{true}.put(small);
    CHECK(BeatHints::get(small).states);

    net::Headers bad;
    bad.add("Sccache-Cost", "-1");
    bad.add("Sccache-Deadline", "99999999999999");
    bad.add("Sccache-Speed", "inf");
    bad.add("Sccache-Tenant", "a\x1b[31m");
    bad.add("Sccache-Toolchains", "../../etc/passwd");
    bad.add("Sccache-Jobs", "1,x");
    bad.add("Sccache-Bring", "everything");
    bad.add("Sccache-Layer", "../../etc/passwd");
    bad.add("Sccache-Layer-Whole", "1");
    CHECK(RunHints::get(bad).bring == Bring::nothing);
    CHECK_FALSE(LayerHints::get(bad).layer);
    CHECK_FALSE(LayerHints::get(bad).whole);
    CHECK_FALSE(JobHints::get(bad).direct);
    CHECK_FALSE(BuilderHints::get(bad).clock);
    CHECK_FALSE(JobHints::get(bad).cost);
    CHECK_FALSE(JobHints::get(bad).deadline);
    CHECK(JobHints::get(bad).tenant.empty());
    CHECK_FALSE(BuilderHints::get(bad).speed);
    CHECK(BuilderHints::get(bad).toolchains.empty());
    CHECK_FALSE(BuilderHints::get(bad).jobs);
}

TEST_CASE("hints: a refusal says when to ask again, and not for ever") {
    protocol::AllocHints sent;
    sent.retry = std::chrono::milliseconds{1500};
    net::Headers headers;
    sent.put(headers);
    REQUIRE(protocol::AllocHints::get(headers).retry == std::chrono::milliseconds{1500});
    headers.set("Sccache-Retry", "18446744073709551615");
    REQUIRE(protocol::AllocHints::get(headers).retry == std::chrono::milliseconds{60'000});
    headers.set("Sccache-Retry", "soon");
    REQUIRE_FALSE(protocol::AllocHints::get(headers).retry);
}
