#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/fd.hpp"
#include "src/base/result.hpp"

// The one door to libsystemd. Without systemd (no NOTIFY_SOCKET, no LISTEN_FDS, no JOURNAL_STREAM) everything here is
// harmless: notifications go nowhere, no descriptors are passed.

namespace systemd {

/// A descriptor passed by the service manager.
struct PassedFd {
    base::Fd fd;
    std::string name;  // FileDescriptorName=, "" if it has none
};

/// What the service manager gave this process at its start. take() must come before threads and children: it removes the
/// variables from the environment, so that no child believes they are for it.
struct Passed {
    std::vector<PassedFd> fds;                          // LISTEN_FDS; close-on-exec from here on
    std::optional<std::chrono::microseconds> watchdog;  // WATCHDOG_USEC of this process
    std::string credentials;                            // CREDENTIALS_DIRECTORY, may be empty (left in the environment)
    std::string state_directory;                        // STATE_DIRECTORY (first), may be empty
    std::string runtime_directory;                      // RUNTIME_DIRECTORY (first), may be empty

    static Passed take();
};

/// Tells the service manager. Call from the event loop, so that what is said is true of it.
class Notifier {
public:
    /// After everything listens. `status` is the line of `systemctl status`.
    void ready(std::string_view status);
    void status(std::string_view text);  // sent only when it changed
    void watchdog();
    void reloading();
    /// `patience`: how long ending may take; the service manager is asked to wait as long, whatever TimeoutStopSec= says.
    void stopping(std::string_view status, std::chrono::microseconds patience = {});
    /// A failing reload or start: shown with the status.
    void failed(std::string_view status, int error);

private:
    std::string m_status;
};

/// Half of the watchdog's interval: how often the loop must say that it lives. Nothing if nobody asked.
std::optional<std::chrono::milliseconds> watchdog_interval(const Passed& passed);

}  // namespace systemd
