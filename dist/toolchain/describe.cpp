#include "dist/toolchain/describe.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "dist/toolchain/ask.hpp"
#include "src/base/files.hpp"
#include "src/base/strings.hpp"

namespace toolchain {
namespace {

// lto1 and lto-wrapper run only when linking; a request may name them in `tools`.
const std::vector<std::string> k_gcc_tools{"cc1", "cc1plus", "cc1obj", "cc1objplus", "as", "objcopy", "collect2"};
const std::vector<std::string> k_clang_tools{"as", "objcopy"};

std::string value_of(const std::vector<std::string>& environment, std::string_view name) {
    for (const auto& e : environment)
        if (e.size() > name.size() && e[name.size()] == '=' && e.compare(0, name.size(), name) == 0)
            return e.substr(name.size() + 1);
    return {};
}

bool is_executable_file(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

/// A driver answers a name it did not find with the name itself; then its own search goes on along PATH.
std::string located(std::string answer, const Request& request) {
    std::string name{base::trim(answer)};
    if (name.find('/') != std::string::npos) return name[0] == '/' && is_executable_file(name) ? name : std::string{};
    const auto path_variable = value_of(request.environment, "PATH");  // what is split below are views into it
    for (auto dir : base::split(path_variable, ':'))
        if (auto path = base::cat(dir, "/", name); !dir.empty() && dir[0] == '/' && is_executable_file(path)) return path;
    return {};
}

base::Result<> add_tools(const Request& request, const std::vector<std::string>& usual, const Libraries& libraries,
                         Contents& contents) {
    for (const auto& tool : request.tools.empty() ? usual : request.tools) {
        auto answer = ask({request.compiler, "-print-prog-name=" + tool}, request.environment);
        if (!answer) return std::move(answer).error();
        auto path = located(*answer, request);
        if (path.empty()) continue;  // this installation has no such part (cc1plus without g++)
        auto added = contents.add_program(path, libraries);
        if (!added) return added;
    }
    return base::Ok{};
}

base::Result<> add_if_there(const std::string& path, const Libraries& libraries, Contents& contents) {
    struct stat st {};
    if (path.empty() || path[0] != '/' || ::stat(path.c_str(), &st) != 0) return base::Ok{};
    if (S_ISDIR(st.st_mode)) return contents.add_tree(path);
    return contents.add_program(path, libraries);
}

base::Result<> add_gcc(const Request& request, const Libraries& libraries, Contents& contents) {
    auto tools = add_tools(request, k_gcc_tools, libraries, contents);
    if (!tools) return tools;
    for (std::string file : {"specs", "liblto_plugin.so"}) {
        auto answer = ask({request.compiler, "-print-file-name=" + file}, request.environment);
        if (!answer) return std::move(answer).error();
        auto added = add_if_there(std::string{base::trim(*answer)}, libraries, contents);
        if (!added) return added;
    }
    return base::Ok{};
}

// clang finds the C++ headers beside a gcc installation, and it recognises one by its crtbegin.o; without those files
// its search path in the sandbox would differ from the one here.
base::Result<> add_gcc_markers(const std::string& verbose, const Libraries& libraries, Contents& contents) {
    std::string selected;
    for (auto line : base::split(verbose, '\n')) {
        auto value_after = [&](std::string_view label) -> std::string {
            return line.substr(0, label.size()) == label ? std::string{base::trim(line.substr(label.size()))} : std::string{};
        };
        auto dir = value_after("Found candidate GCC installation:");
        if (dir.empty()) dir = selected = value_after("Selected GCC installation:");
        std::vector<std::string> files;
        if (!dir.empty())
            for (auto* sub : {"/", "/32/", "/x32/", "/64/"}) files.push_back(base::cat(dir, sub, "crtbegin.o"));
        if (auto config = value_after("Configuration file:"); !config.empty()) files.push_back(config);
        for (const auto& file : files) {
            auto added = add_if_there(file, libraries, contents);
            if (!added) return added;
        }
    }
    return base::Ok{};
}

base::Result<> add_clang(const Request& request, const Libraries& libraries, Contents& contents) {
    auto tools = add_tools(request, k_clang_tools, libraries, contents);
    if (!tools) return tools;
    auto resources = ask({request.compiler, "-print-resource-dir"}, request.environment);
    if (!resources) return std::move(resources).error();
    std::string dir{base::trim(*resources)};
    for (auto* part : {"/include", "/share"}) {
        auto added = add_if_there(dir + part, libraries, contents);
        if (!added) return added;
    }
    auto verbose = ask({request.compiler, "-v"}, request.environment, Streams::both);
    if (!verbose) return std::move(verbose).error();
    return add_gcc_markers(*verbose, libraries, contents);
}

base::Result<> add_rustc(const Request& request, const Libraries& libraries, Contents& contents) {
    auto answer = ask({request.compiler, "--print=sysroot", "--print=target-libdir"}, request.environment);
    if (!answer) return std::move(answer).error();
    auto lines = base::split(*answer, '\n');
    if (lines.size() < 2 || lines[0].empty() || lines[1].empty())
        return base::Error{request.compiler + " did not say where its libraries are", std::errc::invalid_argument};
    std::string sysroot{base::trim(lines[0])}, libdir{base::trim(lines[1])};
    auto driver = contents.add_program(sysroot + "/bin/rustc", libraries);
    if (!driver) return driver;
    // SYSROOT/lib/rustlib/TRIPLE/lib -> the whole of rustlib but for sources and installer notes.
    auto rustlib = std::string{base::directory_of(base::directory_of(libdir))};
    return contents.add_tree(rustlib, {"src", "etc"});
}

base::Result<> add_surroundings(const Request& request, const Libraries& libraries, Contents& contents) {
    contents.add_directory("/tmp");
    // The loader's configuration is expected by peers; the C.UTF-8 locale decides how diagnostics are quoted.
    for (auto* path : {"/etc/ld.so.conf", "/etc/ld.so.conf.d", "/usr/lib/locale/C.utf8"}) {
        auto added = add_if_there(path, libraries, contents);
        if (!added) return added;
    }
    for (const auto& file : request.extra_files) {
        struct stat st {};
        if (::stat(file.c_str(), &st) != 0) return base::errno_error("cannot pack " + file);
        auto added = add_if_there(file, libraries, contents);
        if (!added) return added;
    }
    return base::Ok{};
}

}  // namespace

Family family_of(const Request& request) {
    auto name = base::name_of(request.compiler);
    if (name == "rustc" || name.substr(0, 6) == "rustc-") return Family::rustc;
    auto answer = ask({request.compiler, "--version"}, request.environment);
    if (!answer) return Family::other;
    if (answer->find("clang version") != std::string::npos) return Family::clang;
    if (answer->find("Free Software Foundation") != std::string::npos) return Family::gcc;
    if (answer->substr(0, 6) == "rustc ") return Family::rustc;
    return Family::other;
}

base::Result<Contents> list_toolchain(const Request& request) {
    if (request.compiler.empty() || request.compiler[0] != '/')
        return base::Error{"cannot pack \"" + request.compiler + "\": give the compiler's absolute path",
                           std::errc::invalid_argument};
    Libraries libraries{value_of(request.environment, "LD_LIBRARY_PATH"), "/etc/ld.so.conf"};
    Contents contents;
    const auto family = family_of(request);
    auto step = add_surroundings(request, libraries, contents);
    // rustup's `rustc` is a proxy; the real one is named by its sysroot.
    if (step && family != Family::rustc) step = contents.add_program(request.compiler, libraries);
    if (step) {
        switch (family) {
            case Family::gcc: step = add_gcc(request, libraries, contents); break;
            case Family::clang: step = add_clang(request, libraries, contents); break;
            case Family::rustc: step = add_rustc(request, libraries, contents); break;
            case Family::other: break;
        }
    }
    if (!step) return std::move(step).error();
    return contents;
}

}  // namespace toolchain
