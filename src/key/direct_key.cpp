#include "src/key/direct_key.hpp"

#include "src/key/environment.hpp"

// Two compiles with the same direct key differ at most in what their headers say. So it holds the tools, the language,
// every argument and variable that can change an output, the source, and, where an output embeds them, the working
// directory and the object's path. Each part is hashed by itself and named, so a miss can be explained; the key is the
// hash of the parts in order.

namespace key {

namespace {

/// On disk: a new number makes every old entry a miss.
constexpr std::uint64_t k_format = 1;

base::Digest of_list(const std::vector<std::string>& list) {
    base::Hasher h;
    h.number(list.size());
    for (const auto& item : list) h.field(item);
    return h.finish();
}

/// gcc writes the directory into debug information as PWD spells it, when PWD names the same directory.
std::string_view spelled_directory(const DirectInputs& in) {
    const char* pwd = compiler::find(in.env, "PWD");
    return pwd != nullptr && pwd[0] == '/' ? std::string_view{pwd} : in.cwd;
}

}  // namespace

DirectKey direct_key(const DirectInputs& in) {
    const auto& call = in.invocation;
    DirectKey key;
    auto part = [&key](std::string_view name, const base::Digest& digest) { key.components.emplace_back(name, digest); };
    part("compiler", in.identity);
    part("language", base::Hasher{}.number(static_cast<std::uint64_t>(call.kind)).number(static_cast<std::uint64_t>(call.language)).finish());
    part("arguments", of_list(call.key_args));
    if (!in.toolset.native_args.empty()) part("native", of_list(in.toolset.native_args));
    // The order of directories decides which of two headers is found.
    part("search path", base::Hasher{}
                            .raw(of_list(in.toolset.quote_dirs).view())
                            .raw(of_list(in.toolset.normal_dirs).view())
                            .raw(of_list(in.toolset.system_dirs).view())
                            .finish());
    part("environment", digest_of(in.env, Effect::into_key));
    part("input name", base::hash_bytes(call.input));
    part("source", in.source);
    if (call.needs_cwd) part("directory", base::Hasher{}.field(in.cwd).field(spelled_directory(in)).finish());
    if (call.needs_object_path) part("object name", base::hash_bytes(call.object));
    if (call.dep.form != compiler::DepRequest::Form::none) {
        // The text of the dependency file depends on its targets; with none given, on the object's name.
        base::Hasher h;
        h.number(static_cast<std::uint64_t>(call.dep.form)).raw(of_list(call.dep.targets).view());
        h.number(call.dep.phony_targets ? 1 : 0).number(call.dep.from_wp ? 1 : 0);
        if (call.dep.targets.empty()) h.field(call.object);
        part("dependency file", h.finish());
    }
    if (!in.extra_files.empty()) {
        base::Hasher h;
        for (const auto& digest : in.extra_files) h.raw(digest.view());
        part("extra files", h.finish());
    }
    // Which files a result consists of: a hit must bring back each of them.
    base::Hasher outputs;
    for (const auto& output : call.outputs) outputs.field(output.name);
    part("outputs", outputs.finish());

    base::Hasher all;
    all.number(k_format);
    for (const auto& [name, digest] : key.components) all.field(name).raw(digest.view());
    key.digest = all.finish();
    return key;
}

}  // namespace key
