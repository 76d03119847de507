#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.hpp"
#include "src/compiler/invocation.hpp"

// Which files a compile leaves behind, under which names (checked by a test that runs the compilers and looks at the
// directory).

namespace compiler {

/// Where the object goes without -o: the input's last component with its suffix replaced, in the working directory.
std::string default_object(std::string_view input, std::string_view suffix);
/// The path with the last suffix of its last component replaced ("d/x.y.o" -> "d/x.y.d", "x" -> "x.d", ".x" -> ".d").
std::string with_suffix(std::string_view path, std::string_view suffix);

/// Side files the options ask for.
struct SideFiles {
    bool dwo = false;
    bool gcno = false;
    bool su = false;
};

/// The list for one compile: the object first, then the side files, then the dependency file. Error.what is the reason not
/// to cache: an output that is a stream or device, two outputs of one name, or side files whose name gcc's versions and
/// clang choose differently.
base::Result<std::vector<Output>> list_outputs(std::string_view object, const SideFiles& side, const DepRequest& dep);

}  // namespace compiler
