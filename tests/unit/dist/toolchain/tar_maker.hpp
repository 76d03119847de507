#pragma once

#include <zlib.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace test {

/// Writes tar archives member by member, with no idea of what is sane: hostile ones are what it is for.
class TarMaker {
public:
    TarMaker& member(const std::string& name, char type, const std::string& content = {}, const std::string& link = {}, unsigned mode = 0644,
                     unsigned long long claimed_size = ~0ULL) {
        char head[512] = {};
        std::memcpy(head, name.data(), std::min<std::size_t>(name.size(), 100));
        std::snprintf(head + 100, 8, "%07o", mode);
        std::snprintf(head + 108, 8, "%07o", 0);
        std::snprintf(head + 116, 8, "%07o", 0);
        std::snprintf(head + 124, 12, "%011llo", claimed_size == ~0ULL ? static_cast<unsigned long long>(content.size()) : claimed_size);
        std::snprintf(head + 136, 12, "%011o", 1153704088);
        head[156] = type;
        std::memcpy(head + 157, link.data(), std::min<std::size_t>(link.size(), 100));
        std::memcpy(head + 257, "ustar\0" "00", 8);
        std::memset(head + 148, ' ', 8);
        unsigned sum = 0;
        for (unsigned char c : head) sum += c;
        std::snprintf(head + 148, 8, "%06o", sum);
        m_bytes.append(head, sizeof head);
        m_bytes.append(content);
        m_bytes.append((512 - content.size() % 512) % 512, '\0');
        return *this;
    }
    TarMaker& file(const std::string& name, const std::string& content, unsigned mode = 0644) { return member(name, '0', content, {}, mode); }
    TarMaker& directory(const std::string& name, unsigned mode = 0755) { return member(name, '5', {}, {}, mode); }
    TarMaker& link(const std::string& name, const std::string& text) { return member(name, '2', {}, text, 0777); }
    TarMaker& hard_link(const std::string& name, const std::string& existing) { return member(name, '1', {}, existing); }
    /// A GNU long name for the next member.
    TarMaker& long_name(const std::string& name) { return member("././@LongLink", 'L', name + '\0'); }

    [[nodiscard]] std::string tar() const { return m_bytes + std::string(1024, '\0'); }
    [[nodiscard]] std::string gzip() const { return deflated(tar(), 15 + 16); }
    [[nodiscard]] std::string zlib() const { return deflated(tar(), 15); }

    static std::string deflated(const std::string& plain, int window) {
        z_stream z{};
        deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
        std::string out(deflateBound(&z, plain.size()) + 64, '\0');
        z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
        z.avail_in = static_cast<uInt>(plain.size());
        z.next_out = reinterpret_cast<Bytef*>(out.data());
        z.avail_out = static_cast<uInt>(out.size());
        deflate(&z, Z_FINISH);
        out.resize(z.total_out);
        deflateEnd(&z);
        return out;
    }

private:
    std::string m_bytes;
};

}  // namespace test
