#include "dist/protocol/messages.hpp"

#include "dist/protocol/bincode.hpp"
#include "src/base/strings.hpp"

namespace protocol {

namespace {

using Writer = BincodeWriter;
using Reader = BincodeReader;

constexpr std::size_t k_token_limit = 8 * 1024;
constexpr std::size_t k_pem_limit = 64 * 1024;
constexpr std::size_t k_digest_limit = 64;
constexpr std::size_t k_message_limit = 64 * 1024;

template <class T>
base::Result<T> finish(const Reader& in, T value) {
    if (!in.fault().empty()) return base::Error{in.fault(), std::errc::bad_message};
    return value;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

std::vector<std::string> read_texts(Reader& in, std::size_t limit) {
    std::vector<std::string> out;
    auto n = in.count(8, limit);
    for (std::size_t i = 0; i < n && in.fault().empty(); ++i) out.push_back(in.text(k_text_limit));
    return out;
}

std::string unknown_variant(std::uint32_t v, std::string_view last) {
    return base::cat("invalid value: integer `", v, "`, expected variant index 0 <= i <= ", last);
}

}  // namespace

base::Result<ArchiveId> ArchiveId::parse(std::string_view text) {
    if (text.size() != 64 && text.size() != 128)
        return base::Error{base::cat("expected 64 hex bytes, received ", text.size()), std::errc::invalid_argument};
    ArchiveId id;
    id.m_hex = base::lower(text);
    for (char c : id.m_hex)
        if (hex_value(c) < 0) {
            bool visible = static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
            return base::Error{base::cat("invalid hex character: '", visible ? c : '?', "'"), std::errc::invalid_argument};
        }
    return id;
}

base::Result<ArchiveId> ArchiveId::of_digest(std::string_view raw) {
    // The low half of each byte comes first: a slip of the first implementation that every peer now relies on.
    static constexpr std::string_view k_digits = "0123456789abcdef";
    std::string hex;
    for (char c : raw) {
        auto u = static_cast<unsigned char>(c);
        hex.push_back(k_digits[u & 0xf]);
        hex.push_back(k_digits[u >> 4]);
    }
    return parse(hex);
}

std::string_view job_state_name(JobState state) {
    static constexpr std::string_view k_names[] = {"Pending", "Ready", "Started", "Complete"};
    return k_names[static_cast<std::uint32_t>(state) & 3];
}

std::string_view job_state_name_lower(JobState state) {
    static constexpr std::string_view k_names[] = {"pending", "ready", "started", "complete"};
    return k_names[static_cast<std::uint32_t>(state) & 3];
}

std::string encode(const Toolchain& m) {
    Writer w;
    w.bytes(m.archive_id.str());
    return w.take();
}

base::Result<Toolchain> decode_toolchain(std::string_view body) {
    Reader in{body};
    auto text = in.text(k_small_body_limit);
    if (!in.fault().empty()) return base::Error{in.fault(), std::errc::bad_message};
    auto id = ArchiveId::parse(text);
    if (!id) return std::move(id).error();
    return Toolchain{*id};
}

std::string encode(const AllocResult& m) {
    Writer w;
    if (const auto* ok = std::get_if<AllocSuccess>(&m)) {
        w.u32(0);
        w.bytes(ok->job.auth);
        w.u64(ok->job.job_id);
        w.address(ok->job.server_id);
        w.boolean(ok->need_toolchain);
        w.bytes(ok->cert_digest);
    } else {
        w.u32(1);
        w.bytes(std::get<AllocFail>(m).msg);
    }
    return w.take();
}

base::Result<AllocResult> decode_alloc_result(std::string_view body) {
    Reader in{body};
    auto kind = in.u32();
    if (kind == 0) {
        AllocSuccess ok;
        ok.job.auth = in.text(k_token_limit);
        ok.job.job_id = in.u64();
        ok.job.server_id = in.address();
        ok.need_toolchain = in.boolean();
        ok.cert_digest = std::string{in.bytes(k_digest_limit)};
        return finish<AllocResult>(in, std::move(ok));
    }
    if (kind != 1) in.fail(unknown_variant(kind, "1"));
    return finish<AllocResult>(in, AllocFail{in.text(k_message_limit)});
}

std::string encode(const ServerCertificate& m) {
    Writer w;
    w.bytes(m.cert_digest);
    w.bytes(m.cert_pem);
    return w.take();
}

base::Result<ServerCertificate> decode_server_certificate(std::string_view body) {
    Reader in{body};
    ServerCertificate m;
    m.cert_digest = std::string{in.bytes(k_digest_limit)};
    m.cert_pem = std::string{in.bytes(k_pem_limit)};
    return finish(in, std::move(m));
}

std::string encode(const Heartbeat& m) {
    Writer w;
    w.bytes(m.jwt_key);
    w.u64(m.num_cpus);
    w.u64(m.nonce);
    w.bytes(m.cert_digest);
    w.bytes(m.cert_pem);
    return w.take();
}

base::Result<Heartbeat> decode_heartbeat(std::string_view body) {
    Reader in{body};
    Heartbeat m;
    m.jwt_key = std::string{in.bytes(1024)};
    m.num_cpus = in.u64();
    m.nonce = in.u64();
    m.cert_digest = std::string{in.bytes(k_digest_limit)};
    m.cert_pem = std::string{in.bytes(k_pem_limit)};
    return finish(in, std::move(m));
}

std::string encode(const HeartbeatResult& m) {
    Writer w;
    w.boolean(m.is_new);
    return w.take();
}

base::Result<HeartbeatResult> decode_heartbeat_result(std::string_view body) {
    Reader in{body};
    HeartbeatResult m{in.boolean()};
    return finish(in, m);
}

std::string encode(JobState state) {
    Writer w;
    w.u32(static_cast<std::uint32_t>(state));
    return w.take();
}

base::Result<JobState> decode_job_state(std::string_view body) {
    Reader in{body};
    auto v = in.u32();
    if (v > 3) in.fail(unknown_variant(v, "3"));
    return finish(in, static_cast<JobState>(v & 3));
}

std::string encode(const AssignResult& m) {
    Writer w;
    w.u32(static_cast<std::uint32_t>(m.state));
    w.boolean(m.need_toolchain);
    return w.take();
}

base::Result<AssignResult> decode_assign_result(std::string_view body) {
    Reader in{body};
    auto v = in.u32();
    if (v > 3) in.fail(unknown_variant(v, "3"));
    AssignResult m{static_cast<JobState>(v & 3), in.boolean()};
    return finish(in, m);
}

std::string encode(const UpdateResult& m) {
    Writer w;
    w.u32(m.fail ? 1 : 0);
    if (m.fail) w.bytes(*m.fail);
    return w.take();
}

base::Result<UpdateResult> decode_update_result(std::string_view body) {
    Reader in{body};
    UpdateResult m;
    auto v = in.u32();
    if (v == 1) m.fail = in.text(k_message_limit);
    if (v > 1) in.fail(unknown_variant(v, "1"));
    return finish(in, std::move(m));
}

std::string encode(SubmitResult result) {
    Writer w;
    w.u32(static_cast<std::uint32_t>(result));
    return w.take();
}

base::Result<SubmitResult> decode_submit_result(std::string_view body) {
    Reader in{body};
    auto v = in.u32();
    if (v > 2) in.fail(unknown_variant(v, "2"));
    return finish(in, static_cast<SubmitResult>(v > 2 ? 2 : v));
}

std::string encode(const RunJob& m) {
    Writer w;
    w.bytes(m.command.executable);
    w.u64(m.command.arguments.size());
    for (const auto& a : m.command.arguments) w.bytes(a);
    w.u64(m.command.env.size());
    for (const auto& [name, value] : m.command.env) {
        w.bytes(name);
        w.bytes(value);
    }
    w.bytes(m.command.cwd);
    w.u64(m.outputs.size());
    for (const auto& o : m.outputs) w.bytes(o);
    return w.take();
}

base::Result<RunJob> decode_run_job(std::string_view body) {
    Reader in{body};
    RunJob m;
    m.command.executable = in.text(k_text_limit);
    m.command.arguments = read_texts(in, k_arguments_limit);
    auto n = in.count(16, k_arguments_limit);
    for (std::size_t i = 0; i < n && in.fault().empty(); ++i) {
        auto name = in.text(k_text_limit);
        m.command.env.emplace_back(std::move(name), in.text(k_text_limit));
    }
    m.command.cwd = in.text(k_text_limit);
    m.outputs = read_texts(in, k_outputs_limit);
    return finish(in, std::move(m));
}

std::string encode(const RunResult& m) {
    Writer w;
    const auto* done = std::get_if<RunComplete>(&m);
    w.u32(done != nullptr ? 1 : 0);
    if (done == nullptr) return w.take();
    w.i32(done->code);
    w.bytes(done->out);
    w.bytes(done->err);
    w.u64(done->outputs.size());
    for (const auto& [path, data] : done->outputs) {
        w.bytes(path);
        w.bytes(data.zlib);
        w.u64(data.length);
    }
    return w.take();
}

base::Result<RunResult> decode_run_result(std::string_view body) {
    Reader in{body};
    auto kind = in.u32();
    if (kind > 1) in.fail(unknown_variant(kind, "1"));
    if (kind != 1) return finish<RunResult>(in, RunJobNotFound{});
    RunComplete m;
    m.code = in.i32();
    m.out = std::string{in.bytes(k_result_limit)};
    m.err = std::string{in.bytes(k_result_limit)};
    auto n = in.count(24, k_outputs_limit);
    for (std::size_t i = 0; i < n && in.fault().empty(); ++i) {
        auto path = in.text(k_text_limit);
        OutputData data{std::string{in.bytes(k_result_limit)}, in.u64()};
        m.outputs.emplace_back(std::move(path), std::move(data));
    }
    return finish<RunResult>(in, std::move(m));
}

std::string encode(const SchedulerStatus& m) {
    Writer w;
    w.u64(m.num_servers);
    w.u64(m.num_cpus);
    w.u64(m.in_progress);
    return w.take();
}

base::Result<SchedulerStatus> decode_scheduler_status(std::string_view body) {
    Reader in{body};
    SchedulerStatus m;
    m.num_servers = in.u64();
    m.num_cpus = in.u64();
    m.in_progress = in.u64();
    return finish(in, m);
}

std::string run_job_prefix(const RunJob& job) {
    auto part = encode(job);
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(part.size() >> shift));
    return out + part;
}

base::Result<std::optional<std::size_t>> run_job_prefix_length(std::string_view first_bytes) {
    if (first_bytes.size() < 4) return std::optional<std::size_t>{};
    std::size_t n = 0;
    for (int i = 0; i < 4; ++i) n = n << 8 | static_cast<unsigned char>(first_bytes[static_cast<std::size_t>(i)]);
    if (n > k_command_limit)
        return base::Error{base::cat("job description of ", n, " bytes, the limit is ", k_command_limit), std::errc::message_size};
    if (first_bytes.size() - 4 < n) return std::optional<std::size_t>{};
    return std::optional<std::size_t>{n + 4};
}

}  // namespace protocol
