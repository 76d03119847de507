#include "dist/builder/run_request.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/base/strings.hpp"

namespace builder {
namespace {

constexpr std::uint64_t k_in_memory = 16 << 20;

base::Error too_short() { return {"the body of the job ends too early", std::errc::bad_message}; }

}  // namespace

base::Result<std::unique_ptr<net::BodySink>> RunRequest::open(const std::string& directory, std::optional<std::uint64_t> length,
                                                              std::uint64_t inputs_limit) {
    base::Fd file;
    if (length && *length <= k_in_memory) file = base::Fd{::memfd_create("inputs", MFD_CLOEXEC)};
    else file = base::Fd{::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    if (!file) return base::errno_error("cannot make a file for a job's inputs in " + directory);
    return std::unique_ptr<net::BodySink>{new RunRequest{std::move(file), inputs_limit}};
}

base::Result<> RunRequest::write(std::string_view piece) {
    if (m_job) return store(piece);
    m_prefix.append(piece);
    auto length = protocol::run_job_prefix_length(m_prefix);
    if (!length) return std::move(length).error();
    if (!*length || m_prefix.size() < **length) return base::Ok{};
    auto job = protocol::decode_run_job(std::string_view{m_prefix}.substr(4, **length - 4));
    if (!job) return std::move(job).error();
    m_job = std::move(*job);
    auto rest = std::exchange(m_prefix, {});
    return store(std::string_view{rest}.substr(**length));
}

base::Result<> RunRequest::store(std::string_view bytes) {
    if (m_stored + bytes.size() > m_limit) return base::Error{base::cat("the job's inputs are more than ", m_limit, " bytes"), std::errc::file_too_large};
    // By position: whoever reads the file begins at its start.
    while (!bytes.empty()) {
        auto n = ::pwrite(m_inputs.get(), bytes.data(), bytes.size(), static_cast<off_t>(m_stored));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return base::errno_error("cannot keep the job's inputs");
        m_stored += static_cast<std::uint64_t>(n);
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return base::Ok{};
}

base::Result<protocol::RunJob> RunRequest::finish() {
    if (!m_job) return too_short();
    return std::move(*m_job);
}

}  // namespace builder
