#include "src/key/result_key.hpp"

#include <ctime>

#include "src/key/environment.hpp"

namespace key {

base::Digest result_key(const base::Digest& direct, const Reading& reading) {
    base::Hasher h;
    h.raw(direct.view()).raw(reading.date_setting.view()).number(reading.files.size());
    for (const auto& file : reading.files) h.field(file.path).raw(file.digest.view());
    return h.finish();
}

bool has_source_date_epoch(const compiler::Environment& env) {
    const char* epoch = compiler::find(env, "SOURCE_DATE_EPOCH");
    return epoch != nullptr && *epoch != 0;
}

base::Digest date_setting(const compiler::Environment& env) {
    base::Hasher h;
    h.raw(digest_of(env, Effect::date).view());
    if (!has_source_date_epoch(env)) {
        // A day turns at the full hour in every zone but a few with quarter hours; the server may not know the client's
        // zone, so the quarter hour stands for the day: right everywhere, at the price of an extra compile every so often.
        std::time_t now = std::time(nullptr);
        h.number(static_cast<std::uint64_t>(now) / 900);
    }
    return h.finish();
}

base::Digest text_setting(const compiler::Environment& env) { return digest_of(env, Effect::text); }

}  // namespace key
