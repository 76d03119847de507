#include "src/compiler/outputs.hpp"

#include <algorithm>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace compiler {

namespace {

base::Error refuse(std::string what) { return {std::move(what), std::errc::not_supported}; }

/// Position of the last component's last dot, or npos.
std::size_t last_dot(std::string_view path) {
    const auto slash = path.rfind('/');
    const auto dot = path.rfind('.');
    return dot == path.npos || (slash != path.npos && dot < slash) ? path.npos : dot;
}

/// gcc before 11 cut at a dot among the last six characters of the whole path, later ones at the last dot unless the name
/// begins with it, clang at any last dot: they agree when a stem is followed by a short suffix.
bool side_names_agree(std::string_view object) {
    const auto dot = last_dot(object);
    if (dot == object.npos || dot == 0 || object[dot - 1] == '/') return false;
    const auto length = object.size() - dot - 1;
    return length >= 1 && length <= 4;
}

bool is_stream(std::string_view path) { return path == "-" || path.starts_with("/dev/") || path.starts_with("/proc/"); }

}  // namespace

std::string default_object(std::string_view input, std::string_view suffix) { return with_suffix(base::name_of(input), suffix); }

std::string with_suffix(std::string_view path, std::string_view suffix) {
    return base::cat(path.substr(0, std::min(last_dot(path), path.size())), suffix);
}

base::Result<std::vector<Output>> list_outputs(std::string_view object, const SideFiles& side, const DepRequest& dep) {
    // A hit can be written to these two as to a file; a miss leaves nothing there to be stored.
    bool sink = object == "/dev/null" || object == "/dev/stdout";
    if ((is_stream(object) && !sink) || object.empty()) return refuse(base::cat("-o ", object));
    if (sink && (side.dwo || side.gcno || side.su)) return refuse(base::cat("-o ", object));
    std::vector<Output> outputs{{"obj", std::string{object}, WriteRule::replace, true}};
    if ((side.dwo || side.gcno || side.su) && !side_names_agree(object)) return refuse("unusual object name with side files");
    if (side.dwo) outputs.push_back({"dwo", with_suffix(object, ".dwo"), WriteRule::truncate, false});
    if (side.gcno) outputs.push_back({"gcno", with_suffix(object, ".gcno"), WriteRule::truncate, false});
    if (side.su) outputs.push_back({"su", with_suffix(object, ".su"), WriteRule::truncate, false});
    if (dep.form != DepRequest::Form::none) {
        if (is_stream(dep.path) || dep.path.empty()) return refuse(base::cat("-MF ", dep.path));
        outputs.push_back({"d", dep.path, WriteRule::truncate, true});
    }
    for (std::size_t i = 1; i < outputs.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (outputs[i].path == outputs[j].path) return refuse("two outputs of one name");
    return outputs;
}

}  // namespace compiler
