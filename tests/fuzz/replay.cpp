// Feeds a fuzz target every file of a directory (hex files also as the bytes they spell), each truncated and with bytes flipped
// in a fixed pseudo-random way, so that a plain build replays the corpus without libFuzzer.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int k_mutations = 60;
constexpr std::size_t k_size_limit = 256 * 1024;

void feed(const std::string& bytes) {
    (void)LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::string from_hex(const std::string& text) {
    std::string out;
    int high = -1;
    for (char c : text) {
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v < 0) continue;
        if (high < 0) {
            high = v;
        } else {
            out.push_back(static_cast<char>(high << 4 | v));
            high = -1;
        }
    }
    return out;
}

std::size_t feed_with_mutations(const std::string& bytes, std::mt19937& random) {
    feed(bytes);
    for (int i = 0; i < k_mutations; ++i) {
        auto mutant = bytes.substr(0, i % 2 == 0 || bytes.empty() ? bytes.size() : random() % bytes.size());
        for (unsigned flips = random() % 8; flips > 0 && !mutant.empty(); --flips)
            mutant[random() % mutant.size()] = static_cast<char>(random());
        feed(mutant);
    }
    return k_mutations + 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    std::mt19937 random{20260101};
    std::size_t inputs = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator{argv[1]}) {
        if (!file.is_regular_file() || file.file_size() > k_size_limit) continue;
        std::ifstream in{file.path(), std::ios::binary};
        std::string bytes{std::istreambuf_iterator<char>{in}, {}};
        inputs += feed_with_mutations(bytes, random);
        if (file.path().extension() == ".hex") inputs += feed_with_mutations(from_hex(bytes), random);
    }
    std::printf("%zu inputs\n", inputs);
    return inputs > 0 ? 0 : 1;
}
