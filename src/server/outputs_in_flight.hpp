#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace server {

/// Which object paths compiles are writing just now. Two compiles with one object path in flight at the same time may have
/// mixed their bytes: neither result is stored. Thread-safe.
class OutputsInFlight {
public:
    /// One compile's claim on a path; ends with the object.
    class Claim {
    public:
        Claim(OutputsInFlight& owner, std::string path);
        ~Claim();
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;
        /// Was nobody else writing there since the claim began?
        [[nodiscard]] bool alone() const;

    private:
        OutputsInFlight& m_owner;
        std::string m_path;
    };
    /// `path` absolute.
    std::unique_ptr<Claim> claim(std::string path) { return std::make_unique<Claim>(*this, std::move(path)); }

private:
    struct Use {
        unsigned now = 0;
        bool shared = false;
    };
    mutable std::mutex m_mutex;
    std::unordered_map<std::string, Use> m_uses;
};

}  // namespace server
