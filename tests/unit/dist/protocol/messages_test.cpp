#include "dist/protocol/messages.hpp"

#include "src/base/files.hpp"
#include "tests/unit/catch.hpp"

using namespace protocol;

namespace {

std::string golden(const std::string& name) {
    auto text = base::read_file(std::string{TEST_DIR} + "/golden/protocol/" + name + ".hex");
    REQUIRE(text);
    std::string digits;
    for (char c : *text)
        if (c != '\n') digits.push_back(c);
    std::string out;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) out.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    return out;
}

const std::string k_id = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

net::Address v4() { return *net::Address::parse("192.168.1.5:10501"); }
net::Address v6() { return *net::Address::parse("[fe80::1]:10501"); }

RunJob sample_job() {
    RunJob j;
    j.command.executable = "/usr/bin/gcc";
    j.command.arguments = {"-x", "cpp-output", "-c", "a.c", "-o", "a.o", "-fpreprocessed"};
    j.command.env = {{"LANG", "C"}};
    j.command.cwd = "/w";
    j.outputs = {"/w/a.o"};
    return j;
}

RunComplete sample_result() {
    RunComplete r;
    r.err = "w\n";
    r.outputs.emplace_back("/w/a.o", OutputData{std::string("\x78\x01\xcb\x4f\xca\xe2\x02\x00\x03\xc4\x01\x46", 12), 4});
    return r;
}

/// Encodes to the golden bytes, and the golden bytes decode to the value; a cut at any place is refused.
template <class Message, class Decode>
void check(const std::string& name, const Message& value, Decode decode) {
    INFO(name);
    auto bytes = golden(name);
    CHECK(encode(value) == bytes);
    auto back = decode(bytes);
    REQUIRE(back);
    CHECK(*back == value);
    CHECK(decode(bytes + "trailing bytes are ignored"));
    for (std::size_t n = 0; n < bytes.size(); ++n) CHECK_FALSE(decode(std::string_view{bytes}.substr(0, n)));
}

}  // namespace

TEST_CASE("messages: golden bytes of every message") {
    check("toolchain", Toolchain{*ArchiveId::parse(k_id)}, decode_toolchain);
    check("toolchain_sha512", Toolchain{*ArchiveId::parse(k_id + k_id)}, decode_toolchain);
    check("alloc_success_v4", AllocResult{AllocSuccess{{"a.b.c", 140, v4()}, true, "\xde\xad"}}, decode_alloc_result);
    check("alloc_success_v6", AllocResult{AllocSuccess{{"a.b.c", 140, v6()}, false, "\xde\xad"}}, decode_alloc_result);
    check("alloc_success_big_id", AllocResult{AllocSuccess{{"a.b.c", ~0ULL, v4()}, true, "\xde\xad"}}, decode_alloc_result);
    check("alloc_fail", AllocResult{AllocFail{"Insufficient capacity across 0 available servers"}}, decode_alloc_result);
    check("server_certificate", ServerCertificate{"\x01\x02", "-----BEGIN"}, decode_server_certificate);
    check("heartbeat", Heartbeat{"\x11\x11\x11\x11", 8, 0x0123456789abcdef, "\x01\x02", "PEM"}, decode_heartbeat);
    check("heartbeat_result_new", HeartbeatResult{true}, decode_heartbeat_result);
    check("job_state_pending", JobState::pending, decode_job_state);
    check("job_state_ready", JobState::ready, decode_job_state);
    check("job_state_started", JobState::started, decode_job_state);
    check("job_state_complete", JobState::complete, decode_job_state);
    check("assign_pending", AssignResult{JobState::pending, true}, decode_assign_result);
    check("assign_ready", AssignResult{JobState::ready, false}, decode_assign_result);
    check("update_success", UpdateResult{}, decode_update_result);
    check("update_fail", UpdateResult{"x"}, decode_update_result);
    check("submit_success", SubmitResult::success, decode_submit_result);
    check("submit_job_not_found", SubmitResult::job_not_found, decode_submit_result);
    check("submit_cannot_cache", SubmitResult::cannot_cache, decode_submit_result);
    check("status", SchedulerStatus{3, 56, 24}, decode_scheduler_status);
    check("run_job", sample_job(), decode_run_job);
    check("run_job_not_found", RunResult{RunJobNotFound{}}, decode_run_result);
    check("run_complete", RunResult{sample_result()}, decode_run_result);
    RunComplete failed;
    failed.code = 1;
    check("run_complete_failed", RunResult{failed}, decode_run_result);
    failed.code = -2;
    check("run_complete_negative", RunResult{failed}, decode_run_result);
}

TEST_CASE("messages: head of a run_job body") {
    auto bytes = golden("run_job_prefix");
    CHECK(run_job_prefix(sample_job()) == bytes);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        auto part = run_job_prefix_length(std::string_view{bytes}.substr(0, n));
        REQUIRE(part);
        CHECK_FALSE(*part);
    }
    auto part = run_job_prefix_length(bytes + "zlib");
    REQUIRE(part);
    CHECK(**part == bytes.size());
    CHECK_FALSE(run_job_prefix_length(std::string("\xff\xff\xff\xff", 4)));
}

TEST_CASE("messages: a claimed length is not believed") {
    std::string huge("\0\0\0\0\0\x01\0\0", 8);  // 2^40 bytes
    CHECK(decode_toolchain(huge + "x").error().what == "io error: failed to fill whole buffer");
    CHECK_FALSE(decode_heartbeat(huge));
    CHECK_FALSE(decode_run_job(huge));
    std::string many = golden("run_job").substr(0, 20) + std::string(8, '\xff');
    CHECK_FALSE(decode_run_job(many));
    CHECK_FALSE(decode_run_result(std::string("\x01\0\0\0", 4) + std::string(8, '\xff')));
}

TEST_CASE("messages: bad values are refused") {
    CHECK_FALSE(decode_job_state(std::string("\x04\0\0\0", 4)));
    CHECK_FALSE(decode_heartbeat_result("\x02"));
    CHECK_FALSE(decode_alloc_result(std::string("\x02\0\0\0", 4)));
    CHECK_FALSE(decode_submit_result(std::string("\x03\0\0\0", 4)));
    CHECK_FALSE(decode_alloc_result(std::string("\x01\0\0\0\x02\0\0\0\0\0\0\0\xc0\xaf", 14)));  // overlong UTF-8
    auto family = golden("alloc_success_v4");
    family[25] = 7;
    CHECK_FALSE(decode_alloc_result(family));
}

TEST_CASE("archive_id: only digits that can be a file name") {
    CHECK(ArchiveId::parse(k_id)->str() == k_id);
    CHECK(ArchiveId::parse("AF" + k_id.substr(2))->str() == k_id);
    CHECK(ArchiveId::parse("../../../tmp/owned").error().what == "expected 64 hex bytes, received 18");
    CHECK(ArchiveId::parse(std::string(64, '/')).error().what == "invalid hex character: '/'");
    CHECK_FALSE(ArchiveId::parse(""));
    CHECK_FALSE(ArchiveId::parse("a"));
    CHECK_FALSE(ArchiveId::parse(std::string(64, '\xc3')));
    CHECK_FALSE(ArchiveId::parse(std::string(64, '\0')));
    CHECK(ArchiveId::of_digest(std::string("\xaf\x13", 2) + std::string(30, '\x9c'))->str().substr(0, 6) == "fa31c9");
    CHECK_FALSE(ArchiveId::of_digest("short"));
}

TEST_CASE("messages: an address cut short is only refused") {
    CHECK_FALSE(decode_alloc_result(std::string(4 + 8 + 8 + 4, '\0')));
    CHECK_FALSE(decode_alloc_result(""));
}
