#include "dist/builder/run_job.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>

#include "dist/builder/environment.hpp"
#include "src/base/strings.hpp"

namespace builder {
namespace {

constexpr std::size_t k_path_limit = 4096;

// Words of gcc, clang, rustc, the assembler and the C library when memory, disk, processes or descriptors run out.
constexpr std::string_view k_limit_words[] = {
    "virtual memory exhausted", "out of memory allocating", "memory exhausted", "Cannot allocate memory", "bad_alloc",
    "LLVM ERROR: out of memory", "memory allocation of ", "No space left on device", "File too large",
    "Killed signal terminated program", "Resource temporarily unavailable", "Too many open files", "File size limit exceeded"};

// Up to this an object is sent as it is: compressing it takes longer than a network takes for it.
constexpr std::size_t k_stored_limit = 16 * 1024;

/// A zlib stream of one block that is not compressed.
std::string stored(std::string_view plain) {
    const auto size = static_cast<std::uint16_t>(plain.size());
    const auto sum = static_cast<std::uint32_t>(::adler32_z(1, reinterpret_cast<const Bytef*>(plain.data()), plain.size()));
    std::string stream{"\x78\x01\x01"};  // the stream's head, and the last block, stored
    for (unsigned word : {unsigned{size}, ~unsigned{size}})
        for (int shift : {0, 8}) stream.push_back(static_cast<char>(word >> shift));
    stream.append(plain);
    for (int shift : {24, 16, 8, 0}) stream.push_back(static_cast<char>(sum >> shift));
    return stream;
}

base::Result<protocol::OutputData> pack(const Outcome::Output& output) {
    protocol::OutputData data;
    data.length = output.size;
    if (output.size == 0) {
        data.zlib.assign("\x78\x01\x03\x00\x00\x00\x00\x01", 8);
        return data;
    }
    // Read rather than mapped: a file that shrinks under a mapping would end this process.
    std::string plain(output.size, '\0');
    for (std::size_t at = 0; at < plain.size();) {
        auto n = ::pread(output.file.get(), plain.data() + at, plain.size() - at, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return base::errno_error("cannot read an output", n == 0 ? EIO : errno);
        at += static_cast<std::size_t>(n);
    }
    if (plain.size() <= k_stored_limit) {
        data.zlib = stored(plain);
        return data;
    }
    auto size = ::compressBound(plain.size());
    data.zlib.resize(size);
    if (::compress2(reinterpret_cast<Bytef*>(data.zlib.data()), &size, reinterpret_cast<const Bytef*>(plain.data()), plain.size(), 1) != Z_OK)
        return base::Error{"cannot compress an output", std::errc::not_enough_memory};
    data.zlib.resize(size);
    return data;
}

Order order_of(const JobRun& run, std::string tree, std::string layer) {
    Order order;
    order.toolchain = std::move(tree);
    order.layer = std::move(layer);
    order.whole = run.whole;
    order.executable = run.request.command.executable;
    order.arguments = run.request.command.arguments;
    order.environment = job_environment(run.request.command.env, order.executable);
    order.cwd = run.request.command.cwd;
    order.outputs = run.request.outputs;
    order.limits = run.limits;
    return order;
}

}  // namespace

base::Result<> check_request(const protocol::RunJob& request) {
    auto bad = [](std::string what) { return base::Error{std::move(what), std::errc::invalid_argument}; };
    auto usable = [](const std::string& path) { return !path.empty() && path.size() < k_path_limit && path.find('\0') == std::string::npos; };
    const auto& command = request.command;
    if (!usable(command.executable)) return bad("the job names no usable executable");
    if (!usable(command.cwd) || command.cwd[0] != '/') return bad("the job's working directory is not an absolute path");
    for (const auto& argument : command.arguments)
        if (argument.find('\0') != std::string::npos) return bad("an argument of the job holds a NUL");
    for (const auto& output : request.outputs)
        if (!usable(output)) return bad("the job names an unusable output");
    return base::Ok{};
}

bool says_limit_was_hit(std::string_view standard_error) {
    return std::any_of(std::begin(k_limit_words), std::end(k_limit_words),
                       [&](auto words) { return standard_error.find(words) != std::string_view::npos; });
}

base::Result<protocol::RunComplete> run_job(const JobRun& run, Sandbox& sandbox, Toolchains& toolchains, unsigned slot, int cancel,
                                            RunCost& cost) {
    auto tree = toolchains.tree(run.toolchain.id());
    if (!tree) return std::move(tree).error();
    auto layer = run.layer ? toolchains.tree(run.layer->id()) : base::Result<std::string>{std::string{}};
    if (!layer) return std::move(layer).error();
    auto outcome = sandbox.run(order_of(run, std::move(*tree), std::move(*layer)), slot, run.inputs, cancel);
    if (!outcome) return std::move(outcome).error();
    cost = {outcome->cpu, outcome->peak_memory};
    if (outcome->signal != 0)
        return base::Error{base::cat("the compiler was terminated with signal ", outcome->signal), std::errc::interrupted};
    if (outcome->code != 0 && says_limit_was_hit(outcome->err))
        return base::Error{base::cat("the compiler ran into a limit of this builder: ", base::trim(std::string_view{outcome->err}.substr(0, 300))),
                           std::errc::not_enough_memory};
    protocol::RunComplete answer;
    answer.code = outcome->code;
    answer.out = std::move(outcome->out);
    answer.err = std::move(outcome->err);
    for (const auto& output : outcome->outputs) {
        auto data = pack(output);
        if (!data) return std::move(data).error();
        answer.outputs.emplace_back(run.request.outputs[output.index], std::move(*data));
    }
    return answer;
}

}  // namespace builder
