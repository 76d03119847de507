#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "dist/cli/options.hpp"
#include "dist/net/http_client.hpp"
#include "src/base/strings.hpp"
#include "src/config/scheduler.hpp"
#include "src/yaml/to_json.hpp"

namespace cli {

namespace {

using base::cat;
using Json = nlohmann::json;
namespace po = boost::program_options;

/// Text of others for a terminal: one line, no control characters.
std::string printable(std::string text, std::size_t most) {
    for (auto& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    return text.substr(0, most);
}

std::string text_of(const Json& j, const char* key) {
    auto it = j.find(key);
    if (it == j.end()) return "-";
    if (it->is_string()) return it->get<std::string>().empty() ? "-" : printable(it->get<std::string>(), 60);
    return printable(it->dump(), 24);
}

std::string seconds(double s) {
    char b[32];
    if (s < 100) std::snprintf(b, sizeof b, "%.0f s", s);
    else if (s < 6000) std::snprintf(b, sizeof b, "%.0f min", s / 60);
    else std::snprintf(b, sizeof b, "%.0f h", s / 3600);
    return b;
}

double number(const Json& j, const char* key) {
    auto it = j.find(key);
    return it != j.end() && it->is_number() ? it->get<double>() : 0;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i == widths.size()) widths.push_back(0);
            widths[i] = std::max(widths[i], row[i].size());
        }
    std::string out;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) line += row[i] + std::string(i + 1 == row.size() ? 0 : widths[i] - row[i].size() + 2, ' ');
        out += line + "\n";
    }
    return out;
}

std::string readable(const Json& j) {
    std::string out = cat("Scheduler ", text_of(j, "version"), ": ", text_of(j, "num_servers"), " builders with ", text_of(j, "num_cpus"),
                          " CPUs, ", text_of(j, "in_progress"), " jobs in progress, ", text_of(j, "queued"), " waiting\n");
    auto builders = j.find("builders");
    if (builders == j.end() || !builders->is_array() || builders->empty()) return out;
    std::vector<std::vector<std::string>> rows{{"BUILDER", "VERSION", "JOBS/SLOTS", "SPEED", "TOOLCHAINS", "DONE", "SEEN", "SANDBOX", "STATE"}};
    for (const auto& b : *builders) {
        if (!b.is_object()) continue;
        char speed[32];
        std::snprintf(speed, sizeof speed, "%.2f", number(b, "speed"));
        std::string state = text_of(b, "draining") == "true" ? "draining" : "ok";
        if (auto e = b.find("last_error"); e != b.end() && e->is_object())
            state = cat(state, "; ", seconds(number(*e, "seconds_ago")), " ago: ", text_of(*e, "text"));
        rows.push_back({text_of(b, "address"), text_of(b, "version"), cat(text_of(b, "jobs"), "/", text_of(b, "slots")), speed,
                        text_of(b, "toolchains"), text_of(b, "completed"), seconds(number(b, "last_seen_seconds_ago")), text_of(b, "sandbox"), state});
    }
    return out + table(rows);
}

/// A v1 scheduler of another make knows the three sums only.
std::string from_v1(const Json& j) {
    return cat(text_of(j, "num_servers"), " builders with ", text_of(j, "num_cpus"), " CPUs, ", text_of(j, "in_progress"), " jobs in progress\n");
}

}  // namespace

int status_command(const Arguments& arguments, const Out& out) {
    Options options{"status", "Show the scheduler's builders and jobs"};
    options.add()("url", po::value<std::string>()->value_name("URL"), "the scheduler, e.g. http://192.0.2.1:10600")(
        "config", po::value<std::string>()->default_value("/etc/sccache/scheduler.conf")->value_name("PATH"), "scheduler.conf to find it by")(
        "token", po::value<std::string>()->value_name("TOKEN"), "a client's token, where the status is not public")(
        "fingerprint", po::value<std::string>()->value_name("SHA256:..."), "certificate of an https scheduler")("json", "print the JSON answer");
    if (auto code = options.parse(arguments, out)) return *code;
    std::string where = options.text("url");
    std::string token = options.text("token");
    if (where.empty()) {
        auto loaded = config::load_scheduler(options.text("config"), yaml::to_json);
        where = loaded.settings.public_addr;
        if (where.empty()) return fail(out, cat("no scheduler known: ", options.text("config"), " has no public_addr; give --url"));
        if (token.empty()) token = loaded.settings.client_auth.token;
    }
    auto url = net::Url::parse(where);
    if (!url) return fail(out, url.error().what);
    net::ClientRequest r;
    if (options.has("fingerprint")) {
        auto pin = net::tls::Fingerprint::parse(options.text("fingerprint"));
        if (!pin) return fail(out, pin.error().what);
        r.trust.pin = *pin;
    }
    net::LoopThread thread;
    net::HttpClient client{thread.loop()};
    r.timeout = std::chrono::seconds{10};
    if (!token.empty()) r.headers.add("Authorization", "Bearer " + token);
    r.headers.add("Accept", "application/json");
    r.url = url->with_path("/api/sccache/status");
    auto answer = client.call(r);
    bool v1 = answer && answer->status == 404;
    if (v1) {
        r.url = url->with_path("/api/v1/scheduler/status");
        answer = client.call(r);
    }
    if (!answer) return fail(out, answer.error().what);
    if (answer->status == 401) return fail(out, "the scheduler shows its status only to clients; give a client's --token");
    if (answer->status != 200) return fail(out, cat("the scheduler at ", url->str(), " answered ", answer->status));
    if (options.has("json")) {
        out.out(answer->body);
        return 0;
    }
    auto j = Json::parse(answer->body, nullptr, false);
    if (!j.is_object()) return fail(out, "the scheduler's answer is not JSON");
    out.out(v1 ? from_v1(j) : readable(j));
    return 0;
}

}  // namespace cli
