#include "src/yaml/to_json.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

// The one door to yaml-cpp. It is a library of its own because the server, which must start in two milliseconds, does
// without it and runs sccache-cli for the rare YAML file.

namespace yaml {

namespace {

using base::cat;

constexpr std::size_t k_file_limit = 1 << 20;
constexpr std::size_t k_json_limit = 4 << 20;  // aliases of aliases can blow a small file up without end
constexpr int k_depth_limit = 32;

/// Writes a YAML tree as JSON, line for line.
class Emitter {
public:
    explicit Emitter(const std::string& path) : m_path{path} {}

    bool node(const YAML::Node& node, int depth) {
        if (depth > k_depth_limit) return fail(node, "nested too deeply");
        if (m_out.size() > k_json_limit) return fail(node, "too large when its aliases are followed");
        switch (node.Type()) {
            case YAML::NodeType::Undefined:
            case YAML::NodeType::Null: m_out += "null"; return true;
            case YAML::NodeType::Scalar: scalar(node); return true;
            case YAML::NodeType::Sequence: return sequence(node, depth);
            case YAML::NodeType::Map: return map(node, depth);
        }
        return true;
    }

    std::string take() { return std::move(m_out); }
    [[nodiscard]] const std::string& problem() const { return m_problem; }

private:
    bool fail(const YAML::Node& node, std::string_view what) {
        if (m_problem.empty()) m_problem = cat(m_path, ":", node.Mark().line + 1, ": ", what);
        return false;
    }

    void go_to_line(const YAML::Node& node) {
        for (int line = node.Mark().line; m_line < line; ++m_line) m_out.push_back('\n');
    }

    bool sequence(const YAML::Node& node, int depth) {
        m_out.push_back('[');
        bool first = true;
        for (const auto& item : node) {
            if (!first) m_out.push_back(',');
            first = false;
            go_to_line(item);
            if (!this->node(item, depth + 1)) return false;
        }
        m_out.push_back(']');
        return true;
    }

    bool map(const YAML::Node& node, int depth) {
        m_out.push_back('{');
        bool first = true;
        for (const auto& member : node) {
            const auto& key = member.first;
            const auto& value = member.second;
            if (!key.IsScalar()) return fail(key, "a key must be text");
            if (!first) m_out.push_back(',');
            first = false;
            go_to_line(key);
            quoted(key.Scalar());
            m_out.push_back(':');
            if (!this->node(value, depth + 1)) return false;
        }
        m_out.push_back('}');
        return true;
    }

    void scalar(const YAML::Node& node) {
        const auto& text = node.Scalar();
        if (node.Tag() == "!") return quoted(text);  // written in quotes
        auto low = base::lower(text);
        if (low == "true" || low == "false") {
            m_out += low;
        } else if (low == "null" || text == "~" || text.empty()) {
            m_out += "null";
        } else if (is_integer(text) || is_real(text)) {
            m_out += text;
        } else {
            quoted(text);
        }
    }

    /// A number JSON can hold as it stands: no leading zero, no plus, no hexadecimal.
    static bool is_integer(std::string_view text) {
        if (text.starts_with('-')) text.remove_prefix(1);
        if (text.empty() || text.size() > 19 || (text[0] == '0' && text.size() > 1)) return false;
        return text.find_first_not_of("0123456789") == std::string_view::npos;
    }
    static bool is_real(std::string_view text) {
        auto dot = text.find('.');
        if (dot == std::string_view::npos || dot + 1 == text.size() || !is_integer(text.substr(0, dot))) return false;
        return text.substr(dot + 1).find_first_not_of("0123456789") == std::string_view::npos;
    }

    void quoted(std::string_view text) {
        static constexpr char k_digits[] = "0123456789abcdef";
        m_out.push_back('"');
        for (char c : text) {
            if (c == '"' || c == '\\') {
                m_out.push_back('\\');
                m_out.push_back(c);
            } else if (static_cast<unsigned char>(c) < 0x20) {
                m_out += "\\u00";
                m_out.push_back(k_digits[c >> 4]);
                m_out.push_back(k_digits[c & 15]);
            } else {
                m_out.push_back(c);
            }
        }
        m_out.push_back('"');
    }

    const std::string& m_path;
    std::string m_out;
    std::string m_problem;
    int m_line = 0;
};

/// Takes a document's events and does nothing with them.
class Nobody final : public YAML::EventHandler {
public:
    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}
};

/// Is there anything after the first document? YAML::Load ignores it silently, and YAML::LoadAll never returns on text
/// that begins with a comma.
bool has_more(const std::string& text) {
    std::istringstream in{text};
    YAML::Parser parser{in};
    Nobody nobody;
    parser.HandleNextDocument(nobody);
    return static_cast<bool>(parser);
}

}  // namespace

base::Result<std::string> text_to_json(std::string_view text, const std::string& path) {
    try {
        std::string whole{text};
        auto document = YAML::Load(whole);
        if (has_more(whole))
            return base::Error{path + ": something follows the first document", std::errc::invalid_argument};
        Emitter emitter{path};
        if (!emitter.node(document, 0)) return base::Error{emitter.problem(), std::errc::invalid_argument};
        return emitter.take();
    } catch (const YAML::Exception& e) {
        return base::Error{cat(path, ":", e.mark.line + 1, ": ", e.msg), std::errc::invalid_argument};
    }
}

base::Result<std::string> to_json(const std::string& path) {
    auto text = base::read_file(path, k_file_limit);
    if (!text) return std::move(text).error();
    return text_to_json(*text, path);
}

}  // namespace yaml
