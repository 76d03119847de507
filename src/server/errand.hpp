#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "src/server/engine.hpp"
#include "src/server/farm.hpp"
#include "src/server/history.hpp"
#include "src/server/placement.hpp"
#include "src/server/races.hpp"
#include "src/server/request.hpp"

namespace server {

/// One compile's way to the farm and back: which files it takes along, what comes back, and whether that is what a compile
/// here would have made. Belongs to one session.
class Errand {
public:
    /// Where a compile is to run, and what is missing to send it.
    enum class Verdict { here, list_inputs, send };

    Errand(Engine& engine, Request& request) : m_engine{engine}, m_request{request} {}
    ~Errand();
    Errand(const Errand&) = delete;
    Errand& operator=(const Errand&) = delete;

    /// Decides; fills what the past says.
    Verdict consider(const Pending& pending);
    /// The step that makes the client list the inputs (`gcc -M`): for consider()'s list_inputs.
    Step list_step(const Pending& pending) const;
    /// The client's answer to it. False: the list is no use, compile here.
    bool listed(const Pending& pending, const wire::Ran& ran, const std::vector<base::Fd>& fds);
    /// Sends the job; the waker rings when it is back. False: it cannot go, compile here.
    void send(Pending& pending, const std::shared_ptr<Waker>& waker);
    /// A slot here has nothing else to do and is expected to be done before the farm.
    bool may_race() { return m_race && m_race->take_turn(); }
    /// It is compiled here now: the next free slot is another's.
    void races() { m_race.reset(); }
    /// It was made here after all: takes the job back, if it is still away.
    void call_back();

    /// Is the answer there?
    [[nodiscard]] bool is_back() const;
    /// What came back, as if the client had compiled: for keep(), `pending.away` filled. Nothing: compile here (counted and
    /// logged).
    struct Made {
        wire::Ran ran;
        std::vector<base::Fd> fds;
    };
    std::optional<Made> take(Pending& pending);
    /// keep() found that what came back may not be what a compile here makes.
    void doubted(std::string_view why);

    /// How the compile went in the end, for the next time; `inputs`: what it read or passed over.
    void remember(const wire::Ran& ran, std::vector<std::string> inputs);
    /// Predicted wall time here, in milliseconds; 0: unknown.
    [[nodiscard]] double predicted_ms() const { return m_past ? m_past->compile_ms : 0; }

private:
    struct Answer;
    enum class Travel { fit, incomplete, unfit };
    Travel can_travel(const Pending& pending, std::vector<std::string> inputs);
    void count_failure(const wire::RemoteResult& result);
    wire::RemoteJob job_for(Pending& pending);

    Engine& m_engine;
    Request& m_request;
    base::Digest m_history;
    base::Digest m_content;  // of the same with this source
    std::optional<Past> m_past;
    bool m_exact = false;  // fresh from the compiler, not from the past
    std::vector<std::string> m_inputs;
    std::shared_ptr<const std::unordered_set<std::string>> m_shipped;  // m_inputs absolute; shared with Pending
    std::vector<std::string> m_outputs;                                // requested of the builder
    int m_dep_output = -1;             // index in m_outputs of the dependency file that is ours
    std::shared_ptr<Answer> m_answer;  // shared with the farm's callback
    std::uint64_t m_job = 0;
    bool m_away = false;
    Guess m_guess;
    std::unique_ptr<Races::Entry> m_race;
};

}  // namespace server
