#include "src/server/session.hpp"

#include "src/base/log.hpp"
#include "src/base/strings.hpp"
#include "src/server/run_step.hpp"

namespace server {

namespace {
/// A request needs two probes at most, and asks again when a compiler is being replaced; more is a compiler gone mad.
constexpr int k_probe_limit = 8;
}  // namespace

Session::Session(Engine& engine, std::function<void()> wake) : m_engine{engine}, m_can_wait{static_cast<bool>(wake)} {
    m_waker->on_ring(std::move(wake));
}

Session::~Session() {
    m_waker->silence();
    if (m_probe) m_engine.recognition.give_up(*m_probe);
}

Step Session::fail_safe() {
    m_state = State::over;
    return {wire::Type::exec, {}, {}};
}

Step Session::take(LookedUp looked) {
    using What = LookedUp::What;
    m_pending = std::move(looked.pending);
    m_unpacking = std::move(looked.unpacking);
    m_probe = std::move(looked.probe);
    switch (looked.what) {
        case What::step: m_state = State::over; break;
        case What::run: return place(std::move(looked.step));
        case What::preprocess: m_state = State::preprocessing; break;
        case What::unpack: m_state = State::unpacking; break;
        case What::busy: m_state = State::parked; break;
        case What::probe:
            m_state = State::probing;
            if (++m_probes > k_probe_limit) {
                m_engine.recognition.give_up(*m_probe);
                m_probe.reset();
                return fail_safe();
            }
            break;
    }
    return std::move(looked.step);
}

Step Session::begin(wire::Compile call) {
    m_request.arrived = std::chrono::steady_clock::now();
    m_request.call = std::move(call);
    if (!(m_request.call.root == m_engine.root)) {
        m_state = State::over;
        return {wire::Type::foreign, {}, {}};
    }
    m_request.context = m_engine.contexts.for_environment(m_request.call.env);
    m_engine.tally.request();
    return take(look_up(m_engine, m_request));
}

Step Session::resume() {
    switch (m_state) {
        case State::away:
            m_waker->arm();
            return m_errand->is_back() ? back() : race();
        case State::queued: {
            m_slot = m_ticket->take();
            if (!m_slot) return wait(State::queued);
            m_ticket.reset();
            m_state = m_then;
            if (m_state == State::compiling) m_pending->started = key::file_clock();
            return std::move(m_then_step);
        }
        default: return take(look_up(m_engine, m_request));
    }
}

Step Session::wait(State state) {
    m_state = state;
    return {wire::Type::wait, {}, {}};
}

/// Where is the compile to run? Without a farm there is no question.
Step Session::place(Step here) {
    const auto& loaded = m_request.context->loaded;
    if (!m_engine.farm || !m_can_wait || !loaded.has_farm()) {
        m_state = State::compiling;
        return here;
    }
    m_here = std::move(here);
    if (loaded.settings.local_slots > 0) m_engine.slots.set_capacity(static_cast<unsigned>(loaded.settings.local_slots));
    m_errand.emplace(m_engine, m_request);
    switch (m_errand->consider(*m_pending)) {
        case Errand::Verdict::send: return send();
        case Errand::Verdict::list_inputs:
            return when_granted(m_engine.listers, State::listing, m_errand->list_step(*m_pending));
        case Errand::Verdict::here: break;
    }
    return go_home();
}

Step Session::send() {
    m_errand->send(*m_pending, m_waker);
    return wait(State::away);
}

/// The farm has not answered. Perhaps a slot here has nothing better to do: who is first makes the object.
Step Session::race() {
    if (!m_errand->may_race()) return wait(State::away);
    m_slot = m_engine.slots.try_take();
    if (!m_slot) return wait(State::away);
    m_errand->races();
    base::log::debug("sccache::dist", base::cat("[", m_request.label, "]: compiled here as well: the farm takes long"));
    m_state = State::compiling;
    m_pending->started = key::file_clock();
    return std::move(m_here);
}

Step Session::go_home() { return when_granted(m_engine.slots, State::compiling, std::move(m_here)); }

/// Hands the step out as soon as the gate has a slot for it.
Step Session::when_granted(SlotGate& gate, State then, Step step) {
    m_slot = gate.try_take();
    if (m_slot) {
        m_state = then;
        return step;
    }
    m_then = then;
    m_then_step = std::move(step);
    m_waker->arm();
    m_ticket = gate.queue(m_waker);
    return wait(State::queued);
}

/// The farm has answered.
Step Session::back() {
    auto made = m_errand->take(*m_pending);
    if (!made) return go_home();
    return kept(keep(m_engine, m_request, std::move(*m_pending), std::move(made->ran), std::move(made->fds)));
}

Step Session::kept(Kept kept) {
    m_pending = std::move(kept.pending);
    if (!kept.doubt.empty()) {
        m_errand->doubted(kept.doubt);
        (void)compile_step(m_request, *m_pending);  // what is captured is again what the step in m_here captures
        return go_home();
    }
    if (m_errand && kept.ran) m_errand->remember(*kept.ran, std::move(kept.inputs));
    m_state = m_pending ? State::compiling : State::over;
    return std::move(kept.step);
}

Step Session::ran(wire::Ran ran, std::vector<base::Fd> fds) {
    switch (m_state) {
        case State::probing: {
            Probe probe = std::move(*m_probe);
            m_probe.reset();
            m_engine.recognition.learn(probe, ran.wait_status, ran.out, ran.err, m_request.call.env);
            return take(look_up(m_engine, m_request));
        }
        case State::preprocessing: {
            Pending pending = std::move(*m_pending);
            return take(look_up_text(m_engine, m_request, std::move(pending), ran, fds));
        }
        case State::listing: {
            m_slot.release();
            if (!m_errand->listed(*m_pending, ran, fds)) return go_home();
            return send();
        }
        case State::compiling: {
            m_slot.release();
            if (m_errand) m_errand->call_back();
            if (m_errand && ran.wait_status == 0 && !m_pending->away) m_engine.pace.made_here(ran.wall_ms);
            return kept(keep(m_engine, m_request, std::move(*m_pending), std::move(ran), std::move(fds)));
        }
        default: return fail_safe();
    }
}

Step Session::opened(std::vector<base::Fd> fds) {
    if (m_state != State::unpacking) return fail_safe();
    m_state = State::over;
    return unpack(m_engine, m_request, std::move(*m_unpacking), fds);
}

}  // namespace server
