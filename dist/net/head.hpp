#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/result.hpp"

// Heads of HTTP/1.1 messages, parsed strictly and without I/O: what two readers could understand differently is
// refused, because such differences are how requests get smuggled past a proxy.

namespace net {

/// Limits of a message head. A peer cannot make us hold more than this before it has said something sensible.
struct HeadLimits {
    std::size_t bytes = 16 * 1024;
    std::size_t fields = 64;
    std::size_t target = 2048;
};

/// Header fields in order of arrival. Names keep their spelling and compare without case.
class Headers {
public:
    void add(std::string_view name, std::string_view value) { m_fields.emplace_back(name, value); }
    /// Replaces every field of that name.
    void set(std::string_view name, std::string_view value);
    /// The first value of that name, or nothing.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
    [[nodiscard]] std::string_view get(std::string_view name) const { return find(name).value_or(std::string_view{}); }
    [[nodiscard]] std::size_t count(std::string_view name) const;
    [[nodiscard]] auto begin() const { return m_fields.begin(); }
    [[nodiscard]] auto end() const { return m_fields.end(); }
    [[nodiscard]] std::size_t size() const { return m_fields.size(); }

private:
    std::vector<std::pair<std::string, std::string>> m_fields;
};

/// Name and value fit into a header line: no CR, LF, NUL or other control character can split it.
bool valid_field(std::string_view name, std::string_view value);

/// How the body of a message is delimited.
enum class Framing { none, length, chunked, until_close };

/// What came before the body, of a request or of an answer.
struct Head {
    std::string method;  // requests
    std::string path;    // requests: percent-decoded, without the query
    std::string query;   // requests: as sent, after '?'
    int status = 0;      // answers
    int minor = 1;       // HTTP/1.minor
    Headers headers;
    Framing framing = Framing::none;
    std::uint64_t length = 0;  // of the body, with Framing::length
    bool keep_alive = true;
    bool expect_continue = false;
};

/// Why a head is refused: `status` is what a server answers (400, 405, 417, 431, 505).
struct HeadError {
    int status = 400;
    std::string what;
};

/// Where the head ends in `in` (just behind the empty line), or nothing if it is not complete yet.
std::optional<std::size_t> find_head_end(std::string_view in);

/// Parses a whole head including its empty line.
std::optional<HeadError> parse_request_head(std::string_view in, const HeadLimits& limits, Head& out);
std::optional<HeadError> parse_response_head(std::string_view in, const HeadLimits& limits, bool answer_to_head, Head& out);

/// Decodes %XX strictly: a lone or bad escape, or one that gives NUL, CR or LF, is nothing.
std::optional<std::string> percent_decode(std::string_view text);

/// Takes a chunked body apart, piece by piece, whatever the pieces' borders. Trailers are refused: nobody needs them
/// here and they are headers that arrive after all checks.
class ChunkDecoder {
public:
    /// Consumes from `in` and gives the next run of body bytes through `out` (a view into `in`, maybe empty).
    /// Call until `in` is empty or done(). False: malformed.
    bool next(std::string_view& in, std::string_view& out);
    [[nodiscard]] bool done() const { return m_state == State::done; }

private:
    enum class State { size, extension, size_lf, data, data_cr, data_lf, end_cr, end_lf, done };
    State m_state = State::size;
    std::uint64_t m_left = 0;
    int m_digits = 0;
    int m_extension = 0;
};

/// "Wed, 05 Nov 2025 10:00:00 GMT"
std::string http_date(long long unix_seconds);
std::string_view reason_phrase(int status);

}  // namespace net
