#include "src/config/fill.hpp"

#include <algorithm>

#include "src/base/strings.hpp"
#include "src/config/take.hpp"

namespace config {

namespace {

using base::cat;

std::string_view last_part(std::string_view key) { return key.substr(key.rfind('.') + 1); }

}  // namespace

std::string Problem::text() const {
    auto out = where.empty() ? what : cat(where, ": ", what);
    if (!remedy.empty()) out += cat("; ", remedy);
    return out;
}

bool has_errors(const Problems& problems) {
    return std::any_of(problems.begin(), problems.end(),
                       [](const Problem& p) { return p.severity == Problem::Severity::error; });
}

Fill::Fill(const Table& table, void* settings, Problems& problems)
    : m_table{table}, m_settings{settings}, m_problems{problems}, m_sources(table.rows.size()) {}

void Fill::report(int line, std::string what, std::string remedy) {
    auto where = line > 0 ? cat(m_path, ":", line) : m_path;
    m_problems.push_back({Problem::Severity::error, std::move(where), std::move(what), std::move(remedy)});
}

bool Fill::is_section(std::string_view key) const {
    for (const auto& row : m_table.rows)
        if (row.key.size() > key.size() && row.key.starts_with(key) && row.key[key.size()] == '.') return true;
    return false;
}

void Fill::from_file(const Node& root, const std::string& path) {
    m_path = path;
    if (root.kind == Node::Kind::nothing) return;
    if (root.kind != Node::Kind::table) return report(root.line, expected("a table of settings", root), "");
    fill_table(root, "");
}

void Fill::fill_table(const Node& node, const std::string& prefix) {
    for (const auto& value : node.members) {
        if (value.kind == Node::Kind::nothing) continue;  // null is absent, as in files Mozilla's tools write
        auto key = prefix + value.name;
        auto row = std::find_if(m_table.rows.begin(), m_table.rows.end(), [&](const Row& r) { return r.key == key; });
        if (row != m_table.rows.end()) {
            fill_row(static_cast<std::size_t>(row - m_table.rows.begin()), value, key);
        } else if (!is_section(key)) {
            unknown(value, key);
        } else if (value.kind == Node::Kind::table) {
            fill_table(value, key + ".");
        } else {
            report(value.line, cat("`", key, "`: ", expected("a section", value)),
                   cat("write [", key, "] and its keys below it"));
        }
    }
}

void Fill::fill_row(std::size_t index, const Node& node, const std::string& key) {
    const Row& row = m_table.rows[index];
    auto slot = row.slot(m_settings);
    for (std::size_t i = 0; i < m_sources.size(); ++i)
        if (m_sources[i].origin == Origin::file && address_of(m_table.rows[i].slot(m_settings)) == address_of(slot))
            return report(node.line, cat("`", key, "` and `", m_table.rows[i].key, "` are the same setting"),
                          "keep one of them");
    m_sources[index] = {Origin::file, node.line};
    if (const auto* items = std::get_if<Items>(&slot)) return fill_items(*items, node, key);
    auto before = save(slot);
    auto verdict = take_node(slot, node);
    if (verdict.empty() && row.fix != nullptr) verdict = row.fix(slot);
    if (verdict.empty()) return;
    restore(slot, before);
    report(node.line, cat("`", key, "`: ", verdict), "");
}

void Fill::fill_items(Items items, const Node& node, const std::string& key) {
    if (node.kind != Node::Kind::list)
        return report(node.line, cat("`", key, "`: ", expected("a list of tables", node)),
                      cat("write [[", key, "]] and its keys below it"));
    items.clear(items.list);
    for (const auto& item : node.items) {
        if (item.kind != Node::Kind::table) {
            report(item.line, cat("`", key, "`: ", expected("a list of tables", item)), "");
            continue;
        }
        Fill one{*items.table, items.add(items.list), m_problems};
        one.m_path = m_path;
        auto first = m_problems.size();
        one.fill_table(item, "");
        one.check_required(item.line > 0 ? cat(m_path, ":", item.line) : m_path);
        for (auto i = first; i < m_problems.size(); ++i) m_problems[i].what += cat(" (in `", key, "`)");
    }
}

void Fill::unknown(const Node& node, std::string key) {
    // [chace.disk] arrives as `chace` with `disk` inside: name the whole heading, it is what the person wrote.
    const Node* at = &node;
    while (at->kind == Node::Kind::table && at->members.size() == 1 && at->members[0].kind == Node::Kind::table) {
        key += "." + at->members[0].name;
        at = &at->members[0];
    }
    std::vector<std::string_view> known;
    for (const auto& row : m_table.rows) {
        if (row.key.empty()) continue;
        known.push_back(row.key);
        for (auto dot = row.key.find('.'); dot != std::string_view::npos; dot = row.key.find('.', dot + 1))
            known.push_back(row.key.substr(0, dot));
    }
    // `size` at the top for `cache.disk.size` is a likelier slip than a distant spelling.
    std::string_view best;
    for (auto candidate : known)
        if (candidate != key && last_part(candidate) == last_part(key)) {
            best = candidate;
            break;
        }
    auto near = base::nearest(key, known);
    if (!near.empty() && (best.empty() || near.size() <= key.size() + 2)) best = near;
    report(at->line, cat("unknown key `", key, "`"), best.empty() ? "remove it" : cat("did you mean `", best, "`?"));
}

void Fill::from_environment(const std::vector<std::string>& env) {
    std::vector<bool> set(m_table.rows.size());
    for (const auto& entry : env) {
        if (!entry.starts_with("SCCACHE_")) continue;
        auto equals = entry.find('=');
        if (equals == std::string::npos) continue;
        auto name = std::string_view{entry}.substr(0, equals);
        auto text = std::string_view{entry}.substr(equals + 1);
        for (std::size_t i = 0; i < m_table.rows.size(); ++i) {
            const Row& row = m_table.rows[i];
            if (row.env != name) continue;
            auto slot = row.slot(m_settings);
            if (text.empty() && !std::holds_alternative<Given*>(slot)) continue;  // empty is unset
            for (std::size_t j = 0; j < m_table.rows.size(); ++j)
                if (j != i && set[j] && address_of(m_table.rows[j].slot(m_settings)) == address_of(slot))
                    m_problems.push_back({Problem::Severity::error, std::string{name},
                                          cat(name, " and ", m_table.rows[j].env, " are the same setting"),
                                          "unset one of them"});
            auto before = save(slot);
            auto verdict = take_text(row, name, slot, text);
            if (verdict.empty() && row.fix != nullptr) verdict = row.fix(slot);
            if (verdict.empty()) {
                m_sources[i] = {Origin::environment, 0};
                set[i] = true;
                continue;
            }
            restore(slot, before);
            auto severity = (row.flags & Row::lenient) != 0 ? Problem::Severity::warning : Problem::Severity::error;
            m_problems.push_back(
                {severity, std::string{name}, verdict, severity == Problem::Severity::warning ? "it is ignored" : ""});
        }
    }
}

void Fill::check_required(const std::string& path) {
    for (std::size_t i = 0; i < m_sources.size(); ++i) {
        const Row& row = m_table.rows[i];
        if (m_sources[i].origin != Origin::fallback) continue;
        auto section = row.key.substr(0, row.key.rfind('.') == std::string_view::npos ? 0 : row.key.rfind('.'));
        bool in_file = false;
        for (std::size_t j = 0; j < m_sources.size(); ++j)
            in_file = in_file || (m_sources[j].origin == Origin::file && m_table.rows[j].key.starts_with(section));
        if ((row.flags & Row::required) != 0 || ((row.flags & Row::required_here) != 0 && in_file))
            m_problems.push_back(
                {Problem::Severity::error, path, cat("`", row.key, "` is missing"), std::string{row.help}});
    }
}

Fill::Origin Fill::origin(std::string_view key) const {
    for (std::size_t i = 0; i < m_sources.size(); ++i)
        if (m_table.rows[i].key == key && m_sources[i].origin != Origin::fallback) return m_sources[i].origin;
    return Origin::fallback;
}

bool Fill::section_given(std::string_view section) const {
    for (std::size_t i = 0; i < m_sources.size(); ++i)
        if (m_sources[i].origin != Origin::fallback && m_table.rows[i].key.size() > section.size() &&
            m_table.rows[i].key.starts_with(section) && m_table.rows[i].key[section.size()] == '.')
            return true;
    return false;
}

std::string Fill::where(std::string_view key, const std::string& path) const {
    for (std::size_t i = 0; i < m_sources.size(); ++i) {
        if (m_table.rows[i].key != key) continue;
        if (m_sources[i].origin == Origin::environment) return std::string{m_table.rows[i].env};
        if (m_sources[i].origin == Origin::file && m_sources[i].line > 0) return cat(path, ":", m_sources[i].line);
    }
    return path;
}

}  // namespace config
