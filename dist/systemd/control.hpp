#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "dist/net/loop.hpp"
#include "src/base/fd.hpp"
#include "src/base/result.hpp"

// A daemon's control socket: `sccache-dist reload` opens the configuration as root and passes the descriptor, so that a
// daemon without the right to read the file can reload it, and learns whether it was taken. (What systemd hands over as a
// credential is a copy made at the start: reading that again would show nothing new.) One message each way: the descriptor
// one way, "ok" or the problems the other.

namespace systemd {

/// Largest configuration taken.
inline constexpr std::size_t k_control_limit = 1024 * 1024;

/// The daemon's end. Only root and the daemon's own user are listened to.
class Control {
public:
    /// `reload` takes the configuration's text and gives what the caller is told: empty for success.
    static base::Result<Control> open(net::Loop& loop, const std::string& path, std::function<std::string(std::string_view)> reload);
    Control(Control&&) noexcept;
    Control& operator=(Control&&) noexcept;
    ~Control();

private:
    struct Impl;
    explicit Control(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

/// The caller's end: passes `config` to the daemon listening at `path` and waits for its verdict.
base::Result<> control_reload(const std::string& path, const base::Fd& config);

}  // namespace systemd
