#pragma once

#include <string>
#include <string_view>

#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace base {

/// Whole file as bytes; Error.code is no_such_file_or_directory when it is absent. `limit` bounds the size.
Result<std::string> read_file(const std::string& path, std::size_t limit = std::size_t{1} << 30);

/// Opens for reading, close-on-exec, never a controlling terminal.
Result<Fd> open_read(const std::string& path);

/// Writes a new file beside `path` and renames it over: readers see the old or the new one, whole.
Result<> write_file(const std::string& path, std::string_view bytes, unsigned mode = 0600);

/// Creates `path` and its missing parents with `mode`; fine if it exists.
Result<> make_directories(const std::string& path, unsigned mode = 0700);

/// Fails with a message that says what to do unless `path` is a directory of ours that others cannot write (P23).
Result<> check_private_directory(const std::string& path);

/// `path` made absolute against `cwd`, textually: "." components and doubled slashes go, ".." and symlinks stay.
std::string absolute(std::string_view path, std::string_view cwd);
/// The directory part: "/a/b" -> "/a", "b" -> ".", "/b" -> "/".
std::string_view directory_of(std::string_view path);
/// The last part: "/a/b.c" -> "b.c".
std::string_view name_of(std::string_view path);
/// The suffix from the last dot of the last part: ".c", or empty (also for ".hidden").
std::string_view suffix_of(std::string_view path);

}  // namespace base
