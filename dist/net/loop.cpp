#include "dist/net/loop.hpp"

#include "dist/net/asio.hpp"

namespace net {

struct Timer::State {
    explicit State(asio::io_context& context) : timer{context} {}
    asio::steady_timer timer;
    std::function<void()> work;
    std::chrono::milliseconds interval{0};
    bool live = true;
};

void Timer::cancel() {
    if (!m_state) return;
    m_state->live = false;
    m_state->work = nullptr;
    m_state->timer.cancel();
    m_state.reset();
}

namespace {

template <class State>
void arm(const std::shared_ptr<State>& state) {
    state->timer.async_wait([state](const error_code& ec) {
        if (ec || !state->live) return;
        auto work = state->work;  // it may cancel its own handle
        if (state->interval.count() > 0) {
            state->timer.expires_after(state->interval);
            arm(state);
        } else {
            state->work = nullptr;
        }
        work();
    });
}

void watch_signal(asio::signal_set& set, const std::function<void()>& work) {
    set.async_wait([&set, work](const error_code& ec, int) {
        if (ec) return;
        work();
        watch_signal(set, work);
    });
}

void watch_fd(const std::shared_ptr<asio::posix::stream_descriptor>& d, std::function<void()> work) {
    d->async_wait(asio::posix::stream_descriptor::wait_read, [d, work = std::move(work)](const error_code& ec) mutable {
        if (ec || !d->is_open()) return;
        work();
        if (d->is_open()) watch_fd(d, std::move(work));
    });
}

}  // namespace

Loop::Loop() : m_impl{std::make_unique<Impl>()} {}

Loop::~Loop() {
    for (auto& d : m_impl->watched) d->release();
}

void Loop::run() {
    m_impl->thread = std::this_thread::get_id();
    auto guard = asio::make_work_guard(m_impl->context);
    m_impl->context.run();
    m_impl->context.restart();
}

void Loop::stop() { m_impl->context.stop(); }

void Loop::post(std::function<void()> work) { asio::post(m_impl->context, std::move(work)); }

Timer Loop::after(std::chrono::milliseconds delay, std::function<void()> work) {
    Timer t;
    t.m_state = std::make_shared<Timer::State>(m_impl->context);
    t.m_state->work = std::move(work);
    t.m_state->timer.expires_after(delay);
    arm(t.m_state);
    return t;
}

Timer Loop::every(std::chrono::milliseconds interval, std::function<void()> work) {
    Timer t;
    t.m_state = std::make_shared<Timer::State>(m_impl->context);
    t.m_state->work = std::move(work);
    t.m_state->interval = interval;
    t.m_state->timer.expires_after(interval);
    arm(t.m_state);
    return t;
}

void Loop::on_signal(int signal, std::function<void()> work) {
    m_impl->signals.push_back(std::make_unique<asio::signal_set>(m_impl->context, signal));
    watch_signal(*m_impl->signals.back(), work);
}

void Loop::on_readable(int fd, std::function<void()> work) {
    m_impl->watched.push_back(std::make_shared<asio::posix::stream_descriptor>(m_impl->context, fd));
    watch_fd(m_impl->watched.back(), std::move(work));
}

void Loop::forget(int fd) {
    std::erase_if(m_impl->watched, [fd](const auto& d) {
        if (d->native_handle() != fd) return false;
        d->release();
        return true;
    });
}

bool Loop::in_loop_thread() const { return m_impl->thread == std::this_thread::get_id(); }

struct LoopThread::Thread {
    std::thread thread;
};

LoopThread::LoopThread() : m_thread{std::make_unique<Thread>()} {
    m_thread->thread = std::thread{[this] { m_loop.run(); }};
}

LoopThread::~LoopThread() {
    m_loop.post([this] { m_loop.stop(); });
    m_thread->thread.join();
}

}  // namespace net
