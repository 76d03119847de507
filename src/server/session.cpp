#include "src/server/session.hpp"

namespace server {

namespace {
/// A request needs two probes at most, and asks again when a compiler is being replaced; more is a compiler gone mad.
constexpr int k_probe_limit = 8;
}  // namespace

Session::~Session() {
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
        case What::run: m_state = State::compiling; break;
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

Step Session::resume() { return take(look_up(m_engine, m_request)); }

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
        case State::compiling: {
            auto kept = keep(m_engine, m_request, std::move(*m_pending), std::move(ran), std::move(fds));
            m_pending = std::move(kept.pending);
            if (!m_pending) m_state = State::over;
            return std::move(kept.step);
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
