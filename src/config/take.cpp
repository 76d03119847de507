#include "src/config/take.hpp"

#include "src/base/strings.hpp"

namespace config {

namespace {

using base::cat;

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::string spelled(std::span<const std::string_view> names) {
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i)
        out += cat(i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", "\"", names[i], "\"");
    return out;
}

Verdict take_choice(const Choice& choice, std::string_view text) {
    for (std::size_t i = 0; i < choice.names.size(); ++i)
        if (choice.names[i] == text) {
            *choice.at = static_cast<unsigned char>(i);
            return {};
        }
    // People write read_only for READ_ONLY; the spelling is not worth an error.
    for (std::size_t i = 0; i < choice.names.size(); ++i)
        if (base::lower(choice.names[i]) == base::lower(text)) {
            *choice.at = static_cast<unsigned char>(i);
            return {};
        }
    return cat("\"", text, "\" is not one of ", spelled(choice.names));
}

Verdict take_percent(Percent& at, std::string_view text) {
    auto digits = base::trim(text);
    if (digits.ends_with('%')) digits = base::trim(digits.substr(0, digits.size() - 1));
    auto n = base::parse_u64(digits);
    if (!n || *n > 100) return cat("\"", text, "\" is not a percentage (0% to 100%)");
    at.value = static_cast<unsigned>(*n);
    return {};
}

Verdict take_number(std::uint64_t& at, const Node& node) {
    if (node.kind != Node::Kind::integer) return expected("a whole number", node);
    if (node.integer < 0) return "must not be negative";
    at = static_cast<std::uint64_t>(node.integer);
    return {};
}

template <class Duration>
Verdict take_duration(Duration& at, const Node& node) {
    std::uint64_t n = 0;
    auto verdict = take_number(n, node);
    if (verdict.empty() && n > INT64_MAX / 1'000'000'000) return "is too large";
    if (verdict.empty()) at = Duration{n};
    return verdict;
}

Verdict take_list(std::vector<std::string>& at, const Node& node) {
    std::vector<std::string> list;
    if (node.kind == Node::Kind::text) {
        list.push_back(node.text);
    } else if (node.kind == Node::Kind::list) {
        for (const auto& item : node.items) {
            if (item.kind != Node::Kind::text) return expected("a list of texts", item);
            list.push_back(item.text);
        }
    } else {
        return expected("a list of texts", node);
    }
    at = std::move(list);
    return {};
}

template <class Duration>
Verdict take_duration_text(Duration& at, std::string_view name, std::string_view text) {
    auto n = base::parse_u64(text);
    if (!n || *n > INT64_MAX / 1'000'000'000)
        return cat(name, " must be a number of ", std::is_same_v<Duration, std::chrono::seconds> ? "seconds" : "milliseconds", ", not \"",
                   text, "\".");
    at = Duration{*n};
    return {};
}

}  // namespace

Verdict expected(std::string_view what, const Node& found) {
    return cat("expected ", what, ", found ", name_of(found.kind));
}

Verdict take_node(const Slot& slot, const Node& node) {
    return std::visit(Overloaded{
                          [&](bool* at) {
                              if (node.kind != Node::Kind::flag)
                                  return expected("true or false (without quotes)", node);
                              *at = node.flag;
                              return Verdict{};
                          },
                          [&](Given*) { return Verdict{"is set by the environment only"}; },
                          [&](std::uint64_t* at) { return take_number(*at, node); },
                          [&](Size* at) {
                              if (node.kind == Node::Kind::integer) return take_number(at->bytes, node);
                              if (node.kind != Node::Kind::text) return expected("a size", node);
                              auto size = parse_size(node.text);
                              if (!size) return cat("Invalid size value: ", node.text);
                              *at = *size;
                              return Verdict{};
                          },
                          [&](Percent* at) {
                              if (node.kind == Node::Kind::integer)
                                  return take_percent(*at, std::to_string(node.integer));
                              if (node.kind != Node::Kind::text) return expected("a percentage like \"5%\"", node);
                              return take_percent(*at, node.text);
                          },
                          [&](std::chrono::milliseconds* at) { return take_duration(*at, node); },
                          [&](std::chrono::seconds* at) { return take_duration(*at, node); },
                          [&](std::string* at) {
                              if (node.kind != Node::Kind::text) return expected("text in quotes", node);
                              *at = node.text;
                              return Verdict{};
                          },
                          [&](std::vector<std::string>* at) { return take_list(*at, node); },
                          [&](const Choice& choice) {
                              if (node.kind != Node::Kind::text) return expected(spelled(choice.names), node);
                              return take_choice(choice, node.text);
                          },
                          [&](const Items&) { return Verdict{"is a list of tables"}; },
                      },
                      slot);
}

Verdict take_text(const Row& row, std::string_view name, const Slot& slot, std::string_view text) {
    return std::visit(Overloaded{
                          [&](bool* at) {
                              auto v = parse_flag(text);
                              if (!v) return cat(name, " must be 'true', 'on', '1', 'false', 'off' or '0'.");
                              *at = *v;
                              return Verdict{};
                          },
                          [&](Given* at) {
                              at->on = true;
                              return Verdict{};
                          },
                          [&](std::uint64_t* at) {
                              auto v = base::parse_u64(text);
                              if (!v) return cat(name, " must be a number, not \"", text, "\".");
                              *at = *v;
                              return Verdict{};
                          },
                          [&](Size* at) {
                              auto v = parse_size(text);
                              if (!v) return cat("Invalid size value: ", text);
                              *at = *v;
                              return Verdict{};
                          },
                          [&](Percent* at) { return take_percent(*at, text); },
                          [&](std::chrono::milliseconds* at) { return take_duration_text(*at, name, text); },
                          [&](std::chrono::seconds* at) { return take_duration_text(*at, name, text); },
                          [&](std::string* at) {
                              *at = text;
                              return Verdict{};
                          },
                          [&](std::vector<std::string>* at) {
                              at->clear();
                              for (auto part : base::split(text, (row.flags & Row::path_list) != 0 ? ':' : ','))
                                  if (!base::trim(part).empty()) at->emplace_back(base::trim(part));
                              return Verdict{};
                          },
                          [&](const Choice& choice) { return take_choice(choice, text); },
                          [&](const Items&) { return Verdict{"cannot be given in the environment"}; },
                      },
                      slot);
}

Saved save(const Slot& slot) {
    return std::visit(Overloaded{[](const Choice& c) { return Saved{*c.at}; }, [](const Items&) { return Saved{}; },
                                 [](auto* at) { return Saved{*at}; }},
                      slot);
}

void restore(const Slot& slot, const Saved& saved) {
    std::visit(Overloaded{[&](const Choice& c) { *c.at = std::get<unsigned char>(saved); }, [](const Items&) {},
                          [&](auto* at) { *at = std::get<std::remove_pointer_t<decltype(at)>>(saved); }},
               slot);
}

const void* address_of(const Slot& slot) {
    return std::visit(
        Overloaded{[](const Choice& c) -> const void* { return c.at; },
                   [](const Items& i) -> const void* { return i.list; }, [](auto* at) -> const void* { return at; }},
        slot);
}

std::string text_of(const Slot& slot) {
    return std::visit(
        Overloaded{
            [](const bool* at) { return std::string{*at ? "true" : "false"}; },
            [](const Given* at) { return std::string{at->on ? "true" : "false"}; },
            [](const std::uint64_t* at) { return std::to_string(*at); },
            [](const Size* at) { return size_text(*at); },
            [](const Percent* at) { return cat(at->value, "%"); },
            [](const std::chrono::milliseconds* at) { return std::to_string(at->count()); },
            [](const std::chrono::seconds* at) { return std::to_string(at->count()); },
            [](const std::string* at) { return *at; },
            [](const std::vector<std::string>* at) {
                std::string out = "[";
                for (const auto& item : *at) out += cat(out.size() > 1 ? ", " : "", "\"", item, "\"");
                return out + "]";
            },
            [](const Choice& c) { return std::string{*c.at < c.names.size() ? c.names[*c.at] : std::string_view{}}; },
            [](const Items& items) {
                std::string out = "[";
                for (std::size_t i = 0; i < items.size(items.list); ++i) {
                    out += out.size() > 1 ? ", {" : "{";
                    void* item = items.at(items.list, i);
                    for (const auto& row : items.table->rows)
                        out += cat(row.key, "=\"", text_of(row.slot(item)), "\" ");
                    out += "}";
                }
                return out + "]";
            },
        },
        slot);
}

}  // namespace config
