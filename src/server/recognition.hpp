#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "src/base/digest.hpp"
#include "src/compiler/toolset.hpp"
#include "src/key/stamps.hpp"

namespace server {

/// A program that turned out to be a compiler driver.
struct KnownDriver {
    std::string path;  // as resolved along PATH
    compiler::Driver driver;
    key::Stamp stamp;  // of the file behind path
};

/// The tools of one driver for one language and set of deciding flags, with their content's name.
struct KnownTools {
    compiler::Toolset toolset;
    std::vector<key::Stamp> stamps;  // of toolset.files, in order
    base::Digest identity;           // content of toolset.files
};

/// A question only the client can ask: the user's compiler is never run by the server.
struct Probe {
    base::Digest id;
    enum class About { driver, tools } about{};
    std::string program;
    std::vector<std::string> argv;
    std::string cwd;
    std::shared_ptr<const KnownDriver> driver;            // about tools
    std::shared_ptr<const compiler::Invocation> invocation;  // about tools
    std::int64_t asked_at = 0;                            // file clock
};

/// What compilers there are and what they consist of, remembered. Thread-safe. One question is asked once however many
/// clients wait for its answer (`busy`).
class Recognition {
public:
    enum class State {
        known,
        unknown_program,  // not a compiler of ours: run it untouched
        ask,              // the caller's client must run `probe` and then call learn() or give_up()
        busy,             // somebody else's client is asking: try again when woken
    };
    template <class Thing>
    struct Answer {
        State state{};
        std::shared_ptr<const Thing> known;
        Probe probe;
    };

    explicit Recognition(key::Stamps& stamps) : m_stamps{stamps} {}
    /// Called after each learn() or give_up(): those who got `busy` should try again.
    void on_news(std::function<void()> call) { m_on_news = std::move(call); }
    /// Keeps what is learnt in files of this directory, for processes to come. Empty: does not.
    void remember_in(std::string directory);

    /// Is the program at `path` a driver?
    Answer<KnownDriver> driver(const std::string& path, const std::string& cwd, const compiler::Environment& env);
    /// Its tools for this call.
    Answer<KnownTools> tools(const std::shared_ptr<const KnownDriver>& driver, const std::shared_ptr<const compiler::Invocation>& call,
                             const std::string& cwd, const compiler::Environment& env);
    /// The client's answer to a probe.
    void learn(const Probe& probe, int wait_status, std::string_view out, std::string_view err, const compiler::Environment& env);
    /// The client went away without an answer.
    void give_up(const Probe& probe);

private:
    struct DriverFact {
        std::shared_ptr<const KnownDriver> driver;  // null: some other program
        key::Stamp stamp;
    };
    base::Result<std::shared_ptr<const KnownTools>> identify(compiler::Toolset toolset);
    bool still_holds(const KnownTools& tools) const;
    State claim(const base::Digest& id);
    std::shared_ptr<const KnownTools> recall_tools(const base::Digest& id);

    key::Stamps& m_stamps;
    std::function<void()> m_on_news;
    std::string m_directory;
    std::mutex m_mutex;
    std::unordered_map<base::Digest, DriverFact> m_drivers;
    std::unordered_map<base::Digest, std::shared_ptr<const KnownTools>> m_tools;
    std::unordered_set<base::Digest> m_asking;
    std::unordered_map<base::Digest, std::string> m_refused;  // tools probes that failed, with the reason
};

}  // namespace server
