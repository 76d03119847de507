#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/digest.hpp"
#include "src/base/result.hpp"
#include "src/compiler/inputs.hpp"
#include "src/key/gates.hpp"
#include "src/key/stamps.hpp"

namespace key {

/// One way a compile of a direct key came out: what it read, what must still be absent, and the result's name.
struct Reading {
    struct File {
        std::string path;  // as the compiler named it: absolute, or relative to the working directory
        base::Digest digest;
    };
    base::Digest result;
    std::vector<File> files;
    std::vector<compiler::Absence> absences;
    base::Digest date_setting;  // zero: no date macro; else the setting (see date_setting()) under which it was made
};

/// What the world looks like now, for comparing.
struct View {
    std::string_view cwd;
    Stamps& stamps;
    Gates& gates;
    base::Digest date_setting;
};

/// The result of the first reading that still holds; `nullopt` when none does. Reads straight from the encoded bytes.
/// Error: the bytes are not a manifest.
base::Result<std::optional<base::Digest>> match(std::string_view manifest, const View& view);

/// The manifest with `reading` in front, at most k_reading_limit readings, one per result. Bytes that are not a manifest
/// count as an empty one.
std::string add(std::string_view manifest, const Reading& reading);

/// The readings of a manifest, newest first (for tests, why-miss and header shipping).
base::Result<std::vector<Reading>> readings(std::string_view manifest);

inline constexpr std::size_t k_reading_limit = 16;

}  // namespace key
