#include "dist/net/head.hpp"

#include <array>
#include <ctime>

#include "src/base/strings.hpp"

namespace net {

namespace {

constexpr std::string_view k_token_marks = "!#$%&'*+-.^_`|~";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_token_char(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || k_token_marks.find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) {
    if (text.empty()) return false;
    for (char c : text)
        if (!is_token_char(c)) return false;
    return true;
}
/// Visible characters, space, tab and bytes above 0x7f; no control character.
bool is_value_char(char c) {
    auto u = static_cast<unsigned char>(c);
    return u == '\t' || (u >= 0x20 && u != 0x7f);
}
bool same_name(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
        if (low(a[i]) != low(b[i])) return false;
    }
    return true;
}
int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

HeadError refuse(std::string_view what, int status = 400) { return {status, std::string{what}}; }

/// One line without its CRLF; a bare CR or LF makes it nothing.
std::optional<std::string_view> take_line(std::string_view& in) {
    auto lf = in.find('\n');
    if (lf == std::string_view::npos || lf == 0 || in[lf - 1] != '\r') return std::nullopt;
    auto line = in.substr(0, lf - 1);
    if (line.find('\r') != std::string_view::npos) return std::nullopt;
    in.remove_prefix(lf + 1);
    return line;
}

std::optional<HeadError> parse_fields(std::string_view in, const HeadLimits& limits, Headers& out) {
    for (;;) {
        auto line = take_line(in);
        if (!line) return refuse("bare CR or LF in a header");
        if (line->empty()) return in.empty() ? std::nullopt : std::optional{refuse("bytes behind the head")};
        if (out.size() == limits.fields) return refuse("too many header fields", 431);
        if (line->front() == ' ' || line->front() == '\t') return refuse("folded header line");
        auto colon = line->find(':');
        if (colon == std::string_view::npos) return refuse("header line without a colon");
        auto name = line->substr(0, colon);
        auto value = line->substr(colon + 1);
        while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
        while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
        if (!is_token(name)) return refuse("invalid header name");
        if (!valid_field(name, value)) return refuse("control character in a header value");
        out.add(name, value);
    }
}

/// Fields that mean something different when given twice, to us or to a proxy in front of us.
constexpr std::array<std::string_view, 8> k_single = {"host",          "content-length", "transfer-encoding", "content-type",
                                                      "authorization", "x-real-ip",      "expect",            "connection"};

std::optional<HeadError> parse_framing(bool request, Head& h) {
    for (auto name : k_single)
        if (h.headers.count(name) > 1) return refuse(base::cat("header ", name, " given more than once"));
    auto length = h.headers.find("content-length");
    auto coding = h.headers.find("transfer-encoding");
    if (length && coding) return refuse("Content-Length together with Transfer-Encoding");
    if (coding) {
        if (h.minor == 0) return refuse("Transfer-Encoding in HTTP/1.0");
        if (!same_name(*coding, "chunked")) return refuse("Transfer-Encoding other than chunked", request ? 501 : 400);
        h.framing = Framing::chunked;
    } else if (length) {
        if (length->empty() || length->size() > 19) return refuse("invalid Content-Length");
        auto n = base::parse_u64(*length);
        for (char c : *length)
            if (!is_digit(c)) n.reset();
        if (!n) return refuse("invalid Content-Length");
        h.length = *n;
        h.framing = *n == 0 ? Framing::none : Framing::length;
    }
    h.keep_alive = h.minor == 1;
    if (auto connection = h.headers.find("connection")) {
        for (auto word : base::split(*connection, ',')) {
            if (same_name(base::trim(word), "close")) h.keep_alive = false;
            if (same_name(base::trim(word), "keep-alive") && h.minor == 0) h.keep_alive = true;
        }
    }
    return std::nullopt;
}

std::optional<HeadError> parse_version(std::string_view text, int& minor) {
    if (text == "HTTP/1.1") minor = 1;
    else if (text == "HTTP/1.0") minor = 0;
    else return refuse("only HTTP/1.1 is spoken here", text.substr(0, 5) == "HTTP/" ? 505 : 400);
    return std::nullopt;
}

}  // namespace

void Headers::set(std::string_view name, std::string_view value) {
    std::erase_if(m_fields, [&](const auto& f) { return same_name(f.first, name); });
    add(name, value);
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
    for (const auto& f : m_fields)
        if (same_name(f.first, name)) return f.second;
    return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const {
    std::size_t n = 0;
    for (const auto& f : m_fields) n += same_name(f.first, name) ? 1 : 0;
    return n;
}

bool valid_field(std::string_view name, std::string_view value) {
    if (!is_token(name)) return false;
    for (char c : value)
        if (!is_value_char(c)) return false;
    return true;
}

std::optional<std::size_t> find_head_end(std::string_view in) {
    auto at = in.find("\r\n\r\n");
    if (at == std::string_view::npos) return std::nullopt;
    return at + 4;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        int high = hex_value(text[i + 1]);
        int low = hex_value(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        auto c = static_cast<char>(high * 16 + low);
        if (c == 0 || c == '\r' || c == '\n') return std::nullopt;
        out.push_back(c);
        i += 2;
    }
    return out;
}

std::optional<HeadError> parse_request_head(std::string_view in, const HeadLimits& limits, Head& out) {
    if (in.size() > limits.bytes) return refuse("header too large", 431);
    auto line = take_line(in);
    if (!line) return refuse("bare CR or LF in the request line");
    auto first = line->find(' ');
    auto last = line->rfind(' ');
    if (first == std::string_view::npos || first == last) return refuse("malformed request line");
    auto method = line->substr(0, first);
    auto target = line->substr(first + 1, last - first - 1);
    if (auto e = parse_version(line->substr(last + 1), out.minor)) return e;
    if (!is_token(method) || method.size() > 16) return refuse("malformed method");
    if (target.size() > limits.target) return refuse("request target too long", 431);
    if (target.empty() || target.front() != '/') return refuse("request target must be a path");
    for (char c : target)
        if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '#')
            return refuse("invalid character in the request target");
    auto mark = target.find('?');
    auto path = percent_decode(target.substr(0, mark));
    if (!path) return refuse("bad percent escape in the request target");
    out.method = std::string{method};
    out.path = std::move(*path);
    if (mark != std::string_view::npos) out.query = std::string{target.substr(mark + 1)};
    if (auto e = parse_fields(in, limits, out.headers)) return e;
    if (auto e = parse_framing(true, out)) return e;
    if (out.minor == 1 && !out.headers.find("host")) return refuse("no Host header");
    if (auto expect = out.headers.find("expect")) {
        if (!same_name(*expect, "100-continue")) return refuse("unknown expectation", 417);
        out.expect_continue = out.minor == 1;
    }
    return std::nullopt;
}

std::optional<HeadError> parse_response_head(std::string_view in, const HeadLimits& limits, bool answer_to_head, Head& out) {
    if (in.size() > limits.bytes) return refuse("header too large");
    auto line = take_line(in);
    if (!line || line->size() < 12) return refuse("malformed status line");
    if (auto e = parse_version(line->substr(0, 8), out.minor)) return e;
    auto code = line->substr(9, 3);
    auto n = base::parse_u64(code);
    if ((*line)[8] != ' ' || !n || *n < 100 || *n > 599 || !is_digit(code[0]) || (line->size() > 12 && (*line)[12] != ' '))
        return refuse("malformed status line");
    for (char c : line->substr(12))
        if (!is_value_char(c)) return refuse("control character in the status line");
    out.status = static_cast<int>(*n);
    if (auto e = parse_fields(in, limits, out.headers)) return e;
    if (auto e = parse_framing(false, out)) return e;
    if (answer_to_head || out.status / 100 == 1 || out.status == 204 || out.status == 304) {
        out.framing = Framing::none;
        out.length = 0;
    } else if (out.framing == Framing::none && !out.headers.find("content-length")) {
        out.framing = Framing::until_close;
        out.keep_alive = false;
    }
    return std::nullopt;
}

bool ChunkDecoder::next(std::string_view& in, std::string_view& out) {
    constexpr int k_extension_limit = 256;
    out = {};
    while (!in.empty() && m_state != State::done) {
        if (m_state == State::data) {
            auto n = in.size() < m_left ? in.size() : static_cast<std::size_t>(m_left);
            out = in.substr(0, n);
            in.remove_prefix(n);
            m_left -= n;
            if (m_left == 0) m_state = State::data_cr;
            return true;
        }
        char c = in.front();
        in.remove_prefix(1);
        switch (m_state) {
            case State::size: {
                int v = hex_value(c);
                if (v >= 0) {
                    if (++m_digits > 15) return false;  // 60 bits: no overflow, and no honest chunk is larger
                    m_left = m_left * 16 + static_cast<std::uint64_t>(v);
                } else if (m_digits == 0) {
                    return false;
                } else if (c == '\r') {
                    m_state = State::size_lf;
                } else if (c == ';') {
                    m_state = State::extension;
                } else {
                    return false;
                }
                break;
            }
            case State::extension:
                if (c == '\r') m_state = State::size_lf;
                else if (!is_value_char(c) || ++m_extension > k_extension_limit) return false;
                break;
            case State::size_lf:
                if (c != '\n') return false;
                m_state = m_left == 0 ? State::end_cr : State::data;
                break;
            case State::data_cr:
                if (c != '\r') return false;
                m_state = State::data_lf;
                break;
            case State::data_lf:
                if (c != '\n') return false;
                m_state = State::size;
                m_digits = 0;
                break;
            case State::end_cr:
                if (c != '\r') return false;
                m_state = State::end_lf;
                break;
            case State::end_lf:
                if (c != '\n') return false;
                m_state = State::done;
                break;
            case State::data:
            case State::done: break;
        }
    }
    return true;
}

std::string http_date(long long unix_seconds) {
    auto t = static_cast<std::time_t>(unix_seconds);
    std::tm utc{};
    gmtime_r(&t, &utc);
    static constexpr std::string_view k_days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::string_view k_months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char rest[32];
    std::strftime(rest, sizeof rest, " %Y %H:%M:%S GMT", &utc);
    auto day = std::to_string(100 + utc.tm_mday).substr(1);
    return base::cat(k_days[utc.tm_wday], ", ", day, " ", k_months[utc.tm_mon], std::string_view{rest});
}

std::string_view reason_phrase(int status) {
    switch (status) {
        case 100: return "Continue";
        case 200: return "OK";
        case 204: return "No Content";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 408: return "Request Timeout";
        case 411: return "Length Required";
        case 413: return "Content Too Large";
        case 417: return "Expectation Failed";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 503: return "Service Unavailable";
        case 505: return "HTTP Version Not Supported";
        default: return "Status";
    }
}

}  // namespace net
