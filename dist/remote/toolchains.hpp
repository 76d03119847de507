#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "dist/protocol/messages.hpp"
#include "dist/remote/trouble.hpp"
#include "src/base/fd.hpp"
#include "src/base/result.hpp"
#include "src/wire/remote_messages.hpp"

namespace remote {

/// The toolchain archives of this user, each packed once per compiler and kept below [dist] cache_dir:
/// client/weak_map.json says which archive a compiler's content became, client/tc/a/b/ID are the archives. Several processes
/// may use the directory. Thread-safe.
class Toolchains {
public:
    Toolchains(std::string cache_dir, std::uint64_t limit);
    ~Toolchains();

    /// An archive, and the compiler's path in it.
    struct Ready {
        protocol::ArchiveId id;
        std::string compiler;
        std::string file;  // given by the configuration; empty: ours
    };
    /// The job's toolchain if it needs no work and no waiting.
    std::optional<Ready> known(const wire::RemoteJob& job);
    /// The job's toolchain. Packing takes seconds: a patient job waits for it, others are told to come back.
    std::variant<Ready, Trouble> find(const wire::RemoteJob& job);
    /// The archive's bytes; packs again when it was removed meanwhile.
    base::Result<base::Fd> open(const Ready& ready, const wire::RemoteJob& job);

private:
    struct Packing {
        bool done = false;
        base::Result<protocol::ArchiveId> id = base::Error{"not packed yet"};
        std::int64_t failed_at = 0;  // seconds, to try again some time
    };
    std::variant<Ready, Trouble> of_archive(const wire::ToolchainRule& rule);
    void start_packing(const std::string& weak, const wire::RemoteJob& job);
    base::Result<protocol::ArchiveId> pack(const std::string& weak, const wire::RemoteJob& job);
    base::Result<> prepare();
    std::map<std::string, std::string> read_weak_map();
    base::Result<> add_to_weak_map(const std::string& weak, const std::string& id);
    [[nodiscard]] std::string path_of(const protocol::ArchiveId& id) const;
    void make_room(const std::string& keep);

    const std::string m_directory;  // cache_dir/client
    const std::string m_top;        // cache_dir
    const std::uint64_t m_limit;
    std::mutex m_mutex;
    std::condition_variable m_news;
    std::map<std::string, Packing> m_packings;                                   // by weak key
    std::map<std::string, protocol::ArchiveId> m_known;                          // weak key -> archive
    std::map<std::string, std::pair<std::string, protocol::ArchiveId>> m_given;  // configured archive -> (stamp, id)
    std::vector<std::thread> m_threads;
};

}  // namespace remote
