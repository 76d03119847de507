#include "src/client/follow_steps.hpp"

#include "src/client/hands.hpp"

// The server is the brain, we are the hands. Whatever goes wrong with it, the compile must come out right: before the
// compiler has run, the way out is to run it plainly; after it has run and left everything in place, it is to end with
// its status.

namespace client {

namespace {

bool send(int socket, wire::Type type, std::string_view payload, const std::vector<base::Fd>& fds) {
    int numbers[wire::k_fd_limit];
    std::size_t n = 0;
    for (const auto& fd : fds)
        if (n < wire::k_fd_limit) numbers[n++] = fd.get();
    return wire::send_frame(socket, type, payload, numbers, n);
}

bool run_step(int socket, std::string_view payload, Hands& hands) {
    auto outcome = hands.run(payload);
    return outcome && send(socket, wire::Type::ran, wire::encode(outcome->ran), outcome->fds);
}

bool open_step(int socket, std::string_view payload) {
    auto opened = Hands::open(payload);
    return opened && send(socket, wire::Type::opened, wire::encode(wire::Opened{!opened->empty()}), *opened);
}

End give_up(const Hands& hands, End::What otherwise) {
    auto settled = hands.settled();
    return settled ? End{End::What::status, *settled} : End{otherwise, 0};
}

}  // namespace

End follow_steps(int socket, const wire::Compile& request) {
    using What = End::What;
    Hands hands;
    if (!wire::send_frame(socket, wire::Type::compile, wire::encode(request), nullptr, 0, true))
        return give_up(hands, What::silent);
    wire::Collector incoming{wire::Collector::Peer::server};
    wire::Frame frame;
    for (;;) {
        auto state = incoming.next(socket, frame);
        if (state == wire::Collector::State::more) return give_up(hands, What::silent);
        if (state != wire::Collector::State::frame) return give_up(hands, What::run_plain);
        switch (frame.type) {
            case wire::Type::wait: continue;
            case wire::Type::run:
                if (!run_step(socket, frame.payload, hands)) return give_up(hands, What::run_plain);
                continue;
            case wire::Type::open:
                if (!open_step(socket, frame.payload)) return give_up(hands, What::run_plain);
                continue;
            case wire::Type::write:
                if (!Hands::write(frame)) return give_up(hands, What::run_plain);
                return {What::status, hands.wait_status()};
            case wire::Type::foreign: return give_up(hands, What::foreign);
            default: return give_up(hands, What::run_plain);
        }
    }
}

}  // namespace client
