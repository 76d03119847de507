#include "dist/remote/trouble.hpp"

#include "src/base/strings.hpp"

namespace remote {

namespace {
constexpr std::size_t k_said_limit = 300;
}  // namespace

std::string said(std::string_view body) {
    std::string text{base::trim(body.substr(0, k_said_limit))};
    for (auto& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    return text;
}

}  // namespace remote
