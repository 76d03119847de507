// Feeds arbitrary bytes to the token readers: as a token, and as header and claims of a token that is signed correctly,
// so that what lies behind the signature is reached as well.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dist/auth/jwt.hpp"
#include "dist/auth/secret.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size > 4096) return 0;
    static const std::string key(32, 'k');
    std::string_view text{reinterpret_cast<const char*>(data) + 2, size - 2};
    if (data[0] % 2 == 0) {
        if (auth::verify_job_token(text, key, 140)) std::abort();  // nobody guesses a signature
        (void)auth::claimed_server(text);
        (void)auth::decode_secret_key(text);
        if (auto raw = auth::base64url_decode(text); raw && auth::base64url(*raw) != text) std::abort();
        return 0;
    }
    auto cut = data[1] < text.size() ? data[1] : text.size();
    std::string header = cut == 0 ? R"({"typ":"JWT","alg":"HS256"})" : std::string{text.substr(0, cut)};
    auto signed_text = auth::base64url(header) + "." + auth::base64url(text.substr(cut));
    auto token = signed_text + "." + auth::base64url(auth::hmac_sha256(key, signed_text));
    (void)auth::verify_job_token(token, key, 140);
    (void)auth::verify_server_token(token, key);
    (void)auth::verify_client_token(token, key, 1'700'000'000);
    return 0;
}
