#include "src/compiler/depfile.hpp"

#include <unordered_set>

#include "src/base/strings.hpp"
#include "src/compiler/inputs.hpp"

// The language here is what compilers and gas write, not what make reads:
//
//     out\ put.o: a.c sub\ dir/b\#1.h cost$$.h c:d.h
//     sub\ dir/b\#1.h:
//     cost$$.h:
//
// A blank in a name gets a backslash, and backslashes right before it are doubled; other backslashes stand for themselves;
// colons are not escaped, so only a colon before a blank or the line's end closes the targets. A backslash before a newline
// continues the line. Rules of modules (".PHONY", "|", "+=") are refused: they say things this reader would lose.

namespace compiler {

namespace {

constexpr std::size_t k_max_text = std::size_t{64} << 20;
constexpr std::size_t k_max_names = 1'000'000;

base::Error not_understood(std::string_view why) {
    return {base::cat("dependency file not understood: ", why), std::errc::invalid_argument};
}

/// Cuts the text into words. A continuation is a blank; the end of a logical line is a word of its own kind.
class Lexer {
public:
    enum class What : unsigned char { word, line_end, text_end, error };

    explicit Lexer(std::string_view text) : m_text{text} {}

    What next(std::string_view& word) {
        while (m_at < m_text.size() && skip_blank()) {}
        if (m_at == m_text.size()) return What::text_end;
        if (m_text[m_at] == '\n') {
            ++m_at;
            return What::line_end;
        }
        auto start = m_at;
        while (m_at < m_text.size() && !is_blank(m_text[m_at]) && m_text[m_at] != '\n') {
            if (m_text[m_at] == '\0') return What::error;
            if (m_text[m_at] != '\\') {
                ++m_at;
                continue;
            }
            auto run_end = m_text.find_first_not_of('\\', m_at);
            if (run_end == m_text.npos) run_end = m_text.size();
            bool odd = (run_end - m_at) % 2 == 1;
            char after = run_end < m_text.size() ? m_text[run_end] : '\n';
            if (after == '\n') return What::error;  // a name that ends in a backslash, or half a file
            m_at = run_end + (odd && (is_blank(after) || after == '#') ? 1 : 0);
        }
        word = m_text.substr(start, m_at - start);
        return What::word;
    }

    [[nodiscard]] std::size_t at() const { return m_at; }

private:
    static bool is_blank(char c) { return c == ' ' || c == '\t'; }

    bool skip_blank() {
        if (is_blank(m_text[m_at])) {
            ++m_at;
            return true;
        }
        if (m_text.substr(m_at, 2) == "\\\n") {
            m_at += 2;
            return true;
        }
        return false;
    }

    std::string_view m_text;
    std::size_t m_at = 0;
};

}  // namespace

base::Result<std::vector<Rule>> read_rules(std::string_view text) {
    if (text.size() > k_max_text) return not_understood("larger than 64 MiB");
    std::vector<Rule> rules;
    Lexer lexer{text};
    Rule rule;
    bool in_targets = true;
    std::size_t start = text.npos;  // of the targets
    std::size_t names = 0;
    for (;;) {
        std::string_view word;
        auto what = lexer.next(word);
        if (what == Lexer::What::error) return not_understood("an unexpected byte");
        if (what == Lexer::What::word) {
            if (++names > k_max_names) return not_understood("more than a million names");
            if (!in_targets) {
                if (word == "|" || word == "+=") return not_understood("a rule of modules");
                rule.prerequisites.push_back(word);
                continue;
            }
            if (start == text.npos) {
                if (word.starts_with('#') || word.starts_with(".PHONY")) return not_understood("not a rule");
                start = lexer.at() - word.size();
            }
            if (!word.ends_with(':')) continue;
            rule.targets = text.substr(start, lexer.at() - 1 - start);
            if (rule.targets.empty()) return not_understood("a rule without a target");
            in_targets = false;
            continue;
        }
        if (in_targets && start != text.npos) return not_understood("a line without a colon");
        if (!in_targets) rules.push_back(std::move(rule));
        rule = {};
        in_targets = true;
        start = text.npos;
        if (what == Lexer::What::text_end) break;
    }
    if (rules.empty()) return not_understood("no rule in it");
    return rules;
}

std::string unescape_make(std::string_view written) {
    std::string out;
    out.reserve(written.size());
    for (std::size_t i = 0; i < written.size();) {
        if (written[i] == '$' && i + 1 < written.size() && written[i + 1] == '$') {
            out += '$';
            i += 2;
        } else if (written[i] != '\\') {
            out += written[i++];
        } else {
            auto run_end = written.find_first_not_of('\\', i);
            if (run_end == written.npos) run_end = written.size();
            auto run = run_end - i;
            char after = run_end < written.size() ? written[run_end] : '\0';
            bool escapes = after == ' ' || after == '\t' || (run % 2 == 1 && after == '#');
            out.append(escapes ? run / 2 : run, '\\');
            i = run_end;
            if (escapes) {
                out += after;
                ++i;
            }
        }
    }
    return out;
}

std::string escape_make(std::string_view name) {
    std::string out;
    out.reserve(name.size() + 8);
    for (std::size_t i = 0; i < name.size(); ++i) {
        char c = name[i];
        if (c == ' ' || c == '\t') {
            for (auto j = i; j > 0 && name[j - 1] == '\\'; --j) out += '\\';
            out += '\\';
        } else if (c == '#') {
            out += '\\';
        } else if (c == '$') {
            out += '$';
        }
        out += c;
    }
    return out;
}

base::Result<std::vector<std::string>> parse_depfile(std::string_view text) {
    auto rules = read_rules(text);
    if (!rules) return std::move(rules).error();
    std::vector<std::string> names;
    std::unordered_set<std::string> seen;
    for (const auto& rule : *rules)
        for (auto written : rule.prerequisites) {
            auto name = unescape_make(written);
            if (seen.insert(name).second) names.push_back(std::move(name));
        }
    return names;
}

}  // namespace compiler
