#include "src/compiler/elf.hpp"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "src/base/files.hpp"

// The parser never trusts a number of the file: every read is a bounded pread that must succeed whole, every count has a
// limit below, and 32/64 bit and both byte orders go through one field reader (cross compilers run on odd hosts).

namespace compiler {

namespace {

constexpr std::size_t k_max_program_headers = 1024;
constexpr std::size_t k_max_dynamic_bytes = 256 << 10;
constexpr std::size_t k_max_note_bytes = 64 << 10;
constexpr std::size_t k_max_needed = 512;
constexpr std::size_t k_max_string = 4096;
constexpr std::size_t k_max_build_id = 64;

base::Error bad(const std::string& path, std::string_view what) {
    return {path + ": damaged ELF file: " + std::string{what}, std::errc::invalid_argument};
}

/// One program header, widened to 64 bits.
struct Segment {
    std::uint32_t type = 0;
    std::uint64_t offset = 0;
    std::uint64_t address = 0;
    std::uint64_t file_size = 0;
};

/// The open file and how its numbers are written.
class Image {
public:
    Image(int fd, std::uint64_t size) : m_fd{fd}, m_size{size} {}

    bool wide = true;
    bool big = false;

    /// Exactly `n` bytes at `offset`, or nothing.
    [[nodiscard]] std::optional<std::string> read(std::uint64_t offset, std::size_t n) const {
        if (offset > m_size || n > m_size - offset) return std::nullopt;
        std::string out(n, '\0');
        std::size_t have = 0;
        while (have < n) {
            auto got = ::pread(m_fd, out.data() + have, n - have, static_cast<off_t>(offset + have));
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return std::nullopt;
            have += static_cast<std::size_t>(got);
        }
        return out;
    }

    /// The NUL-terminated string at `offset`; nothing when it is longer than the limit or not terminated.
    [[nodiscard]] std::optional<std::string> text(std::uint64_t offset) const {
        if (offset >= m_size) return std::nullopt;
        auto bytes = read(offset, static_cast<std::size_t>(std::min<std::uint64_t>(k_max_string, m_size - offset)));
        if (!bytes) return std::nullopt;
        auto end = bytes->find('\0');
        if (end == std::string::npos) return std::nullopt;
        bytes->resize(end);
        return bytes;
    }

    /// An unsigned number of `width` bytes; `at + width` lies within `bytes` by the caller's care.
    [[nodiscard]] std::uint64_t number(std::string_view bytes, std::size_t at, std::size_t width) const {
        std::uint64_t v = 0;
        for (std::size_t i = 0; i < width; ++i) {
            auto byte = static_cast<unsigned char>(bytes[at + (big ? i : width - 1 - i)]);
            v = v << 8 | byte;
        }
        return v;
    }

private:
    int m_fd;
    std::uint64_t m_size;
};

base::Result<std::vector<Segment>> read_segments(const std::string& path, const Image& image, std::string_view header) {
    const bool wide = image.wide;
    auto table = wide ? image.number(header, offsetof(Elf64_Ehdr, e_phoff), 8)
                      : image.number(header, offsetof(Elf32_Ehdr, e_phoff), 4);
    auto each = image.number(header, wide ? offsetof(Elf64_Ehdr, e_phentsize) : offsetof(Elf32_Ehdr, e_phentsize), 2);
    auto count = image.number(header, wide ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum), 2);
    if (count == 0) return std::vector<Segment>{};
    if (count > k_max_program_headers || each != (wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return bad(path, "program header table");
    auto bytes = image.read(table, count * each);
    if (!bytes) return bad(path, "program headers lie outside");
    std::vector<Segment> segments(count);
    for (std::size_t i = 0; i < count; ++i) {
        auto at = i * each;
        auto& s = segments[i];
        s.type = static_cast<std::uint32_t>(image.number(*bytes, at, 4));
        if (wide) {
            s.offset = image.number(*bytes, at + offsetof(Elf64_Phdr, p_offset), 8);
            s.address = image.number(*bytes, at + offsetof(Elf64_Phdr, p_vaddr), 8);
            s.file_size = image.number(*bytes, at + offsetof(Elf64_Phdr, p_filesz), 8);
        } else {
            s.offset = image.number(*bytes, at + offsetof(Elf32_Phdr, p_offset), 4);
            s.address = image.number(*bytes, at + offsetof(Elf32_Phdr, p_vaddr), 4);
            s.file_size = image.number(*bytes, at + offsetof(Elf32_Phdr, p_filesz), 4);
        }
    }
    return segments;
}

std::optional<std::uint64_t> file_offset(const std::vector<Segment>& segments, std::uint64_t address) {
    for (const auto& s : segments)
        if (s.type == PT_LOAD && address >= s.address && address - s.address < s.file_size)
            return s.offset + (address - s.address);
    return std::nullopt;
}

base::Result<> read_dynamic(const std::string& path, const Image& image, const std::vector<Segment>& segments,
                            const Segment& dynamic, Elf& elf) {
    if (dynamic.file_size > k_max_dynamic_bytes) return bad(path, "dynamic section too large");
    auto bytes = image.read(dynamic.offset, static_cast<std::size_t>(dynamic.file_size));
    if (!bytes) return bad(path, "dynamic section lies outside");
    const std::size_t width = image.wide ? 8 : 4;
    std::vector<std::uint64_t> needed;
    std::optional<std::uint64_t> rpath, runpath, table;
    for (std::size_t at = 0; at + 2 * width <= bytes->size(); at += 2 * width) {
        auto tag = image.number(*bytes, at, width);
        auto value = image.number(*bytes, at + width, width);
        if (tag == DT_NULL) break;
        if (tag == DT_NEEDED) needed.push_back(value);
        if (tag == DT_RPATH) rpath = value;
        if (tag == DT_RUNPATH) runpath = value;
        if (tag == DT_STRTAB) table = file_offset(segments, value);
    }
    if (needed.size() > k_max_needed) return bad(path, "too many needed libraries");
    if (needed.empty() && !rpath && !runpath) return base::Ok{};
    if (!table) return bad(path, "no string table");
    auto string_at = [&](std::uint64_t offset) -> std::optional<std::string> {
        if (offset > UINT32_MAX) return std::nullopt;
        return image.text(*table + offset);
    };
    for (auto offset : needed) {
        auto name = string_at(offset);
        if (!name || name->empty()) return bad(path, "name of a needed library");
        elf.needed.push_back(std::move(*name));
    }
    for (auto [from, to] : {std::pair{&rpath, &elf.rpath}, std::pair{&runpath, &elf.runpath}}) {
        if (!*from) continue;
        auto value = string_at(**from);
        if (!value) return bad(path, "library path");
        *to = std::move(*value);
    }
    return base::Ok{};
}

/// The build-id note of a PT_NOTE segment. A damaged note is no build-id: nothing else depends on it.
std::string read_build_id(const Image& image, const Segment& note) {
    auto bytes =
        image.read(note.offset, static_cast<std::size_t>(std::min<std::uint64_t>(note.file_size, k_max_note_bytes)));
    if (!bytes) return {};
    auto aligned = [](std::uint64_t n) { return (n + 3) & ~std::uint64_t{3}; };
    std::size_t at = 0;
    while (at + 12 <= bytes->size()) {
        auto name_size = image.number(*bytes, at, 4);
        auto size = image.number(*bytes, at + 4, 4);
        auto type = image.number(*bytes, at + 8, 4);
        auto body = at + 12 + aligned(name_size);
        if (body > bytes->size() || size > bytes->size() - body) return {};
        if (type == NT_GNU_BUILD_ID && name_size == 4 && bytes->compare(at + 12, 4, std::string_view{"GNU\0", 4}) == 0)
            return size <= k_max_build_id ? bytes->substr(body, size) : std::string{};
        at = body + aligned(size);
    }
    return {};
}

}  // namespace

base::Result<Elf> read_elf(const std::string& path) {
    auto fd = base::open_read(path);
    if (!fd) return std::move(fd).error();
    struct stat st {};
    if (::fstat(fd->get(), &st) != 0) return base::errno_error("cannot read " + path);
    base::Error not_elf{path + " is not an ELF file", std::errc::executable_format_error};
    if (!S_ISREG(st.st_mode)) return not_elf;
    Image image{fd->get(), static_cast<std::uint64_t>(st.st_size)};
    auto ident = image.read(0, EI_NIDENT);
    if (!ident || ident->compare(0, SELFMAG, ELFMAG) != 0) return not_elf;
    auto word = static_cast<unsigned char>((*ident)[EI_CLASS]);
    auto order = static_cast<unsigned char>((*ident)[EI_DATA]);
    if ((word != ELFCLASS32 && word != ELFCLASS64) || (order != ELFDATA2LSB && order != ELFDATA2MSB))
        return bad(path, "class or byte order");
    image.wide = word == ELFCLASS64;
    image.big = order == ELFDATA2MSB;
    auto header = image.read(0, image.wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr));
    if (!header) return bad(path, "header cut off");
    Elf elf;
    elf.word_size = image.wide ? 64 : 32;
    elf.big_endian = image.big;
    elf.machine = static_cast<std::uint16_t>(image.number(*header, offsetof(Elf64_Ehdr, e_machine), 2));
    auto segments = read_segments(path, image, *header);
    if (!segments) return std::move(segments).error();
    for (const auto& s : *segments) {
        if (s.type == PT_NOTE && elf.build_id.empty()) elf.build_id = read_build_id(image, s);
        if (s.type != PT_DYNAMIC) continue;
        auto done = read_dynamic(path, image, *segments, s, elf);
        if (!done) return std::move(done).error();
        if (elf.needed.size() > k_max_needed) return bad(path, "too many needed libraries");
    }
    return elf;
}

std::string build_id(const std::string& path) {
    auto elf = read_elf(path);
    return elf ? std::move(elf->build_id) : std::string{};
}

}  // namespace compiler
