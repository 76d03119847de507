#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

namespace base {

/// Why something failed: one line for a person, one code for a caller that must branch.
struct Error {
    std::string what;                     // "cannot read /etc/sccache/builder.conf: Permission denied"
    std::errc code{std::errc::io_error};  // e.g. no_such_file_or_directory: "absent" is often not a failure

    /// "load config: cannot read x": the outermost step comes first.
    [[nodiscard]] Error while_doing(std::string_view step) && {
        return {std::string{step} + ": " + what, code};
    }
};

/// Nothing to return but success.
struct Ok {};

/// A value, or the reason there is none. The one error channel of everything below main(): libraries that throw
/// are caught in the file that calls them.
template <class T = Ok>
class [[nodiscard]] Result {
public:
    Result(T v) : m_v{std::move(v)} {}                       // NOLINT(google-explicit-constructor)
    Result(Error e) : m_v{std::in_place_index<1>, std::move(e)} {}  // NOLINT(google-explicit-constructor)

    explicit operator bool() const { return m_v.index() == 0; }
    [[nodiscard]] bool ok() const { return m_v.index() == 0; }

    T& operator*() & { return std::get<0>(m_v); }
    const T& operator*() const& { return std::get<0>(m_v); }
    T&& operator*() && { return std::get<0>(std::move(m_v)); }
    T* operator->() { return &std::get<0>(m_v); }
    const T* operator->() const { return &std::get<0>(m_v); }

    Error&& error() && { return std::get<1>(std::move(m_v)); }
    const Error& error() const& { return std::get<1>(m_v); }

private:
    std::variant<T, Error> m_v;
};

/// The error of the system call that just failed: "cannot open x: No such file or directory". Reads errno.
Error errno_error(std::string_view doing);
Error errno_error(std::string_view doing, int errno_value);

}  // namespace base
