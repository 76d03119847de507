#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "src/config/value.hpp"

// Settings are data: each program has one table with a row a key. The loader, the environment, the settings hash, the
// example files, --help and the man pages all go by the table, and a test holds them together.

namespace config {

struct Table;

/// An enumeration of at most 256 values, seen by the loader as an index into its spellings.
struct Choice {
    unsigned char* at;
    std::span<const std::string_view> names;
};

/// A list of tables, seen by the loader without its type.
struct Items {
    void* list;
    const Table* table;  // of one element
    void (*clear)(void* list);
    void* (*add)(void* list);
    std::size_t (*size)(const void* list);
    void* (*at)(void* list, std::size_t index);
};

/// Where a setting goes, and by that how it is written.
using Slot = std::variant<bool*, Given*, std::uint64_t*, Size*, Percent*, std::chrono::milliseconds*,
                          std::chrono::seconds*, std::string*, std::vector<std::string>*, Choice, Items>;

/// One key of a program's settings.
struct Row {
    enum Flag : unsigned {
        required = 1,       // the program cannot do without
        required_here = 2,  // ... when the file has its section
        secret = 4,         // never shown, never logged
        selects = 8,        // part of the settings hash: chooses store, remote cache or farm
        path_list = 16,     // in the environment, ':' separates; else ','
        lenient = 32,       // a bad value in the environment is a warning, as with Mozilla's
        old_name = 64,      // another name of a row above: not in examples
    };
    std::string_view key;  // "cache.disk.size"; empty: environment only
    std::string_view env;  // "SCCACHE_CACHE_SIZE"; empty: file only
    Slot (*slot)(void* settings);
    std::string_view fallback;  // the default as one would write it; text in (brackets) describes it
    std::string_view help;      // one sentence
    unsigned flags = 0;
    /// Brings the value into its final form; returns what is wrong with it, or nothing.
    std::string (*fix)(Slot) = nullptr;
};

/// All keys of one program, or of one element of a list.
struct Table {
    std::span<const Row> rows;
};

template <class E>
const Table& table_of();  // one specialisation per settings struct and per element of a list

namespace detail {

template <class C, class M>
C owner(M C::*);

template <class T>
Slot make_slot(T& at) {
    if constexpr (std::is_enum_v<T>) {
        static_assert(sizeof(T) == 1);
        return Choice{reinterpret_cast<unsigned char*>(&at), names_of(at)};
    } else if constexpr (std::is_constructible_v<Slot, T*>) {
        return &at;
    } else {
        using E = typename T::value_type;
        return Items{
            &at,
            &table_of<E>(),
            [](void* list) { static_cast<T*>(list)->clear(); },
            [](void* list) -> void* { return &static_cast<T*>(list)->emplace_back(); },
            [](const void* list) { return static_cast<const T*>(list)->size(); },
            [](void* list, std::size_t i) -> void* { return &(*static_cast<T*>(list))[i]; },
        };
    }
}

}  // namespace detail

/// slot<&Client::disk, &Disk::size>: the way from the settings to the member.
template <auto First, auto... Rest>
Slot slot(void* settings) {
    using Owner = decltype(detail::owner(First));
    return detail::make_slot(((static_cast<Owner*>(settings)->*First).*....*Rest));
}

/// The value as one would write it: for the settings hash, --check-config and tests.
std::string text_of(const Slot& slot);
const void* address_of(const Slot& slot);

}  // namespace config
