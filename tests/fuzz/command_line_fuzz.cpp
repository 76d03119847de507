// Command lines and response files, NUL or newline between arguments: any of them is understood, refused or run untouched.
#include <cstdint>

#include "src/base/strings.hpp"
#include "src/compiler/invocation.hpp"
#include "src/compiler/response_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    std::vector<std::string> arguments;
    for (auto part : base::split(text, '\n'))
        if (part.empty() || part[0] != '@') arguments.emplace_back(part);
    for (auto kind : {compiler::Kind::gcc, compiler::Kind::clang}) {
        (void)compiler::parse(kind, "gcc", arguments, "/", {});
        (void)compiler::split_response(kind, text);
    }
    return 0;
}
