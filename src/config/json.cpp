#include <nlohmann/json.hpp>

#include <iterator>

#include "src/base/strings.hpp"
#include "src/config/node.hpp"

// The one door to nlohmann's JSON reader. It keeps no positions, so the input is fed through an iterator that counts
// lines, and each value gets the line its key (or itself, in a list) ends on.

namespace config {

std::string_view name_of(Node::Kind kind) {
    switch (kind) {
        case Node::Kind::nothing: return "nothing";
        case Node::Kind::flag: return "true or false";
        case Node::Kind::integer: return "a whole number";
        case Node::Kind::real: return "a number with a fraction";
        case Node::Kind::text: return "text";
        case Node::Kind::list: return "a list";
        case Node::Kind::table: return "a table";
        case Node::Kind::other: return "a date or time";
    }
    return "something else";
}

namespace {

/// Reads characters and counts the lines passed.
class CountingIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator(const char* at, int* line) : m_at{at}, m_line{line} {}
    reference operator*() const { return *m_at; }
    CountingIterator& operator++() {
        if (*m_at++ == '\n') ++*m_line;
        return *this;
    }
    CountingIterator operator++(int) {
        auto old = *this;
        ++*this;
        return old;
    }
    bool operator==(const CountingIterator& other) const { return m_at == other.m_at; }
    bool operator!=(const CountingIterator& other) const { return m_at != other.m_at; }

private:
    const char* m_at;
    int* m_line;
};

/// Keys are compared with each other; no configuration has so many.
constexpr std::size_t k_members_limit = 4096;

/// Builds the tree from the reader's events.
class Builder {
public:
    explicit Builder(const int& line) : m_line{line} {}

    bool null() { return put({}); }
    bool boolean(bool v) { return put({.kind = Node::Kind::flag, .flag = v}); }
    bool number_integer(std::int64_t v) { return put({.kind = Node::Kind::integer, .integer = v}); }
    bool number_unsigned(std::uint64_t v) {
        if (v > INT64_MAX) return put({.kind = Node::Kind::real, .real = static_cast<double>(v)});
        return put({.kind = Node::Kind::integer, .integer = static_cast<std::int64_t>(v)});
    }
    bool number_float(double v, const std::string&) { return put({.kind = Node::Kind::real, .real = v}); }
    bool string(std::string& v) { return put({.kind = Node::Kind::text, .text = v}); }
    bool binary(nlohmann::json::binary_t&) { return false; }
    bool start_object(std::size_t) { return open({.kind = Node::Kind::table}); }
    bool start_array(std::size_t) { return open({.kind = Node::Kind::list}); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }
    bool key(std::string& name) {
        for (const auto& member : m_open.back().members)
            if (member.name == name) return fail(base::cat("`", name, "` is given twice"));
        if (m_open.back().members.size() == k_members_limit) return fail("too many keys");
        m_open.back().members.emplace_back().name = name;
        m_key_line = m_line;
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& e) {
        // "[json.exception.parse_error.101] parse error at line 1, column 8: ...": only the last part is for people.
        std::string_view what = e.what();
        if (auto at = what.find(": "); at != std::string_view::npos) what.remove_prefix(at + 2);
        return fail(std::string{what});
    }

    Node root;
    std::string problem;
    int problem_line = 0;

private:
    bool fail(std::string why) {
        if (problem.empty()) {
            problem = std::move(why);
            problem_line = m_line;
        }
        return false;
    }
    bool put(Node node) {
        node.line = m_line;
        if (m_open.empty()) {
            root = std::move(node);
        } else if (auto& parent = m_open.back(); parent.kind == Node::Kind::list) {
            parent.items.push_back(std::move(node));
        } else {
            node.line = m_key_line;
            node.name = std::move(parent.members.back().name);
            parent.members.back() = std::move(node);
        }
        return true;
    }
    bool open(Node node) {
        if (m_open.size() >= static_cast<std::size_t>(k_depth_limit)) return fail("nested too deeply");
        node.line = m_open.empty() || m_open.back().kind == Node::Kind::list ? m_line : m_key_line;
        m_open.push_back(std::move(node));
        return true;
    }
    bool close() {
        Node done = std::move(m_open.back());
        m_open.pop_back();
        int line = done.line;
        m_key_line = line;
        put(std::move(done));
        if (m_open.empty()) {
            root.line = line;
        } else if (m_open.back().kind == Node::Kind::list) {
            m_open.back().items.back().line = line;
        }
        return true;
    }

    const int& m_line;
    int m_key_line = 0;
    std::vector<Node> m_open;
};

}  // namespace

base::Result<Node> read_json(std::string_view text, const std::string& path) {
    int line = 1;
    Builder builder{line};
    auto whole = nlohmann::json::sax_parse(CountingIterator{text.data(), &line},
                                           CountingIterator{text.data() + text.size(), &line}, &builder);
    if (whole) return std::move(builder.root);
    return base::Error{base::cat(path, ":", builder.problem_line, ": ", builder.problem), std::errc::invalid_argument};
}

}  // namespace config
