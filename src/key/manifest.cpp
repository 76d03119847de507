#include "src/key/manifest.hpp"

#include <cstring>

#include "src/base/files.hpp"
#include "src/base/pack.hpp"

// On disk (integers little-endian):
//   "SCM1", u32 number of readings, then each reading as u32 length and
//     32 bytes result, 32 bytes date setting,
//     u32 files:     u32 length, path, NUL, 32 bytes digest      (the NUL lets a path go to the kernel as it lies there)
//     u32 absences:  u32 length, directory, NUL, u32 length, names joined by NUL

namespace key {

namespace {

constexpr std::string_view k_magic{"SCM1"};
constexpr std::uint32_t k_file_limit = 200'000;
constexpr std::uint32_t k_absence_limit = 200'000;

std::string_view zero_terminated(base::Reader& r) {
    auto text = r.bytes();
    return r.raw(1) == std::string_view{"\0", 1} ? text : std::string_view{};
}

/// A path for system calls: itself when absolute, else joined to cwd in `room`.
const char* resolved(std::string_view path, std::string_view cwd, std::string& room) {
    if (!path.empty() && path[0] == '/') return path.data();
    room.assign(cwd).push_back('/');
    room.append(path);
    return room.c_str();
}

bool files_hold(base::Reader& r, const View& view) {
    std::string room;
    auto n = r.u32();
    if (n > k_file_limit) return false;
    for (std::uint32_t i = 0; i < n; ++i) {
        auto path = zero_terminated(r);
        auto digest = r.raw(32);
        if (!r.ok() || path.empty()) return false;
        const char* name = resolved(path, view.cwd, room);
        auto stamp = stamp_path(name);
        if (!stamp) return false;
        auto content = view.stamps.content(std::string_view{name}, *stamp, Stamps::Want::digest);
        if (!content || content->digest.view() != digest) return false;
    }
    return true;
}

bool absences_hold(base::Reader& r, const View& view) {
    std::string room;
    std::vector<std::string_view> names;
    auto n = r.u32();
    if (n > k_absence_limit) return false;
    for (std::uint32_t i = 0; i < n; ++i) {
        auto directory = zero_terminated(r);
        auto list = r.bytes();
        if (!r.ok() || directory.empty()) return false;
        names.clear();
        for (auto rest = list; !rest.empty();) {
            auto end = rest.find('\0');
            names.push_back(rest.substr(0, end));
            rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
        }
        if (!view.gates.all_absent(resolved(directory, view.cwd, room), list, names)) return false;
    }
    return true;
}

std::string encode(const Reading& reading) {
    base::Writer w;
    w.raw(reading.result.view());
    w.raw(reading.date_setting.view());
    w.u32(static_cast<std::uint32_t>(reading.files.size()));
    for (const auto& file : reading.files) {
        w.bytes(file.path);
        w.u8(0);
        w.raw(file.digest.view());
    }
    w.u32(static_cast<std::uint32_t>(reading.absences.size()));
    for (const auto& absence : reading.absences) {
        w.bytes(absence.directory);
        w.u8(0);
        std::string names;
        for (const auto& name : absence.names) {
            if (!names.empty()) names.push_back('\0');
            names += name;
        }
        w.bytes(names);
    }
    return w.take();
}

/// The encoded readings, newest first; nothing if it is no manifest.
std::optional<std::vector<std::string_view>> split_readings(std::string_view manifest) {
    base::Reader r{manifest};
    if (r.raw(4) != k_magic) return std::nullopt;
    auto n = r.u32();
    std::vector<std::string_view> list;
    if (n > k_reading_limit) return std::nullopt;
    for (std::uint32_t i = 0; i < n; ++i) list.push_back(r.bytes());
    if (!r.done()) return std::nullopt;
    return list;
}

}  // namespace

base::Result<std::optional<base::Digest>> match(std::string_view manifest, const View& view) {
    auto list = split_readings(manifest);
    if (!list) return base::Error{"not a manifest", std::errc::bad_message};
    for (auto bytes : *list) {
        base::Reader r{bytes};
        auto result = base::Digest::from_raw(r.raw(32));
        auto date = base::Digest::from_raw(r.raw(32));
        if (!date.is_zero() && !(date == view.date_setting)) continue;
        if (files_hold(r, view) && absences_hold(r, view) && r.done()) return std::optional{result};
    }
    return std::optional<base::Digest>{};
}

std::string add(std::string_view manifest, const Reading& reading) {
    auto old = split_readings(manifest).value_or(std::vector<std::string_view>{});
    std::erase_if(old, [&](std::string_view bytes) { return bytes.substr(0, 32) == reading.result.view(); });
    if (old.size() >= k_reading_limit) old.resize(k_reading_limit - 1);
    base::Writer w;
    w.raw(k_magic);
    w.u32(static_cast<std::uint32_t>(old.size() + 1));
    w.bytes(encode(reading));
    for (auto bytes : old) w.bytes(bytes);
    return w.take();
}

base::Result<std::vector<Reading>> readings(std::string_view manifest) {
    auto list = split_readings(manifest);
    if (!list) return base::Error{"not a manifest", std::errc::bad_message};
    std::vector<Reading> all;
    for (auto bytes : *list) {
        base::Reader r{bytes};
        Reading reading;
        reading.result = base::Digest::from_raw(r.raw(32));
        reading.date_setting = base::Digest::from_raw(r.raw(32));
        auto files = r.u32();
        for (std::uint32_t i = 0; i < files && files <= k_file_limit && r.ok(); ++i) {
            std::string path{zero_terminated(r)};
            reading.files.push_back({std::move(path), base::Digest::from_raw(r.raw(32))});
        }
        auto absences = r.u32();
        for (std::uint32_t i = 0; i < absences && absences <= k_absence_limit && r.ok(); ++i) {
            compiler::Absence absence{std::string{zero_terminated(r)}, {}};
            for (auto rest = r.bytes(); !rest.empty();) {
                auto end = rest.find('\0');
                absence.names.emplace_back(rest.substr(0, end));
                rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
            }
            reading.absences.push_back(std::move(absence));
        }
        if (!r.done()) return base::Error{"not a manifest", std::errc::bad_message};
        all.push_back(std::move(reading));
    }
    return all;
}

}  // namespace key
