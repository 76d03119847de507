#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "src/client/run_program.hpp"
#include "src/wire/channel.hpp"

namespace client {

/// Performs the steps of one compile call and remembers where the user's compile stands. The same hands work for a server's
/// steps that come over a socket and for those of a one-shot process.
class Hands {
public:
    /// A Run step. Nothing: not such a step.
    std::optional<Outcome> run(std::string_view payload);
    /// An Open step: the descriptors in its order, none of them when one could not be opened. Nothing: not such a step.
    static std::optional<std::vector<base::Fd>> open(std::string_view payload);
    /// A Write step: files in place and texts printed. False: it was not, or must not be, done.
    static bool write(const wire::Frame& frame);

    /// The status to end with after a Write step.
    [[nodiscard]] int wait_status() const { return m_wait_status; }
    /// Left alone now: the status to end with, or nothing when the compiler has to be run plainly. A compile that failed has
    /// printed its messages; one that succeeded may lack a file that only the server can write.
    [[nodiscard]] std::optional<int> settled() const;

private:
    bool m_compiled = false;  // the user's compile was run
    bool m_complete = false;  // and left every file in place
    int m_wait_status = 0;
};

}  // namespace client
