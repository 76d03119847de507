#pragma once

#include <string>

#include "src/config/table.hpp"

// Bring a value into its final form; return what is wrong with it, or nothing. Used as Row::fix.

namespace config {

std::string fix_prefix(Slot);          // no '/' at the end
std::string fix_absolute_dirs(Slot);   // absolute, "." and ".." resolved by text, '/' at the end
std::string fix_absolute(Slot);        // an absolute path, or nothing
std::string fix_scheduler_urls(Slot);  // http or https, a host, no path; bare HOST:PORT is http
std::string fix_chain(Slot);           // names of backends in lower case
std::string fix_fingerprint(Slot);     // 64 hex digits, colons allowed; becomes lower-case hex
std::string fix_address(Slot);         // IP:PORT or [IP6]:PORT
std::string fix_networks(Slot);        // a list of IP or IP/BITS
std::string fix_positive(Slot);        // not zero
std::string fix_zstd_level(Slot);      // 1 to 22

}  // namespace config
