#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

// Header-only, libc-cheap: the thin client uses it too.

namespace base {

/// Appends little-endian integers and length-prefixed bytes to a string. Used by the local wire, manifests, entries.
class Writer {
public:
    void u8(std::uint8_t v) { m_out.push_back(static_cast<char>(v)); }
    void u16(std::uint16_t v) { fixed(v); }
    void u32(std::uint32_t v) { fixed(v); }
    void u64(std::uint64_t v) { fixed(v); }
    void i64(std::int64_t v) { fixed(static_cast<std::uint64_t>(v)); }
    void raw(std::string_view bytes) { m_out.append(bytes); }
    /// u32 length, then the bytes.
    void bytes(std::string_view b) {
        u32(static_cast<std::uint32_t>(b.size()));
        m_out.append(b);
    }
    template <class List>
    void list(const List& items) {
        u32(static_cast<std::uint32_t>(items.size()));
        for (const auto& item : items) bytes(item);
    }

    [[nodiscard]] const std::string& str() const { return m_out; }
    std::string take() { return std::move(m_out); }
    void reserve(std::size_t n) { m_out.reserve(n); }

private:
    template <class T>
    void fixed(T v) {
        char b[sizeof v];
        for (std::size_t i = 0; i < sizeof v; ++i) b[i] = static_cast<char>(v >> (8 * i));
        m_out.append(b, sizeof v);
    }
    std::string m_out;
};

/// Reads what Writer wrote. A short or oversized input makes every later read return zero and ok() false: callers
/// read a whole message and check once. Views point into the input.
class Reader {
public:
    explicit Reader(std::string_view in) : m_in{in} {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(fixed<std::uint8_t>()); }
    std::uint16_t u16() { return fixed<std::uint16_t>(); }
    std::uint32_t u32() { return fixed<std::uint32_t>(); }
    std::uint64_t u64() { return fixed<std::uint64_t>(); }
    std::int64_t i64() { return static_cast<std::int64_t>(fixed<std::uint64_t>()); }
    std::string_view raw(std::size_t n) {
        if (n > m_in.size() - m_at) { m_ok = false; return {}; }
        auto v = m_in.substr(m_at, n);
        m_at += n;
        return v;
    }
    std::string_view bytes() {
        auto n = u32();
        return m_ok ? raw(n) : std::string_view{};
    }
    std::string text() { return std::string{bytes()}; }
    template <class List>
    List list() {
        List items;
        auto n = u32();
        if (n > (m_in.size() - m_at) / 4) { m_ok = false; return items; }  // each item costs at least its length field
        for (std::uint32_t i = 0; i < n && m_ok; ++i) items.emplace_back(bytes());
        return items;
    }

    [[nodiscard]] bool ok() const { return m_ok; }
    /// All read and nothing left over.
    [[nodiscard]] bool done() const { return m_ok && m_at == m_in.size(); }
    [[nodiscard]] std::size_t left() const { return m_in.size() - m_at; }

private:
    template <class T>
    T fixed() {
        T v = 0;
        if (!m_ok || m_in.size() - m_at < sizeof v) { m_ok = false; return 0; }
        for (std::size_t i = 0; i < sizeof v; ++i)
            v = static_cast<T>(v | static_cast<T>(static_cast<T>(static_cast<unsigned char>(m_in[m_at + i])) << (8 * i)));
        m_at += sizeof v;
        return v;
    }
    std::string_view m_in;
    std::size_t m_at = 0;
    bool m_ok = true;
};

}  // namespace base
