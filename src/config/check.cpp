#include "src/config/check.hpp"

#include <algorithm>

#include "src/base/strings.hpp"

namespace config {

namespace {

using base::cat;

/// Collects what is wrong, each with the place to change.
class Check {
public:
    Check(Client& settings, const Fill& fill, const std::string& path, const std::vector<std::string>& env,
          Problems& problems)
        : m_s{settings}, m_fill{fill}, m_path{path}, m_env{env}, m_problems{problems} {}

    std::vector<Backend> levels() {
        if (m_s.multilevel.chain.empty()) {
            for (auto backend : {Backend::s3, Backend::redis, Backend::memcached, Backend::gcs, Backend::gha,
                                 Backend::azure, Backend::webdav, Backend::oss, Backend::cos})
                if (is_configured(backend)) return {backend};
            return {Backend::disk};
        }
        std::vector<Backend> out;
        auto names = names_of(Backend{});
        for (const auto& name : m_s.multilevel.chain) {
            auto at = std::find(names.begin(), names.end(), name);
            if (at == names.end()) continue;  // reported while filling
            auto backend = static_cast<Backend>(at - names.begin());
            if (std::find(out.begin(), out.end(), backend) != out.end()) {
                error("cache.multilevel.chain", cat("cache level '", name, "' is given twice"), "keep one of them");
            } else if (backend == Backend::disk && !m_fill.section_given("cache.disk")) {
                error("cache.multilevel.chain", "Disk cache specified in levels but not configured (set SCCACHE_DIR)",
                      "");
            } else if (!is_configured(backend)) {
                error("cache.multilevel.chain",
                      cat("Cache level '", name,
                          "' specified in SCCACHE_MULTILEVEL_CHAIN but not configured (missing environment variables)"),
                      cat("add a section [cache.", name, "]"));
            } else {
                out.push_back(backend);
            }
        }
        if (out.empty()) out.push_back(Backend::disk);
        return out;
    }

    void backends() {
        const auto& redis = m_s.redis;
        if (!redis.endpoint.empty() + !redis.cluster_endpoints.empty() + !redis.url.empty() > 1)
            error("cache.redis.endpoint",
                  "only one of `cache.redis.endpoint`, `cluster_endpoints` and `url` may be given", "keep one of them");
        if (m_s.s3.no_credentials && in_env("AWS_ACCESS_KEY_ID") && in_env("AWS_SECRET_ACCESS_KEY"))
            error("cache.s3.no_credentials",
                  "no_credentials contradicts AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment",
                  "remove one or the other");
        if (m_s.oss.no_credentials && in_env("ALIBABA_CLOUD_ACCESS_KEY_ID") &&
            in_env("ALIBABA_CLOUD_ACCESS_KEY_SECRET"))
            error("cache.oss.no_credentials",
                  "no_credentials contradicts ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET in the "
                  "environment",
                  "remove one or the other");
        const auto& gcs = m_s.gcs;
        if (gcs.bucket.empty() &&
            (!gcs.cred_path.empty() || !gcs.credential_url.empty() || !gcs.service_account.empty()))
            error(!gcs.cred_path.empty()        ? "cache.gcs.cred_path"
                  : !gcs.credential_url.empty() ? "cache.gcs.credential_url"
                                                : "cache.gcs.service_account",
                  "GCS credentials are set without a bucket", "set SCCACHE_GCS_BUCKET or `cache.gcs.bucket`");
        if (in_env("SCCACHE_GCS_OAUTH_URL"))
            warn("SCCACHE_GCS_OAUTH_URL", "SCCACHE_GCS_OAUTH_URL has no effect any more",
                 "use SCCACHE_GCS_SERVICE_ACCOUNT");
        const auto& azure = m_s.azure;
        bool account = !azure.storage_account.empty() || !azure.endpoint.empty();
        if (!azure.connection_string.empty() && account)
            error("cache.azure.connection_string", "a connection string excludes `storage_account` and `endpoint`",
                  "keep one or the other");
        if (!azure.container.empty() && azure.connection_string.empty() && !account)
            warn(m_fill.where("cache.azure.container", m_path), "Azure needs a connection string or a storage account",
                 "it is not used");
    }

    void dist() {
        const auto& dist = m_s.dist;
        auto need = [&](const std::string& value, std::string_view key) {
            if (value.empty())
                error("dist.auth.type", cat("`", key, "` is missing"), "this type of authentication needs it");
        };
        if (dist.auth_type == DistAuth::token) {
            if (!m_fill.section_given("dist.auth")) return;
            if (m_fill.origin("dist.auth.token") == Fill::Origin::fallback) need("", "dist.auth.token");
        } else {
            need(dist.auth_client_id, "dist.auth.client_id");
            need(dist.auth_url, "dist.auth.auth_url");
            if (dist.auth_type == DistAuth::oauth2_code_grant_pkce) need(dist.auth_token_url, "dist.auth.token_url");
        }
        for (const auto& toolchain : dist.toolchains)
            if (toolchain.type == ToolchainKind::path_override &&
                (toolchain.archive.empty() || toolchain.archive_compiler_executable.empty()))
                error("dist.toolchains",
                      cat("the path_override of ", toolchain.compiler_executable,
                          " needs `archive` and `archive_compiler_executable`"),
                      "");
    }

    void directories() {
        if (m_s.disk.dir.empty())
            return warn("HOME", "there is no home directory to keep the cache in",
                        "set SCCACHE_DIR; until then nothing is stored");
        if (m_s.disk.dir[0] != '/') {
            error("cache.disk.dir", cat("\"", m_s.disk.dir, "\" must be an absolute path"),
                  "a server has no working directory");
            m_s.disk.dir.clear();
        }
        if (!m_s.dist.cache_dir.empty() && m_s.dist.cache_dir[0] != '/') {
            error("dist.cache_dir", cat("\"", m_s.dist.cache_dir, "\" must be an absolute path"),
                  "a server has no working directory");
            m_s.dist.cache_dir.clear();
        }
    }

private:
    [[nodiscard]] bool is_configured(Backend backend) const {
        switch (backend) {
            case Backend::disk: return true;
            case Backend::s3: return !m_s.s3.bucket.empty();
            case Backend::redis:
                return !m_s.redis.endpoint.empty() || !m_s.redis.cluster_endpoints.empty() || !m_s.redis.url.empty();
            case Backend::memcached: return !m_s.memcached.url.empty();
            case Backend::gcs: return !m_s.gcs.bucket.empty();
            case Backend::gha: return m_s.gha.enabled || !m_s.gha.version.empty();
            case Backend::azure:
                return !m_s.azure.container.empty() &&
                       (!m_s.azure.connection_string.empty() || !m_s.azure.storage_account.empty() ||
                        !m_s.azure.endpoint.empty());
            case Backend::webdav: return !m_s.webdav.endpoint.empty();
            case Backend::oss: return !m_s.oss.bucket.empty();
            case Backend::cos: return !m_s.cos.bucket.empty();
        }
        return false;
    }
    [[nodiscard]] bool in_env(std::string_view name) const {
        return std::any_of(m_env.begin(), m_env.end(), [&](const std::string& e) {
            return e.size() > name.size() + 1 && e.starts_with(name) && e[name.size()] == '=';
        });
    }
    void error(std::string_view key, std::string what, std::string remedy) {
        m_problems.push_back({Problem::Severity::error, m_fill.where(key, m_path), std::move(what), std::move(remedy)});
    }
    void warn(std::string where, std::string what, std::string remedy) {
        m_problems.push_back({Problem::Severity::warning, std::move(where), std::move(what), std::move(remedy)});
    }

    Client& m_s;
    const Fill& m_fill;
    const std::string& m_path;
    const std::vector<std::string>& m_env;
    Problems& m_problems;
};

}  // namespace

std::vector<Backend> check_client(Client& settings, const Fill& fill, const std::string& path,
                                  const std::vector<std::string>& env, Problems& problems) {
    Check check{settings, fill, path, env, problems};
    check.backends();
    check.dist();
    check.directories();
    return check.levels();
}

}  // namespace config
