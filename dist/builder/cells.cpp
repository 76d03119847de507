#include "dist/builder/cells.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <utility>
#include <vector>

#include "dist/builder/channel.hpp"
#include "dist/builder/nursery.hpp"

namespace builder {

bool Cells::TreeStamp::operator==(const TreeStamp& other) const {
    return device == other.device && inode == other.inode && changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec;
}

Cells::TreeStamp Cells::stamp(const std::string& tree) const {
    struct stat st {};
    if (::stat((m_trees + "/" + tree).c_str(), &st) != 0) return {};
    return {st.st_dev, st.st_ino, st.st_ctim};
}

Cells::Trees Cells::trees_of(const Preparation& preparation) const {
    return {stamp(preparation.toolchain), preparation.layer.empty() ? TreeStamp{} : stamp(preparation.layer)};
}

base::Result<Cell> Cells::start(unsigned slot, const Preparation& wanted) {
    auto ends = socket_pair(SOCK_STREAM);
    if (!ends) return std::move(ends).error();
    const NurseryMessage m{NurseryMessage::Kind::start, slot, m_next_job++};
    auto step = send_message(m_control.get(), {reinterpret_cast<const char*>(&m), sizeof m}, {ends->second.get()});
    if (!step) return std::move(step).error();
    // A cell that fails early hangs up while we still talk: its reason is in the channel then.
    (void)send_frame(ends->first.get(), encode(wanted));
    return Cell{m.job, std::move(ends->first)};
}

/// The cell that waits in `slot`, if it is what this job wants and has not failed.
std::optional<Cell> Cells::take(unsigned slot, const Preparation& wanted) {
    std::unique_lock lock{m_mutex};
    auto at = m_waiting.find(slot);
    if (at == m_waiting.end()) return std::nullopt;
    auto found = std::move(at->second);
    m_waiting.erase(at);
    lock.unlock();
    pollfd polled{found.cell.channel.get(), POLLIN, 0};
    if (found.preparation != wanted || found.trees != trees_of(wanted) || ::poll(&polled, 1, 0) != 0) return std::nullopt;
    return std::move(found.cell);
}

base::Result<Cell> Cells::get(unsigned slot, const Preparation& wanted) {
    if (auto waiting = take(slot, wanted)) return std::move(*waiting);
    return start(slot, wanted);
}

void Cells::expect_another(unsigned slot, const Preparation& same) {
    {
        std::lock_guard lock{m_mutex};
        if (std::exchange(m_last[slot], same) != same) return;
    }
    // Before the cell is started: what it mounts is this tree or a newer one, and a newer one is never taken for this.
    const auto trees = trees_of(same);
    auto cell = start(slot, same);
    if (!cell) return;
    std::lock_guard lock{m_mutex};
    m_waiting.insert_or_assign(slot, Waiting{std::move(*cell), same, trees, Clock::now()});
}

void Cells::rest(std::chrono::milliseconds idle) {
    std::vector<Waiting> leaving;  // closed behind the lock
    std::lock_guard lock{m_mutex};
    for (auto at = m_waiting.begin(); at != m_waiting.end();) {
        if (Clock::now() - at->second.since < idle) {
            ++at;
            continue;
        }
        leaving.push_back(std::move(at->second));
        at = m_waiting.erase(at);
    }
}

void Cells::kill(const Cell& cell) const {
    const NurseryMessage m{NurseryMessage::Kind::kill, 0, cell.job};
    (void)send_message(m_control.get(), {reinterpret_cast<const char*>(&m), sizeof m}, {});
}

}  // namespace builder
