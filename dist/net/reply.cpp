#include "dist/net/http_server_impl.hpp"

namespace net {

void Reply::send(Response response) const { m_state->send(std::move(response)); }

void Reply::on_gone(std::function<void()> gone) const {
    std::lock_guard lock{m_state->slot->mutex};
    if (!m_state->slot->ready) m_state->slot->on_gone = std::move(gone);
}

bool Reply::gone() const {
    std::lock_guard lock{m_state->slot->mutex};
    return m_state->slot->gone;
}

}  // namespace net
