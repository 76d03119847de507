#pragma once

#include <optional>
#include <string>

#include "src/server/recognition.hpp"

namespace server {

// What was learnt about compilers, kept in files for processes to come: a process without a server would otherwise probe and
// hash the compiler for every call. Stamps alone are not trusted across processes, so a memo only counts in the same boot and
// root directory, with equal stamps (device, inode, size, both times), for tools that carry a build id, and with equal build
// ids: the build id is a hash of the content that the linker made.

std::optional<compiler::Driver> recall_driver(const std::string& directory, const base::Digest& id, const key::Stamp& stamp);
void remember_driver(const std::string& directory, const base::Digest& id, const key::Stamp& stamp, const compiler::Driver& driver);

std::optional<KnownTools> recall_tools(const std::string& directory, const base::Digest& id);
/// Not kept when a file is not older than `asked_at` (it may be changing), or when one has no build id and is not small.
void remember_tools(const std::string& directory, const base::Digest& id, const KnownTools& tools, std::int64_t asked_at);

}  // namespace server
