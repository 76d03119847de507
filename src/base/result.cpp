#include "src/base/result.hpp"

#include <cerrno>
#include <cstring>

namespace base {

Error errno_error(std::string_view doing) { return errno_error(doing, errno); }

Error errno_error(std::string_view doing, int errno_value) {
    return {std::string{doing} + ": " + std::strerror(errno_value), static_cast<std::errc>(errno_value)};
}

}  // namespace base
