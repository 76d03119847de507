#include "src/server/native.hpp"

#include <algorithm>

#include "src/base/strings.hpp"

namespace server {

namespace {

bool is_native(std::string_view argument) { return argument == "-march=native" || argument == "-mtune=native"; }

bool has(const compiler::Invocation& call, std::string_view beginning) {
    return std::any_of(call.args.begin(), call.args.end(), [&](const auto& a) { return a.starts_with(beginning); });
}

/// clang's driver wants the names of processors as its own options, or it adds defaults of its own; features have no such
/// spelling for each of them. They are given as for the compiler proper, which comes after the driver's own.
std::vector<std::string> for_clang(const compiler::Toolset& toolset, const std::vector<std::string>& arguments) {
    const auto& native = toolset.native_args;  // -Xclang OPTION -Xclang VALUE
    std::vector<std::string> out;
    auto asked = [&](std::string_view what) { return std::find(arguments.begin(), arguments.end(), what) != arguments.end(); };
    for (std::size_t i = 0; i + 3 < native.size(); i += 4) {
        if (native[i + 1] == "-target-cpu") {
            if (asked("-march=native")) out.push_back(base::cat("-march=", native[i + 3]));
        } else if (native[i + 1] == "-tune-cpu") {
            if (asked("-mtune=native")) out.push_back(base::cat("-mtune=", native[i + 3]));
        } else {
            out.insert(out.end(), native.begin() + static_cast<std::ptrdiff_t>(i), native.begin() + static_cast<std::ptrdiff_t>(i) + 4);
        }
    }
    return out;
}

}  // namespace

std::string_view native_reason_to_stay(const compiler::Invocation& call) {
    if (!call.native) return {};
#if defined(__x86_64__) || defined(__i386__)
    for (const auto& a : call.args)
        if ((a.starts_with("-march=native") || a.starts_with("-mtune=native") || a.starts_with("-mcpu=native")) && !is_native(a))
            return "-march=native in a form of its own";
    // What is recorded in the object is the spelling.
    if (call.kind == compiler::Kind::gcc && call.debug_info && !has(call, "-gno-record-gcc-switches"))
        return "-march=native with options recorded in debug information";
    if (call.kind == compiler::Kind::gcc && has(call, "-flto")) return "-march=native with options recorded for the linker";
    // gcc puts what native means before the user's own parameters, wherever -march=native stands.
    if (call.kind == compiler::Kind::gcc && has(call, "--param")) return "-march=native with --param";
    if (has(call, "-frecord-") || has(call, "-grecord-")) return "-march=native with recorded options";
    return {};
#else
    return "-march=native";  // what it means is passed on to other programs than the compiler proper
#endif
}

std::vector<std::string> spell_out_native(const compiler::Invocation& call, const compiler::Toolset& toolset,
                                          std::vector<std::string> arguments) {
    if (!call.native) return arguments;
    auto spelled = call.kind == compiler::Kind::clang ? for_clang(toolset, arguments) : toolset.native_args;  // gcc takes the options of its cc1 line
    std::vector<std::string> out;
    for (auto& argument : arguments) {
        if (!is_native(argument)) {
            out.push_back(std::move(argument));
            continue;
        }
        out.insert(out.end(), spelled.begin(), spelled.end());  // all at the first one
        spelled.clear();
    }
    return out;
}

}  // namespace server
