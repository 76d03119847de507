#pragma once

#include <optional>
#include <string>

#include "dist/net/http_server.hpp"
#include "dist/protocol/messages.hpp"
#include "src/base/fd.hpp"

namespace builder {

/// Takes the body of a run_job request apart as it arrives: the command is decoded, the inputs go to a nameless file
/// that the sandbox reads. Loop thread.
class RunRequest : public net::BodySink {
public:
    /// Large inputs go to a file in `directory`, small ones stay in memory. `length` is the announced one, if any.
    static base::Result<std::unique_ptr<net::BodySink>> open(const std::string& directory, std::optional<std::uint64_t> length,
                                                             std::uint64_t inputs_limit);
    base::Result<> write(std::string_view piece) override;
    /// After the last piece: the command, and the inputs at their start. Error if the body was too short.
    base::Result<protocol::RunJob> finish();
    base::Fd take_inputs() { return std::move(m_inputs); }

private:
    RunRequest(base::Fd inputs, std::uint64_t limit) : m_inputs{std::move(inputs)}, m_limit{limit} {}
    base::Result<> store(std::string_view bytes);

    base::Fd m_inputs;
    std::uint64_t m_limit, m_stored = 0;
    std::string m_prefix;
    std::optional<protocol::RunJob> m_job;
};

}  // namespace builder
