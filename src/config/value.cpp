#include "src/config/value.hpp"

#include "src/base/strings.hpp"

namespace config {

std::span<const std::string_view> names_of(RwMode) {
    static constexpr std::string_view k_names[] = {"READ_WRITE", "READ_ONLY"};
    return k_names;
}

std::optional<Size> parse_size(std::string_view text) {
    static constexpr std::string_view k_letters = "kmgt";
    auto low = base::lower(base::trim(text));
    std::string_view rest = low;
    if (rest.ends_with("ib"))
        rest.remove_suffix(2);
    else if (rest.ends_with("b"))
        rest.remove_suffix(1);
    unsigned shift = 0;
    if (!rest.empty()) {
        if (auto at = k_letters.find(rest.back()); at != std::string_view::npos) {
            shift = 10 * static_cast<unsigned>(at + 1);
            rest.remove_suffix(1);
        } else if (rest.size() + 1 < low.size()) {
            return std::nullopt;  // "10iB" has no letter
        }
    }
    auto n = base::parse_u64(base::trim(rest));
    if (!n || *n > UINT64_MAX >> shift) return std::nullopt;
    return Size{*n << shift};
}

std::string size_text(Size size) {
    std::uint64_t n = size.bytes;
    std::size_t letter = 0;
    while (n != 0 && n % 1024 == 0 && letter < 4) {
        n /= 1024;
        ++letter;
    }
    static constexpr std::string_view k_letters[] = {"", "K", "M", "G", "T"};
    return base::cat(n, k_letters[letter]);
}

std::optional<bool> parse_flag(std::string_view text) {
    auto low = base::lower(text);
    if (low == "true" || low == "on" || low == "1") return true;
    if (low == "false" || low == "off" || low == "0") return false;
    return std::nullopt;
}

bool is_example_secret(std::string_view secret) {
    static constexpr std::string_view k_examples[] = {"token here", "my secret key", "token goes here"};
    auto text = base::lower(base::trim(secret));
    if (text.empty()) return true;
    for (auto example : k_examples)
        if (text == example) return true;
    return false;
}

}  // namespace config
