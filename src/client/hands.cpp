#include "src/client/hands.hpp"

#include <unistd.h>

#include "src/client/write_outputs.hpp"

namespace client {

std::optional<Outcome> Hands::run(std::string_view payload) {
    wire::Run step;
    if (!wire::decode(payload, step)) return std::nullopt;
    auto outcome = run_program(step);
    if (step.how == wire::Run::How::compile && outcome.ran.wait_status != -1) {
        m_compiled = true;
        m_complete = step.complete;
        m_wait_status = outcome.ran.wait_status;
    }
    return outcome;
}

std::optional<std::vector<base::Fd>> Hands::open(std::string_view payload) {
    wire::Open step;
    if (!wire::decode(payload, step) || step.paths.size() > wire::k_fd_limit) return std::nullopt;
    std::vector<base::Fd> opened;
    for (std::size_t i = 0; i < step.paths.size(); ++i) {
        opened.emplace_back(open_output(step.paths[i].c_str(), step.rules[i]));
        if (!opened.back()) return std::vector<base::Fd>{};
    }
    return opened;
}

bool Hands::write(const wire::Frame& frame) {
    wire::Write step;
    if (!wire::decode(frame.payload, step)) return false;
    if (!step.err.empty() && ::isatty(STDERR_FILENO) == 1) return false;  // a stored text has no colours
    if (!write_outputs(step, frame)) return false;
    (void)print(STDOUT_FILENO, step.out);
    (void)print(STDERR_FILENO, step.err);
    return true;
}

std::optional<int> Hands::settled() const {
    if (m_compiled && (m_complete || m_wait_status != 0)) return m_wait_status;
    return std::nullopt;
}

}  // namespace client
