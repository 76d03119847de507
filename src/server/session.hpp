#pragma once

#include <optional>

#include "src/server/errand.hpp"
#include "src/server/keep.hpp"
#include "src/server/look_up.hpp"

namespace server {

/// One conversation with one client, whatever channel its frames come by: a socket, or the one-shot process itself. Used by
/// one thread at a time.
class Session {
public:
    /// `wake` is called from any thread when a waiting session should be resumed; without it nothing is waited for but
    /// other clients' answers.
    explicit Session(Engine& engine, std::function<void()> wake = {});
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

    /// Waiting: for an answer that another client is getting, for the farm, for a slot; resume() when there is news.
    [[nodiscard]] bool parked() const { return m_state == State::parked || m_state == State::away || m_state == State::queued; }
    /// Waiting for another client's answer.
    [[nodiscard]] bool wants_recognition() const { return m_state == State::parked; }
    /// News came since it began to wait.
    [[nodiscard]] bool has_news() const { return m_state != State::parked && m_waker->rung(); }
    /// No further step follows the last one.
    [[nodiscard]] bool over() const { return m_state == State::over; }

private:
    enum class State { fresh, parked, probing, preprocessing, listing, queued, away, compiling, unpacking, over };
    Step take(LookedUp looked);
    Step place(Step here);
    Step send();
    Step race();
    Step go_home();
    Step when_granted(SlotGate& gate, State then, Step step);
    Step wait(State state);
    Step back();
    Step kept(Kept kept);
    Step fail_safe();

    Engine& m_engine;
    State m_state = State::fresh;
    Request m_request;
    std::optional<Probe> m_probe;
    std::optional<Pending> m_pending;
    std::optional<Unpacking> m_unpacking;
    int m_probes = 0;

    // Only with a farm in the settings.
    std::shared_ptr<Waker> m_waker = std::make_shared<Waker>();  // shared with whom we wait for
    bool m_can_wait = false;
    std::optional<Errand> m_errand;
    Step m_here;                    // the compile step, for when it is to be made here
    SlotGate::Slot m_slot;
    std::unique_ptr<SlotGate::Ticket> m_ticket;
    State m_then = State::over;     // what follows once the ticket is granted
    Step m_then_step;
};

}  // namespace server
