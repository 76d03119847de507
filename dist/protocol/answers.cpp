#include "dist/protocol/answers.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "src/base/strings.hpp"

namespace protocol {

namespace {

using Json = nlohmann::ordered_json;

// The text may hold bytes of a peer: never let invalid UTF-8 throw.
std::string dump(const Json& j) { return j.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json byte_list(std::string_view bytes) {
    Json a = Json::array();
    for (char c : bytes) a.push_back(static_cast<unsigned char>(c));
    return a;
}

std::string variant(std::string_view name) { return dump(Json(std::string{name})); }

/// q-value of a media range in an Accept header, in thousandths; 1000 when it is not written.
int quality(std::string_view parameters) {
    for (auto part : base::split(parameters, ';')) {
        part = base::trim(part);
        if (part.substr(0, 2) != "q=") continue;
        double q = 0;
        auto text = part.substr(2);
        auto r = std::from_chars(text.data(), text.data() + text.size(), q);
        if (r.ec != std::errc{} || q < 0 || q > 1) return 0;
        return static_cast<int>(q * 1000);
    }
    return 1000;
}

}  // namespace

net::Response binary(std::string body) { return net::Response::of(200, "application/octet-stream", std::move(body)); }

net::Response json_answer(std::string body) {
    return net::Response::of(200, "application/json; charset=utf-8", std::move(body));
}

std::string error_json(std::string_view what, std::string_view cause) {
    Json j;
    j["description"] = std::string{what};
    if (cause.empty()) j["cause"] = nullptr;
    else j["cause"] = Json{{"description", std::string{cause}}, {"cause", nullptr}};
    return dump(j);
}

net::Response error_answer(int status, std::string_view what, std::string_view cause) {
    return net::Response::of(status, "application/json; charset=utf-8", error_json(what, cause));
}

net::Response refused(std::string_view word, std::string body, std::string_view content_type) {
    if (content_type.empty()) content_type = "text/plain; charset=utf-8";
    auto r = net::Response::of(401, body.empty() ? std::string_view{} : content_type, std::move(body));
    r.headers.set("WWW-Authenticate", base::cat("Bearer error=\"", word, "\""));
    return r;
}

bool has_binary_type(const net::Headers& headers) {
    static constexpr std::string_view k_type = "application/octet-stream";
    return base::lower(headers.get("content-type").substr(0, k_type.size())) == k_type;
}

std::string_view bearer(const net::Headers& headers) {
    static constexpr std::string_view k_scheme = "Bearer ";
    auto value = headers.get("authorization");
    return value.substr(0, k_scheme.size()) == k_scheme ? value.substr(k_scheme.size()) : std::string_view{};
}

bool wants_json(const net::Headers& headers) {
    int best_binary = -1;
    int best_json = -1;
    for (auto part : base::split(headers.get("accept"), ',')) {
        auto semicolon = part.find(';');
        auto type = base::lower(base::trim(part.substr(0, semicolon)));
        int q = semicolon == std::string_view::npos ? 1000 : quality(part.substr(semicolon + 1));
        if (type == "application/json") best_json = std::max(best_json, q);
        if (type == "application/octet-stream" || type == "application/*" || type == "*/*") best_binary = std::max(best_binary, q);
    }
    return best_json > 0 && best_json > best_binary;
}

std::string to_json(const AllocResult& m) {
    if (const auto* fail = std::get_if<AllocFail>(&m)) return dump(Json{{"Fail", {{"msg", fail->msg}}}});
    const auto& ok = std::get<AllocSuccess>(m);
    Json job{{"auth", ok.job.auth}, {"job_id", ok.job.job_id}, {"server_id", ok.job.server_id.str()}};
    return dump(Json{{"Success",
                      {{"job_alloc", job}, {"need_toolchain", ok.need_toolchain}, {"cert_digest", byte_list(ok.cert_digest)}}}});
}

std::string to_json(const ServerCertificate& m) {
    return dump(Json{{"cert_digest", byte_list(m.cert_digest)}, {"cert_pem", byte_list(m.cert_pem)}});
}

std::string to_json(const HeartbeatResult& m) { return dump(Json{{"is_new", m.is_new}}); }

std::string to_json(const AssignResult& m) {
    return dump(Json{{"state", std::string{job_state_name(m.state)}}, {"need_toolchain", m.need_toolchain}});
}

std::string to_json(const UpdateResult& m) {
    if (!m.fail) return variant("Success");
    return dump(Json{{"Fail", {{"msg", *m.fail}}}});
}

std::string to_json(SubmitResult r) {
    static constexpr std::string_view k_names[] = {"Success", "JobNotFound", "CannotCache"};
    return variant(k_names[static_cast<std::uint32_t>(r)]);
}

std::string to_json(const RunResult& m) {
    const auto* done = std::get_if<RunComplete>(&m);
    if (done == nullptr) return variant("JobNotFound");
    Json outputs = Json::array();
    for (const auto& [path, data] : done->outputs)
        outputs.push_back(Json::array({path, Json::array({byte_list(data.zlib), data.length})}));
    Json output{{"code", done->code}, {"stdout", byte_list(done->out)}, {"stderr", byte_list(done->err)}};
    return dump(Json{{"Complete", {{"output", output}, {"outputs", outputs}}}});
}

std::string to_json(const SchedulerStatus& m) {
    return dump(Json{{"num_servers", m.num_servers}, {"num_cpus", m.num_cpus}, {"in_progress", m.in_progress}});
}

}  // namespace protocol
