#include <strings.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "src/base/pack.hpp"
#include "src/base/strings.hpp"
#include "src/compiler/inputs.hpp"

// What can a file do that the dependency list does not tell? One pass looks for the few byte pairs that can begin something
// interesting ('#', "__T", "__D", "__h", ".i") sixteen bytes at a time, and only there looks closer. No tokenising: a
// match in a comment or a string costs at most a missed chance, while a real one is never passed over. The one exception
// is a __has_include with a macro for its operand: it makes a unit uncacheable, so it counts only inside a directive.
//
// __has_include behind a macro of its own is common ("#define QT_HAS_INCLUDE(x) __has_include(x)"). The definition is no
// reason to give up, because literal operands are collected from every #if and #elif, whatever macro they are given to:
// "#if QT_HAS_INCLUDE(<span>)" asks for <span>.

namespace compiler {

namespace {

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

using Block = unsigned char __attribute__((vector_size(16)));

Block load(const char* p) {
    Block b;
    std::memcpy(&b, p, sizeof b);
    return b;
}

bool any(Block b) {
    std::uint64_t w[2];
    std::memcpy(w, &b, sizeof w);
    return (w[0] | w[1]) != 0;
}

// How far the closer looks go. Text beyond is no sane source; with these bounds and the remembered ends of lines and
// comments a hostile file costs linear time.
constexpr int k_max_comments = 64;           // between two tokens
constexpr std::size_t k_max_operand = 1024;  // of an include; of a macro's parameter list

/// The scan of one content. Lives for one call.
class Scanner {
public:
    explicit Scanner(std::string_view text) : m_text{text} {}

    Facts run() {
        const char* begin = m_text.data();
        std::size_t at = 0;
        constexpr std::size_t k_ahead = 16 + 2;
        while (at + k_ahead <= m_text.size()) {
            auto first = load(begin + at), second = load(begin + at + 1), third = load(begin + at + 2);
            auto token = (first == '_') & (second == '_') & ((third == 'T') | (third == 'D') | (third == 'h'));
            auto dot = (first == '.') & ((second | 0x20) == 'i') & ((third | 0x20) == 'n');
            if (any(reinterpret_cast<Block>(token | dot | (first == '#'))))
                for (std::size_t i = at; i < at + 16; ++i) look(i);
            at += 16;
        }
        for (; at < m_text.size(); ++at) look(at);
        m_facts.system_header = m_text.find("system_header") != m_text.npos;
        for (auto* list : {&m_facts.asked, &m_facts.asked_next, &m_facts.included}) {
            // First occurrences stay in order: the first include has a meaning (precompiled headers).
            std::unordered_set<std::string> seen;
            std::erase_if(*list, [&](const std::string& item) { return !seen.insert(item).second; });
        }
        return std::move(m_facts);
    }

private:
    [[nodiscard]] bool has(std::size_t at, std::string_view word) const {
        return m_text.compare(at, word.size(), word) == 0;
    }
    [[nodiscard]] char get(std::size_t at) const { return at < m_text.size() ? m_text[at] : '\0'; }

    void look(std::size_t at) {
        switch (m_text[at]) {
            case '#': directive(at); break;
            case '_':
                if (get(at + 1) == '_') underscores(at);
                break;
            case '.': dot(at); break;
            default: break;
        }
    }

    void underscores(std::size_t at) {
        // Spelt in parts: this file, too, is to be cached.
        if (has(at, "__TI" "ME__"))
            m_facts.time = true;
        else if (has(at, "__DA" "TE__"))
            m_facts.date = true;
        else if (has(at, "__TIME" "STAMP__"))
            m_facts.timestamp = true;
        else if (has(at, "__has_include_next"))
            question(at, at + 18, m_facts.asked_next);
        else if (has(at, "__has_include"))
            question(at, at + 13, m_facts.asked);
        else if (has(at, "__has_embed") && get(skip(at + 11)) == '(' && in_directive(at))
            opaque("__has_" "embed");
    }

    /// Blanks, continued lines and comments between two tokens of a directive.
    std::size_t skip(std::size_t at) {
        for (int comments = 0; comments < k_max_comments;) {
            char c = get(at);
            if (c == ' ' || c == '\t' || c == '\f' || c == '\v')
                ++at;
            else if (c == '\\' && get(at + 1) == '\n')
                at += 2;
            else if (c == '\\' && get(at + 1) == '\r' && get(at + 2) == '\n')
                at += 3;
            else if (c == '/' && get(at + 1) == '*') {
                at = comment_end(at + 2);
                ++comments;
            } else
                return at;
        }
        return at;
    }

    /// Behind the next "*/" from `at` on.
    std::size_t comment_end(std::size_t at) {
        if (at < m_comment.first || at + 2 > m_comment.second) {
            auto end = m_text.find("*/", at);
            m_comment = {at, end == m_text.npos ? m_text.size() : end + 2};
        }
        return m_comment.second;
    }

    /// Bounds of the logical line around `at`: newlines after a backslash do not end it.
    std::pair<std::size_t, std::size_t> line_at(std::size_t at) {
        if (at >= m_line.first && at < m_line.second) return m_line;
        auto continued = [&](std::size_t newline) {
            auto before = newline > 0 && m_text[newline - 1] == '\r' ? newline - 1 : newline;
            return before > 0 && m_text[before - 1] == '\\';
        };
        auto start = at;
        while (start > 0 && (m_text[start - 1] != '\n' || continued(start - 1))) --start;
        auto end = m_text.find('\n', at);
        while (end != m_text.npos && continued(end)) end = m_text.find('\n', end + 1);
        m_line = {start, end == m_text.npos ? m_text.size() : end};
        return m_line;
    }

    bool in_directive(std::size_t at) {
        auto start = skip(line_at(at).first);
        return start < at && (m_text[start] == '#' || has(start, "%:") || has(start, "\?\?="));
    }

    /// Only blanks or a comment before it on its line: "see #include below" is prose.
    [[nodiscard]] bool begins_line(std::size_t at) const {
        const auto limit = at > k_max_operand ? at - k_max_operand : 0;
        while (at > limit) {
            char c = m_text[--at];
            if (c == '\n' || (c == '/' && at > 0 && m_text[at - 1] == '*')) return true;
            if (c != ' ' && c != '\t' && c != '\f' && c != '\v') return false;
        }
        return true;
    }

    void opaque(std::string_view why) {
        if (m_facts.opaque) return;
        m_facts.opaque = true;
        m_facts.opaque_why = why;
    }

    /// The literal at `at`, "<x>" or "\"x\"" on one line, or empty.
    std::string_view literal(std::size_t at) {
        char open = get(at);
        if (open != '<' && open != '"') return {};
        auto window = m_text.substr(at + 1, k_max_operand);
        auto end = window.find(open == '<' ? '>' : '"');
        auto newline = window.find('\n');
        if (end == window.npos && newline == window.npos && window.size() == k_max_operand)
            opaque("an operand of more than 1024 bytes");
        if (end == window.npos || end > newline || end == 0) return {};
        return m_text.substr(at, end + 2);
    }

    void question(std::size_t word, std::size_t at, std::vector<std::string>& to) {
        if (word > 0 && is_name_char(m_text[word - 1])) return;
        if (is_name_char(get(at))) return;  // another name: __has_include_something
        at = skip(at);
        if (get(at) != '(') return;  // "#ifdef __has_include", "defined(__has_include)"
        at = skip(at + 1);
        if (auto operand = literal(at); !operand.empty()) {
            to.emplace_back(operand);
            return;
        }
        if (m_facts.opaque || !in_directive(word)) return;  // prose
        auto end = at;
        while (is_name_char(get(end))) ++end;
        auto name = m_text.substr(at, end - at);
        if (!is_parameter_of_definition(line_at(word).first, name))
            opaque(base::cat("__has_include of ", name.substr(0, 60)));
    }

    /// Is the line "#define X(..., name, ...) ..."? Then the operand is where X is used.
    bool is_parameter_of_definition(std::size_t line, std::string_view name) {
        auto at = skip(line);
        if (name.empty() || get(at) != '#') return false;
        at = skip(at + 1);
        if (!has(at, "define")) return false;
        at = skip(at + 6);
        while (is_name_char(get(at))) ++at;
        if (get(at) != '(') return false;
        auto close = m_text.substr(0, at + k_max_operand).find(')', at);
        if (close == m_text.npos) return false;
        for (auto parameter : base::split(m_text.substr(at + 1, close - at - 1), ','))
            if (base::trim(parameter) == name || (name == "__VA_ARGS__" && base::trim(parameter).ends_with("...")))
                return true;
        return false;
    }

    void directive(std::size_t hash) {
        auto at = skip(hash + 1);
        auto end = at;
        while (end < m_text.size() && m_text[end] >= 'a' && m_text[end] <= 'z') ++end;
        if (get(end) == '_' && has(at, "include_next")) end = at + 12;
        auto word = m_text.substr(at, end - at);
        if (word == "include" || word == "include_next" || word == "import")
            include(hash, end);
        else if (word == "if" || word == "elif")
            condition(end);
        else if (word == "define")
            definition(end);
        else if (word == "embed")
            opaque("#em" "bed");
        else if (word == "pragma")
            pragma(end);
    }

    void include(std::size_t hash, std::size_t at) {
        at = skip(at);
        if (auto operand = literal(at); !operand.empty())
            m_facts.included.emplace_back(operand);
        else if (is_name_char(get(at)) && begins_line(hash))
            m_facts.computed = true;
    }

    /// Operands given to any macro in a condition.
    void condition(std::size_t at) {
        if (at < m_conditions_until) return;  // "#if" within the line of another
        auto end = m_conditions_until = line_at(at).second;
        for (at = m_text.find('(', at); at < end; at = m_text.find('(', at + 1)) operand_of_macro(at);
    }

    /// "#define HAS_FOO QT_HAS_INCLUDE(<foo>)"
    void definition(std::size_t at) {
        if (at < m_conditions_until) return;
        auto line = m_text.substr(at, line_at(at).second - at);
        if (line.find("has_include") == line.npos && line.find("HAS_INCLUDE") == line.npos &&
            line.find("HasInclude") == line.npos)
            m_conditions_until = at + line.size();
        condition(at);
    }

    void operand_of_macro(std::size_t paren) {
        auto operand = literal(skip(paren + 1));
        if (operand.empty()) return;
        auto inner = operand.substr(1, operand.size() - 2);
        auto plain = [](char c) { return is_name_char(c) || std::strchr("./+-", c) != nullptr; };
        if (inner.front() == '-' || !std::all_of(inner.begin(), inner.end(), plain))
            return;  // __has_warning("-Wx"), "(<3 && x>"
        auto before = paren;
        while (before > 0 && (m_text[before - 1] == ' ' || m_text[before - 1] == '\t')) --before;
        auto name_end = before;
        while (before > 0 && is_name_char(m_text[before - 1])) --before;
        auto name = m_text.substr(before, name_end - before);
        if (name.empty() || name == "__has_include" || name == "__has_include_next") return;  // found by themselves
        m_facts.asked.emplace_back(operand);
    }

    void pragma(std::size_t at) {
        at = skip(at);
        if (!has(at, "GCC")) return;
        at = skip(at + 3);
        if (has(at, "dependency")) opaque("#pragma GCC dependency");  // compares times of files
    }

    /// Assembler directives, also inside strings of inline assembly ("\t.incbin \"x\""). Their names ignore case.
    void dot(std::size_t at) {
        if (m_facts.incbin || at + 7 > m_text.size()) return;
        auto is = [&](std::string_view word) {
            return at + word.size() <= m_text.size() &&
                   ::strncasecmp(m_text.data() + at, word.data(), word.size()) == 0 &&
                   !is_name_char(get(at + word.size()));
        };
        if (is(".incbin")) m_facts.incbin = true;
        if (!is(".include")) return;
        // "object.include(x)" and "the foo.include file" are not it; "\n.include" is.
        bool after_name = at > 0 && (is_name_char(m_text[at - 1]) || m_text[at - 1] == ')' || m_text[at - 1] == ']');
        bool after_escape = at > 1 && m_text[at - 2] == '\\' && (m_text[at - 1] == 'n' || m_text[at - 1] == 't');
        if (after_name && !after_escape) return;
        char next = get(skip(at + 8));
        if (next == '"' || next == '\\' || is_name_char(next)) m_facts.incbin = true;
    }

    std::string_view m_text;
    std::pair<std::size_t, std::size_t> m_line{1, 0};     // the logical line looked at last
    std::pair<std::size_t, std::size_t> m_comment{1, 0};  // from here to there no comment ends
    std::size_t m_conditions_until = 0;                   // what is before has been looked at
    Facts m_facts;
};

constexpr std::uint8_t k_version = 1;  // on disk: count up when a fact or its meaning changes

}  // namespace

Facts scan(std::string_view content) { return Scanner{content}.run(); }

std::string encode(const Facts& f) {
    base::Writer w;
    w.u8(k_version);
    unsigned bits = 0;
    for (bool bit : {f.time, f.date, f.timestamp, f.opaque, f.incbin, f.computed, f.system_header})
        bits = bits << 1 | (bit ? 1U : 0U);
    w.u8(static_cast<std::uint8_t>(bits));
    w.bytes(f.opaque_why);
    w.list(f.asked);
    w.list(f.asked_next);
    w.list(f.included);
    return w.take();
}

bool decode(std::string_view bytes, Facts& f) {
    using Names = std::vector<std::string>;
    base::Reader r{bytes};
    if (r.u8() != k_version) return false;
    auto bits = r.u8();
    if (bits > 0x7f) return false;
    f = {};
    int at = 6;
    for (bool* bit : {&f.time, &f.date, &f.timestamp, &f.opaque, &f.incbin, &f.computed, &f.system_header})
        *bit = (bits >> at-- & 1) != 0;
    f.opaque_why = r.text();
    f.asked = r.list<Names>();
    f.asked_next = r.list<Names>();
    f.included = r.list<Names>();
    return r.done();
}

}  // namespace compiler
