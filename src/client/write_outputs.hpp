#pragma once

#include "src/wire/channel.hpp"

namespace client {

/// Opens an output the way the compiler does: `replace` unlinks a regular file or link and creates a new one, `truncate`
/// empties it in place; devices and pipes are written to as they are. -1 with errno.
int open_output(const char* path, unsigned char rule);

/// Puts every file of a Write step in place, in order. False: one could not be written (errno says why); what was
/// begun of that one is removed.
bool write_outputs(const wire::Write& step, const wire::Frame& frame);

/// Prints all of it on a descriptor.
bool print(int fd, std::string_view text);

}  // namespace client
