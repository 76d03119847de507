#pragma once

#include "src/base/digest.hpp"
#include "src/compiler/invocation.hpp"
#include "src/key/manifest.hpp"

namespace key {

/// The name of a result: the direct key and everything its reading says. `reading.result` is not looked at.
base::Digest result_key(const base::Digest& direct, const Reading& reading);

/// Identifies what date macros expand to: SOURCE_DATE_EPOCH and TZ when the epoch is set, else the current quarter hour (UTC).
/// With the time of day asked for and no epoch there is nothing to identify it by.
base::Digest date_setting(const compiler::Environment& env);
bool has_source_date_epoch(const compiler::Environment& env);

/// Identifies the language, width and colours that messages are made with.
base::Digest text_setting(const compiler::Environment& env);

}  // namespace key
