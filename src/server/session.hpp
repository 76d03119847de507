#pragma once

#include <optional>

#include "src/server/keep.hpp"
#include "src/server/look_up.hpp"

namespace server {

/// One conversation with one client, whatever channel its frames come by: a socket, or the one-shot process itself. Used by
/// one thread at a time.
class Session {
public:
    explicit Session(Engine& engine) : m_engine{engine} {}
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// The client's compile call; the first thing of a session.
    Step begin(wire::Compile call);
    /// The client ran what the last step said.
    Step ran(wire::Ran ran, std::vector<base::Fd> fds);
    /// The client opened what the last step said (no descriptors: it could not).
    Step opened(std::vector<base::Fd> fds);
    /// After `parked()`: try again.
    Step resume();

    /// Waiting for an answer that another client is getting; resume() when there is news.
    [[nodiscard]] bool parked() const { return m_state == State::parked; }
    /// No further step follows the last one.
    [[nodiscard]] bool over() const { return m_state == State::over; }

private:
    enum class State { fresh, parked, probing, preprocessing, compiling, unpacking, over };
    Step take(LookedUp looked);
    Step fail_safe();

    Engine& m_engine;
    State m_state = State::fresh;
    Request m_request;
    std::optional<Probe> m_probe;
    std::optional<Pending> m_pending;
    std::optional<Unpacking> m_unpacking;
    int m_probes = 0;
};

}  // namespace server
