#include "src/server/placement.hpp"

#include <algorithm>

#include "src/base/files.hpp"
#include "src/server/native.hpp"

namespace server {

namespace {

constexpr double k_learn = 0.15;  // weight of the newest result

void learn(double& mean, double value) { mean += k_learn * (value - mean); }

}  // namespace

void Pace::made_here(double ms) {
    std::lock_guard lock{m_mutex};
    learn(m_view.local_ms, ms);
}

void Pace::made_away(double ms, double predicted_ms) {
    if (predicted_ms <= 0) return;
    std::lock_guard lock{m_mutex};
    // Short jobs tell about the way, long ones about the builders.
    if (predicted_ms < 3 * m_view.overhead_ms)
        learn(m_view.overhead_ms, std::clamp(ms - predicted_ms * m_view.slowness, 5.0, 60'000.0));
    else
        learn(m_view.slowness, std::clamp((ms - m_view.overhead_ms) / predicted_ms, 0.05, 20.0));
}

void Pace::change(int by) {
    std::lock_guard lock{m_mutex};
    if (by > 0)
        ++m_view.away;
    else if (m_view.away > 0)
        --m_view.away;
}

PaceView Pace::view() const {
    std::lock_guard lock{m_mutex};
    return m_view;
}

Guess guess_from_size(std::uint64_t source_bytes, const PaceView& pace) {
    // Headers are not counted, and usually weigh more than the source: the mean of other compiles stands for them.
    return {pace.local_ms * 0.7 + static_cast<double>(source_bytes) / 100.0, false};
}

bool worth_sending(config::DistMode mode, const Guess& guess, const SlotGate::Load& local, const PaceView& pace) {
    if (mode == config::DistMode::off) return false;
    if (mode == config::DistMode::always) return true;
    if (guess.known && guess.ms < k_tiny_ms) return false;
    double here = guess.ms;
    if (local.taken >= local.capacity) here += pace.local_ms * (1.0 + local.waiting) / std::max(1u, local.capacity);
    return pace.overhead_ms + guess.ms * pace.slowness < here;
}

std::string_view reason_to_stay(const compiler::Invocation& call) {
    using compiler::Language;
    switch (call.language) {
        case Language::c:
        case Language::cxx:
        case Language::assembler:
        case Language::assembler_with_cpp:
        case Language::c_preprocessed:
        case Language::cxx_preprocessed: break;
        default: return "language";
    }
    if (call.input.empty() || call.input == "-") return "standard input";
    if (auto why = native_reason_to_stay(call); !why.empty()) return why;
    bool tells_inputs = call.dep.form != compiler::DepRequest::Form::none || call.dep_capture;
    if (compiler::is_preprocessed_by_compiler(call.language) && !tells_inputs) return "dependency options";
    for (const auto& a : call.args) {
        std::string_view arg{a};
        if (arg.starts_with("-fplugin") || arg == "-load" || arg.starts_with("-fpass-plugin")) return "plugin";
        if (arg.starts_with("-specs") || arg.starts_with("--specs") || arg.starts_with("-B") ||
            arg.starts_with("-wrapper") || arg.starts_with("--sysroot") || arg.starts_with("-fuse-ld") ||
            arg.starts_with("--gcc-toolchain") || arg.starts_with("-ccc-") || arg.starts_with("--config") ||
            arg.starts_with("-fprofile-use") || arg.starts_with("-fauto-profile") || arg.starts_with("-fmodule"))
            return "an option that names other parts of the compiler";
    }
    return {};
}

bool is_probe(std::string_view input, std::string_view cwd) {
    auto name = base::name_of(input);
    if (name.starts_with("conftest.") || name.starts_with("cmTC_") || name.starts_with("sanitycheck")) return true;
    for (auto path : {input, cwd})
        for (std::string_view part : {"CMakeScratch", "CMakeTmp", "CMakeFiles/3.", "CompilerIdC", "meson-private"})
            if (path.find(part) != std::string_view::npos) return true;
    return false;
}

}  // namespace server
