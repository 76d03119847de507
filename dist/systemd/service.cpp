#include "dist/systemd/service.hpp"

#include <fcntl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

#include "src/base/strings.hpp"

namespace systemd {

namespace {

std::string first_of(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) return {};
    return std::string{std::string_view{value}.substr(0, std::string_view{value}.find(':'))};
}

/// One line of the notify protocol: nothing in `text` may start another assignment.
std::string one_line(std::string_view text) {
    std::string out{text.substr(0, 512)};
    for (auto& c : out)
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    return out;
}

void tell(const std::string& message) { (void)sd_notify(0, message.c_str()); }

}  // namespace

Passed Passed::take() {
    Passed p;
    char** names = nullptr;
    int n = sd_listen_fds_with_names(1, &names);
    for (int i = 0; i < n; ++i) {
        int fd = SD_LISTEN_FDS_START + i;
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        p.fds.push_back({base::Fd{fd}, names != nullptr && names[i] != nullptr ? names[i] : ""});
        if (names != nullptr) std::free(names[i]);
    }
    std::free(names);
    std::uint64_t usec = 0;
    if (sd_watchdog_enabled(1, &usec) > 0) p.watchdog = std::chrono::microseconds{usec};
    p.credentials = first_of("CREDENTIALS_DIRECTORY");
    p.state_directory = first_of("STATE_DIRECTORY");
    p.runtime_directory = first_of("RUNTIME_DIRECTORY");
    return p;
}

void Notifier::ready(std::string_view status) {
    m_status = one_line(status);
    tell(base::cat("READY=1\nSTATUS=", m_status));
}

void Notifier::status(std::string_view text) {
    auto line = one_line(text);
    if (line == m_status) return;
    m_status = line;
    tell("STATUS=" + line);
}

void Notifier::watchdog() { tell("WATCHDOG=1"); }

void Notifier::reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    auto usec = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
    tell(base::cat("RELOADING=1\nMONOTONIC_USEC=", usec));
}

void Notifier::stopping(std::string_view status, std::chrono::microseconds patience) {
    m_status = one_line(status);
    auto message = base::cat("STOPPING=1\nSTATUS=", m_status);
    if (patience.count() > 0) message += base::cat("\nEXTEND_TIMEOUT_USEC=", patience.count());
    tell(message);
}

void Notifier::failed(std::string_view status, int error) { tell(base::cat("STATUS=", one_line(status), "\nERRNO=", error)); }

std::optional<std::chrono::milliseconds> watchdog_interval(const Passed& passed) {
    if (!passed.watchdog) return std::nullopt;
    auto half = std::chrono::duration_cast<std::chrono::milliseconds>(*passed.watchdog) / 2;
    return std::max(half, std::chrono::milliseconds{10});
}

}  // namespace systemd
