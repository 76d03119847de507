#include "src/compiler/deciding_libraries.hpp"

#include <dirent.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <memory>
#include <set>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"
#include "src/compiler/elf.hpp"

// A compiler's identity must hold what decides its output, and nothing more: on a rolling distribution glibc changes with
// every snapshot while cc1plus and its arithmetic libraries stay byte-equal, and the cache should stay warm. So the table
// lists libraries known to be harmless; an unknown library counts, which is the safe side for vendor compilers.

namespace compiler {

namespace {

constexpr std::size_t k_max_objects = 256;         // libraries looked at for one program
constexpr std::size_t k_max_conf_bytes = 1 << 20;  // /etc/ld.so.conf and each file it includes
constexpr std::size_t k_max_directories = 512;

/// Name up to ".so" or to a version ("libicu" covers libicuuc, libicudata), and why it cannot change code.
struct Harmless {
    std::string_view prefix;
    bool whole;  // the prefix must be followed by ".so" or "-"
    std::string_view why;
};

constexpr std::array k_harmless{
    Harmless{"ld-linux", false, "dynamic linker"},
    Harmless{"ld64", true, "dynamic linker of POWER and s390x"},
    Harmless{"libanl", true, "part of glibc"},
    Harmless{"libbsd", true, "string functions of libedit"},
    Harmless{"libc", true, "C library"},
    Harmless{"libc++", true, "C++ library of LLVM"},
    Harmless{"libc++abi", true, "C++ library of LLVM"},
    Harmless{"libcap", true, "privileges"},
    Harmless{"libcrypt", true, "passwords"},
    Harmless{"libcurl", true, "fetches debug information"},
    Harmless{"libdl", true, "part of glibc"},
    Harmless{"libedit", true, "line editing"},
    Harmless{"libffi", true, "calls from LLVM's interpreter"},
    Harmless{"libgcc_s", true, "unwinder"},
    Harmless{"libicu", false, "Unicode for libxml2"},
    Harmless{"libjansson", true, "JSON reports"},
    Harmless{"liblzma", true, "compression"},
    Harmless{"libm", true, "part of glibc"},
    Harmless{"libmd", true, "hashes of libbsd"},
    Harmless{"libncurses", false, "terminal"},
    Harmless{"libnuma", true, "memory placement"},
    Harmless{"libpthread", true, "part of glibc"},
    Harmless{"librt", true, "part of glibc"},
    Harmless{"libstdc++", true, "C++ library"},
    Harmless{"libtinfo", true, "terminal"},
    Harmless{"libunwind", true, "unwinder"},
    Harmless{"libxml2", true, "manifests for Windows"},
    Harmless{"libz", true, "compression"},
    Harmless{"libz3", true, "solver of the static analyser"},
    Harmless{"libzstd", true, "compression"},
    Harmless{"linux-", false, "vdso"},
};

std::string real_path(const std::string& path) {
    std::unique_ptr<char, void (*)(void*)> real{::realpath(path.c_str(), nullptr), std::free};
    return real ? std::string{real.get()} : std::string{};
}

bool is_regular(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

void add_conf(const std::string& path, int depth, std::vector<std::string>& out);

void add_conf_glob(std::string_view pattern, std::string_view from, int depth, std::vector<std::string>& out) {
    glob_t found{};
    auto full = base::absolute(pattern, base::directory_of(from));
    if (::glob(full.c_str(), 0, nullptr, &found) == 0)
        for (std::size_t i = 0; i < found.gl_pathc && i < k_max_directories; ++i)
            add_conf(found.gl_pathv[i], depth + 1, out);
    ::globfree(&found);
}

/// ld.so.conf's lines: a directory, "include GLOB", "hwcap ..." (dead), comments.
void add_conf(const std::string& path, int depth, std::vector<std::string>& out) {
    if (depth > 4) return;
    auto text = base::read_file(path, k_max_conf_bytes);
    if (!text) return;  // absent on musl and in small roots: the defaults remain
    for (auto line : base::split(*text, '\n')) {
        line = base::trim(line.substr(0, line.find('#')));
        if (line.empty() || out.size() >= k_max_directories) continue;
        if (line.starts_with("include ") || line.starts_with("include\t")) {
            for (auto word : base::split(line.substr(8), ' '))
                if (!base::trim(word).empty()) add_conf_glob(base::trim(word), path, depth, out);
        } else if (line.starts_with('/')) {
            out.emplace_back(line.substr(0, line.find('=')));
        }
    }
}

/// The loader's built-in directories differ by distribution and word size; a file of another class never matches, so the
/// union is safe.
std::vector<std::string> default_directories() {
    std::vector<std::string> out;
    add_conf("/etc/ld.so.conf", 0, out);
    for (const char* d : {"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/lib32", "/usr/lib32"}) out.emplace_back(d);
    glob_t found{};
    for (const char* pattern : {"/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*"}) {
        if (::glob(pattern, GLOB_ONLYDIR, nullptr, &found) == 0)
            for (std::size_t i = 0; i < found.gl_pathc && i < 64; ++i) out.emplace_back(found.gl_pathv[i]);
        ::globfree(&found);
    }
    return out;
}

/// Replaces $ORIGIN, $LIB and $PLATFORM as ld.so does; an unknown $ leaves a path that does not exist.
std::string expand(std::string_view path, std::string_view origin, const Elf& elf) {
    std::string out;
    auto take = [&](std::string_view word) {
        for (auto form : {base::cat("$", word), base::cat("${", word, "}")})
            if (path.starts_with(form)) {
                path.remove_prefix(form.size());
                return true;
            }
        return false;
    };
    while (!path.empty()) {
        if (take("ORIGIN"))
            out += origin;
        else if (take("LIB"))
            out += elf.word_size == 64 ? "lib64" : "lib";
        else {
            out += path.front();
            path.remove_prefix(1);
        }
    }
    return out;
}

/// Follows the needs of one program. Lives for one call of deciding_libraries.
class Closure {
public:
    Closure(const Environment& env, const std::string& cwd) : m_defaults{default_directories()} {
        if (const char* list = find(env, "LD_LIBRARY_PATH"))
            for (auto part : base::split(list, ':'))
                for (auto one : base::split(part, ';')) m_environment.push_back(base::absolute(one, cwd));
    }

    base::Result<> follow(const std::string& object, std::vector<std::string> inherited_rpath, int depth) {
        auto elf = read_elf(object);
        if (!elf) {
            if (elf.error().code == std::errc::executable_format_error) return base::Ok{};  // a script
            return std::move(elf).error();
        }
        std::string origin{base::directory_of(object)};
        auto paths = [&](std::string_view list) {
            std::vector<std::string> out;
            for (auto part : base::split(list, ':'))
                if (!part.empty()) out.push_back(expand(part, origin, *elf));
            return out;
        };
        // RPATH counts only without RUNPATH, and then also for the libraries below.
        auto rpath = elf->runpath.empty() ? paths(elf->rpath) : std::vector<std::string>{};
        rpath.insert(rpath.end(), inherited_rpath.begin(), inherited_rpath.end());
        auto runpath = paths(elf->runpath);
        for (const auto& name : elf->needed) {
            if (!decides_code(name)) continue;
            auto files = locate(name, *elf, {&rpath, &m_environment, &runpath, &m_defaults});
            if (files.empty())
                return base::Error{base::cat(object, " needs ", name, ", which is not found in the library path"),
                                   std::errc::no_such_file_or_directory};
            for (const auto& file : files) {
                if (!m_found.insert(file).second) continue;
                if (m_found.size() > k_max_objects || depth > 32)
                    return base::Error{object + " needs too many libraries", std::errc::argument_list_too_long};
                auto done = follow(file, rpath, depth + 1);
                if (!done) return done;
            }
        }
        return base::Ok{};
    }

    [[nodiscard]] std::vector<std::string> found() const { return {m_found.begin(), m_found.end()}; }

private:
    static bool fits(const std::string& path, const Elf& user) {
        if (!is_regular(path)) return false;
        auto elf = read_elf(path);
        return elf && elf->word_size == user.word_size && elf->machine == user.machine &&
               elf->big_endian == user.big_endian;
    }

    /// The file, and its variants for newer processors: which one is taken depends on the machine, all of them count.
    static std::vector<std::string> locate(const std::string& name, const Elf& user,
                                           std::initializer_list<const std::vector<std::string>*> lists) {
        std::vector<std::string> out;
        if (name.find('/') != std::string::npos) {
            if (fits(name, user)) out.push_back(real_path(name));
            return out;
        }
        for (const auto* list : lists)
            for (const auto& directory : *list) {
                for (const auto& d : variants(directory))
                    if (auto path = d + "/" + name; fits(path, user)) out.push_back(real_path(path));
                if (!out.empty()) return out;
            }
        return out;
    }

    static std::vector<std::string> variants(const std::string& directory) {
        std::vector<std::string> out{directory};
        auto root = directory + "/glibc-hwcaps";
        std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(root.c_str()), ::closedir};
        if (!dir) return out;
        while (const dirent* entry = ::readdir(dir.get()))
            if (entry->d_name[0] != '.' && out.size() < 32) out.push_back(root + "/" + entry->d_name);
        std::sort(out.begin() + 1, out.end());
        return out;
    }

    std::vector<std::string> m_environment;
    std::vector<std::string> m_defaults;
    std::set<std::string> m_found;
};

}  // namespace

bool decides_code(std::string_view soname) {
    for (const auto& row : k_harmless) {
        if (!soname.starts_with(row.prefix)) continue;
        auto rest = soname.substr(row.prefix.size());
        if (!row.whole || rest.starts_with(".so") || rest.starts_with('-')) return false;
    }
    return true;
}

base::Result<std::vector<std::string>> deciding_libraries(const std::string& program, const Environment& env,
                                                          const std::string& cwd) {
    Closure closure{env, cwd};
    auto done = closure.follow(program, {}, 0);
    if (!done) return std::move(done).error();
    return closure.found();
}

}  // namespace compiler
