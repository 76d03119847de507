#include "src/compiler/response_file.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "src/base/files.hpp"
#include "src/base/strings.hpp"

// Two tokenisers exist: libiberty's (gcc) and LLVM's GNU one (clang). On the files build tools write they agree; where they
// or two gcc releases differ, the compile is not cached instead of keeping four copies of somebody else's parser:
//   - gcc up to 14 takes a backslash inside single quotes as an escape, later ones literally; in double quotes later ones
//     escape only $ ` " \ ;
//   - backslash-newline is a newline or nothing; a backslash at the end is dropped or kept;
//   - '' is an empty argument (gcc) or nothing (clang).

namespace compiler {

namespace {

using base::Error;
using base::Result;

Error unclear(std::string_view what) { return {base::cat("response file: ", what), std::errc::not_supported}; }

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

Result<> check_bytes(std::string_view text) {
    if (text.find('\0') != text.npos) return unclear("a NUL byte");
    if (text.find_first_of("\f\v") != text.npos) return unclear("a form feed or vertical tab");
    if (text.starts_with("\xef\xbb\xbf") || text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
        return unclear("a byte order mark");
    return base::Ok{};
}

/// Does every compiler take backslash + `next` here as plain `next`?
bool agreed_escape(Kind kind, char quote, char next) {
    if (next == '\n' || next == '\r') return false;
    if (kind == Kind::clang || quote == 0) return true;
    return quote == '"' && (next == '$' || next == '`' || next == '"' || next == '\\');
}

/// The work list of one expansion.
struct Expansion {
    Kind kind;
    const std::string& cwd;
    std::vector<std::string> out;
    std::vector<std::string> open;  // files being read, outermost first
    std::size_t bytes = 0;

    Result<> add(const std::vector<std::string>& args) {
        for (const auto& arg : args) {
            if (arg.size() > 1 && arg.front() == '@') {
                if (auto done = add_file(arg); !done) return done;
            } else {
                out.push_back(arg);
                if (out.size() > k_response_args_max) return unclear("too many arguments");
            }
        }
        return base::Ok{};
    }

    Result<> add_file(const std::string& arg) {
        auto path = base::absolute(std::string_view{arg}.substr(1), cwd);
        if (std::find(open.begin(), open.end(), path) != open.end()) return unclear("it includes itself");
        // A pipe (@<(...)) would be eaten, or is somebody else's /dev/fd; opening one may block.
        struct stat st{};
        if (::stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode)) return unclear("not a regular file");
        auto fd = base::open_read(path);
        if (!fd) {
            out.push_back(arg);
            return base::Ok{};
        }
        auto text = base::read_all(fd->get(), k_response_bytes_max - bytes);
        if (!text) return std::move(text).error();
        bytes += text->size();
        auto args = split_response(kind, *text);
        if (!args) return std::move(args).error();
        open.push_back(std::move(path));
        auto done = add(*args);
        open.pop_back();
        return done;
    }
};

}  // namespace

Result<std::vector<std::string>> split_response(Kind kind, std::string_view text) {
    if (auto fine = check_bytes(text); !fine) return std::move(fine).error();
    std::vector<std::string> args;
    std::string arg;
    bool started = false;
    char quote = 0;
    auto finish = [&]() -> bool {
        if (started && arg.empty()) return false;
        if (started) args.push_back(std::move(arg));
        arg.clear();
        started = false;
        return true;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\') {
            if (i + 1 == text.size() || !agreed_escape(kind, quote, text[i + 1])) return unclear("an ambiguous backslash");
            arg.push_back(text[++i]);
            started = true;
        } else if (quote) {
            if (c == quote) quote = 0;
            else arg.push_back(c);
        } else if (c == '\'' || c == '"') {
            quote = c;
            started = true;
        } else if (is_blank(c)) {
            if (!finish()) return unclear("an empty argument");
        } else {
            arg.push_back(c);
            started = true;
        }
    }
    if (quote) return unclear("an unfinished quote");
    if (!finish()) return unclear("an empty argument");
    return args;
}

Result<std::vector<std::string>> expand_response_files(Kind kind, const std::vector<std::string>& args,
                                                       const std::string& cwd) {
    Expansion expansion{kind, cwd, {}, {}};
    expansion.out.reserve(args.size());
    if (auto done = expansion.add(args); !done) return std::move(done).error();
    return std::move(expansion.out);
}

}  // namespace compiler
