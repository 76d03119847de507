#include "src/config/daemon_check.hpp"

#include <sys/stat.h>

#include "src/base/strings.hpp"

namespace config {

using base::cat;

void DaemonCheck::add(Problem::Severity severity, std::string_view key, std::string what, std::string remedy) {
    m_problems.push_back({severity, m_fill.where(key, m_path), std::move(what), std::move(remedy)});
}

void DaemonCheck::secret_file(std::string& value, const std::string& file, std::string_view key) {
    if (file.empty()) return;
    if (!value.empty())
        return error(cat(key, "_file"), cat("both `", key, "` and `", key, "_file` are given"), "keep one of them");
    auto text = read_secret(file);
    if (!text) return error(cat(key, "_file"), cat("`", key, "_file`: ", std::move(text).error().what), "");
    value = *std::move(text);
}

void DaemonCheck::secret(std::string& value, const std::string& file, std::string_view key, std::string_view remedy) {
    auto before = m_problems.size();
    secret_file(value, file, key);
    if (m_problems.size() != before) return;
    if (m_fill.origin(key) == Fill::Origin::fallback && file.empty())
        return error(key, cat("`", key, "` is missing"), cat("make one with: ", remedy));
    if (is_example_secret(value))
        error(key, cat("`", key, "` is still the example's"), cat("make a real one with: ", remedy));
}

void DaemonCheck::tls(const Tls& tls) {
    if (tls.certificate.empty() != tls.key.empty())
        error(tls.certificate.empty() ? "tls.key" : "tls.certificate",
              "`tls.certificate` and `tls.key` belong together", "give both or none");
}

void DaemonCheck::mode(bool holds_secrets) {
    struct stat st {};
    if (holds_secrets && ::stat(m_path.c_str(), &st) == 0 && (st.st_mode & S_IROTH) != 0)
        m_problems.push_back({Problem::Severity::warning, m_path, "everybody can read this file and the secret in it",
                              cat("run: chmod 0600 ", m_path)});
}

}  // namespace config
