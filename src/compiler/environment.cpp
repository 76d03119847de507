#include "src/compiler/invocation.hpp"

namespace compiler {

const char* find(const Environment& env, std::string_view name) {
    for (const auto& entry : env)
        if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name))
            return entry.c_str() + name.size() + 1;
    return nullptr;
}

}  // namespace compiler
