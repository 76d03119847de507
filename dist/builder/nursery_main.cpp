// sccache-nursery: the parent of all jobs of one builder, which starts it and talks to it. Of no use by hand.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>

#include "dist/builder/nursery.hpp"

int main() {
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(builder::k_nursery_control, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) {
        constexpr std::string_view k_words = "sccache-nursery: started by `sccache-dist server`, not by hand\n";
        (void)!::write(2, k_words.data(), k_words.size());
        return 2;
    }
    (void)::fcntl(builder::k_nursery_control, F_SETFD, FD_CLOEXEC);
    builder::run_nursery(base::Fd{builder::k_nursery_control});
}
