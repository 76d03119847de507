#pragma once

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "src/base/digest.hpp"

/// A fresh directory for one test, removed with everything in it at the end.
struct TempDirectory {
    std::string path;
    TempDirectory() {
        const char* base = ::getenv("TMPDIR");
        path = std::string{base != nullptr ? base : "/tmp"} + "/sccache-store-XXXXXX";
        if (::mkdtemp(path.data()) == nullptr) path.clear();
    }
    TempDirectory(const TempDirectory&) = delete;
    TempDirectory& operator=(const TempDirectory&) = delete;
    ~TempDirectory() { remove(path); }

    static void remove(const std::string& tree) {
        if (tree.empty()) return;
        ::nftw(
            tree.c_str(),
            [](const char* p, const struct stat*, int type, FTW*) {
                if (type == FTW_DNR) ::chmod(p, 0700);
                return ::remove(p);
            },
            16, FTW_DEPTH | FTW_PHYS);
    }
};

inline base::Digest key_of(std::string_view text) { return base::hash_bytes(text); }
