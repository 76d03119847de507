#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "dist/protocol/messages.hpp"
#include "src/base/digest.hpp"
#include "src/base/files.hpp"

namespace test {

/// A directory that goes with the test.
class Scratch {
public:
    Scratch() {
        const char* top = ::getenv("TMPDIR");
        m_path = std::string{top && *top ? top : "/tmp"} + "/sccache-test-XXXXXX";
        if (!::mkdtemp(m_path.data())) ::abort();
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    [[nodiscard]] const std::string& path() const { return m_path; }
    [[nodiscard]] std::string operator/(const std::string& name) const { return m_path + "/" + name; }
    /// Writes a file and returns its path.
    std::string file(const std::string& name, const std::string& content, unsigned mode = 0644) const {
        auto path = m_path + "/" + name;
        std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
        if (!base::write_file(path, content, mode)) ::abort();
        return path;
    }

private:
    std::string m_path;
};

inline protocol::ArchiveId id_of(const std::string& bytes) { return *protocol::ArchiveId::of_digest(base::hash_bytes(bytes).view()); }

}  // namespace test
