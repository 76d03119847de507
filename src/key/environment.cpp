#include "src/key/environment.hpp"

namespace key {

const std::vector<Variable>& variables() {
    static const std::vector<Variable> k_rows = {
        // gcc manual, "Environment Variables Affecting GCC"; clang reads the include paths too.
        {"CPATH", Effect::into_tools},
        {"C_INCLUDE_PATH", Effect::into_tools},
        {"CPLUS_INCLUDE_PATH", Effect::into_tools},
        {"OBJC_INCLUDE_PATH", Effect::into_tools},
        {"OBJCPLUS_INCLUDE_PATH", Effect::into_tools},
        {"COMPILER_PATH", Effect::into_tools},
        {"GCC_EXEC_PREFIX", Effect::into_tools},
        {"GCC_ROOT", Effect::into_tools},
        {"BINUTILS_ROOT", Effect::into_tools},
        {"GCC_SPECS", Effect::into_tools},
        // Which program a bare name is, and which libraries it runs with: ld.so(8).
        {"PATH", Effect::into_tools},
        {"LD_LIBRARY_PATH", Effect::into_tools},
        {"LD_PRELOAD", Effect::into_tools},
        {"GLIBC_TUNABLES", Effect::into_tools},
        // clang: driver and configuration files.
        {"CLANG_CONFIG_FILE_SYSTEM_DIR", Effect::into_tools},
        {"CLANG_CONFIG_FILE_USER_DIR", Effect::into_tools},
        {"CLANG_NO_DEFAULT_CONFIG", Effect::into_tools},
        {"CCC_INSTALL_DIR", Effect::into_tools},
        {"HOME", Effect::into_tools},  // default place of configuration files
        // Apple targets, also when cross compiling: clang driver.
        {"SDKROOT", Effect::into_tools},
        {"MACOSX_DEPLOYMENT_TARGET", Effect::into_key},
        {"IPHONEOS_DEPLOYMENT_TARGET", Effect::into_key},
        {"TVOS_DEPLOYMENT_TARGET", Effect::into_key},
        {"WATCHOS_DEPLOYMENT_TARGET", Effect::into_key},
        {"XROS_DEPLOYMENT_TARGET", Effect::into_key},
        {"DRIVERKIT_DEPLOYMENT_TARGET", Effect::into_key},
        // OpenMP and coverage defaults baked into objects: gcc -fprofile, gcov documentation.
        {"GCOV_PREFIX", Effect::into_key},
        {"GCOV_PREFIX_STRIP", Effect::into_key},
        // A user's own way to keep caches apart.
        {"SCCACHE_C_CUSTOM_CACHE_BUSTER", Effect::into_key},
        // https://reproducible-builds.org/specs/source-date-epoch/, and the zone that file times are printed in.
        {"SOURCE_DATE_EPOCH", Effect::date},
        {"TZ", Effect::date},
        // Messages: gettext(3), gcc's diagnostics.
        {"LC_ALL", Effect::text},
        {"LC_CTYPE", Effect::text},
        {"LC_MESSAGES", Effect::text},
        {"LANG", Effect::text},
        {"LANGUAGE", Effect::text},
        {"COLUMNS", Effect::text},
        {"GCC_COLORS", Effect::text},
        {"GCC_URLS", Effect::text},
        {"TERM_URLS", Effect::text},
        {"TERM", Effect::text},
        {"NO_COLOR", Effect::text},
        {"CLICOLOR", Effect::text},
        {"CLICOLOR_FORCE", Effect::text},
        {"GCC_EXTRA_DIAGNOSTIC_OUTPUT", Effect::text},
    };
    return k_rows;
}

base::Digest digest_of(const compiler::Environment& env, Effect effect) {
    base::Hasher h;
    for (const auto& row : variables()) {
        if (row.effect != effect) continue;
        if (const char* value = compiler::find(env, row.name)) h.field(row.name).field(value);
    }
    return h.finish();
}

}  // namespace key
