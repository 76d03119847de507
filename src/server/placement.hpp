#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "src/compiler/invocation.hpp"
#include "src/config/client.hpp"
#include "src/server/slots.hpp"

// Here or elsewhere? Pure decisions over numbers.

namespace server {

/// What the past says about compiles here and elsewhere.
struct PaceView {
    double local_ms = 400;     // mean wall time of a compile here
    double overhead_ms = 120;  // of sending a job away, besides its compile
    double slowness = 1.0;     // wall time elsewhere against wall time here
    unsigned away = 0;         // jobs on their way now
};

/// Learns the numbers of PaceView from results. Thread-safe.
class Pace {
public:
    void made_here(double ms);
    /// `predicted_ms`: what it would have taken here, 0 if unknown.
    void made_away(double ms, double predicted_ms);
    void left() { change(1); }
    void came_back() { change(-1); }
    [[nodiscard]] PaceView view() const;

private:
    void change(int by);
    mutable std::mutex m_mutex;
    PaceView m_view;
};

/// Predicted wall time of a compile here.
struct Guess {
    double ms = 0;
    bool known = false;  // from the last time; else from the size of the source
};
Guess guess_from_size(std::uint64_t source_bytes, const PaceView& pace);

/// Sent jobs cost something here, too: below this a compile is never worth it.
inline constexpr double k_tiny_ms = 60;

/// Auto mode's question: is the job expected to be finished earlier elsewhere? `local` is the gate of compiles here.
bool worth_sending(config::DistMode mode, const Guess& guess, const SlotGate::Load& local, const PaceView& pace);

/// Why such a compile cannot be made elsewhere with the same result; empty: it can.
std::string_view reason_to_stay(const compiler::Invocation& call);

/// A configuration probe (CMake, autoconf, meson): what it finds out is about this machine, and it is tiny. `input` and
/// `cwd` as in the request.
bool is_probe(std::string_view input, std::string_view cwd);

}  // namespace server
