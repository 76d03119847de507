#pragma once

#include <string>
#include <vector>

#include "src/base/fd.hpp"
#include "src/base/result.hpp"

namespace server {


/// Closes every descriptor but 0-2 and those listed: the first client of a build must not leave its jobserver or pipes with us.
void close_inherited(const std::vector<int>& keep);

/// Is a daemon out of place here? Inside fakeroot its files would have the wrong owners for everybody else.
bool must_not_daemonise();

/// Forks; the parent ends at once, the child goes on in a session of its own, in "/", with umask 077, standard streams on
/// /dev/null (`keep_stderr`: stderr stays), signals at their defaults and resource limits as high as they go.
void detach(bool keep_stderr);

/// Empties the environment, also where others see it (/proc/PID/environ): a build's secrets do not stay with us.
void forget_environment();

/// Opens and locks `path` for the life of the process. Error.code resource_unavailable_try_again: another server has it.
base::Result<base::Fd> lock_for_life(const std::string& path);

}  // namespace server
