#include <array>
#include <utility>

#include "src/base/strings.hpp"
#include "src/compiler/reading.hpp"

// Options that hand something on to the assembler, the preprocessor or clang's frontend. What is handed on is read here by
// short lists of what is known to be harmless; anything else is not cached.

namespace compiler {

namespace {

std::string_view name_of_option(std::string_view argument) { return argument.substr(0, argument.find('=')); }

/// Options behind -Wa, that neither read nor write a file: their text is in the key.
bool harmless_for_assembler(std::string_view item) {
    constexpr std::array<std::string_view, 24> k_prefixes{
        "--32", "--64", "--compress-debug-sections", "--debug-prefix-map", "--defsym", "--divide", "--elf-stt-common",
        "--execstack", "--fatal-warnings", "--gdwarf", "--generate-missing-build-notes", "--gsframe", "--hash-size",
        "--keep-locals", "--noexecstack", "--no-pad-sections", "--no-warn", "--nocompress-debug-sections", "--strip-local-absolute",
        "--traditional-format", "--warn", "--x32", "-g", "-m"};
    constexpr std::array<std::string_view, 10> k_exact{"-D", "-J", "-K", "-L", "-W", "-Z", "-f", "-n", "--gen-debug", "-R"};
    for (auto exact : k_exact)
        if (item == exact) return true;
    for (auto prefix : k_prefixes)
        if (item.starts_with(prefix)) return true;
    return false;
}

/// Options behind -Wp, or -Xpreprocessor that only set macros or switch features.
bool harmless_for_preprocessor(Kind kind, std::string_view item) {
    if (item.size() > 2 && (item.starts_with("-D") || item.starts_with("-U"))) return true;
    if (item == "-w" || item == "-undef" || item == "-trigraphs" || item == "-ansi") return true;
    const auto match = find_flag(kind, item);
    if (!match.flag || match.value_follows) return false;
    if (match.flag->effect == Effect::warning) return true;
    return match.flag->effect == Effect::feature && item.find('=') == item.npos && !smells_of_files(item);
}

}  // namespace

void read_assembler_item(Reading& reading, std::string_view item) {
    if (item.empty()) return;
    if (item.front() != '-') {
        // "--defsym,NAME=VALUE", "--debug-prefix-map,A=B": a value of the item before; anything else would be an input file.
        if (item.find('=') == item.npos) reading.refuse("-Wa,");
        return;
    }
    if (!harmless_for_assembler(item)) reading.refuse(base::cat("-Wa,", name_of_option(item)));
}

void read_assembler_list(Reading& reading, std::string_view argument) {
    for (auto item : base::split(argument, ',')) read_assembler_item(reading, item);
    reading.key(base::cat("-Wa,", argument));
}

void read_preprocessor_list(Reading& reading, std::string_view argument) {
    const auto items = base::split(argument, ',');
    if (reading.dependencies.preprocessor_items(reading.kind, items)) {
        // What the file says depends on the form and the targets, not on where it is.
        std::string text = "-Wp";
        for (std::size_t i = 0; i < items.size(); ++i) {
            text += base::cat(",", items[i]);
            if (items[i] == "-MD" || items[i] == "-MMD") ++i;
        }
        reading.key(text);
        return;
    }
    for (auto item : items)
        if (!harmless_for_preprocessor(reading.kind, item)) reading.refuse(base::cat("-Wp,", name_of_option(item)));
    reading.key(base::cat("-Wp,", argument));
}

void read_preprocessor_item(Reading& reading, std::string_view argument) {
    if (!harmless_for_preprocessor(reading.kind, argument)) reading.refuse(base::cat("-Xpreprocessor ", name_of_option(argument)));
}

void read_llvm_item(Reading& reading, std::string_view item) {
    // LLVM's own options have hundreds of names; those that write or read files are named so.
    const auto name = name_of_option(item);
    if (names_a_file(item) || smells_of_files(name)) reading.refuse(base::cat("-mllvm ", name));
}

void read_frontend_item(Reading& reading, std::string_view item) {
    using Pending = Reading::Pending;
    const auto pending = std::exchange(reading.frontend_value, Pending::none);
    if (pending == Pending::library) {
        // Without a slash the dynamic linker would search for it.
        if (item.find('/') == item.npos) reading.refuse("-load");
        else reading.out.content_files.emplace_back(item);
        return;
    }
    if (pending == Pending::text) {
        if (names_a_file(item) || smells_of_files(name_of_option(item))) reading.refuse("Can't handle Raw arguments with -Xclang");
        return;
    }
    if (pending == Pending::any_text) return;
    if (!item.starts_with("-")) return reading.refuse("Can't handle Raw arguments with -Xclang");
    if (item == "-load") {
        reading.frontend_value = Pending::library;
        return;
    }
    if (item == "-fdebug-compilation-dir" || item == "-fcoverage-compilation-dir") {  // a path, but only as text
        reading.frontend_value = Pending::any_text;
        return;
    }
    if (item == "-add-plugin" || item == "-plugin" || item == "-mllvm" || item.starts_with("-plugin-arg-")) {
        reading.frontend_value = Pending::text;
        return;
    }
    constexpr std::array<std::string_view, 8> k_harmless{
        "-debug-info-kind=", "-disable-O0-optnone", "-disable-lifetime-markers", "-disable-llvm-passes",
        "-disable-llvm-verifier", "-mconstructor-aliases", "-no-opaque-pointers", "-opaque-pointers"};
    for (auto harmless : k_harmless)
        if (item == harmless || (harmless.back() == '=' && item.starts_with(harmless))) return;
    const auto match = find_flag(reading.kind, item);
    if (!match.flag) return reading.refuse("Can't handle UnknownFlag arguments with -Xclang");
    const bool quiet = match.flag->effect == Effect::warning || match.flag->effect == Effect::feature ||
                       match.flag->effect == Effect::machine_text;
    if (!quiet || match.value_follows || item.find('=') != item.npos || smells_of_files(item))
        reading.refuse("Can't handle complex arguments through clang");
}

}  // namespace compiler
