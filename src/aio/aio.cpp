#include "aio/aio.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <list>
#include <mutex>
#include <optional>

#include "aio/detail.hpp"
#include "aio/run_on_cancellable.hpp"

namespace aio {

namespace asio = boost::asio;
using asio::awaitable;
using base::errc;
using base::fail;
using boost::system::error_code;

namespace {

// The root of every spawned coroutine. Cancellation must be a value (ADR 2), and no exception may
// escape.
awaitable<base::outcome<void>> as_root(task<> work) {
    co_await asio::this_coro::throw_if_cancelled(false);
    base::outcome<void> result;
    try {
        result = co_await std::move(work);
    } catch (...) {
        result = std::unexpected(detail::failure_of_current_exception());
    }
    co_return result;
}

task<> keep_alive_while(std::move_only_function<task<>()> start) {
    const auto result = co_await start();
    co_return result;
}

// A one-shot event. One coroutine waits for it; it is set on the same loop.
class event {
  public:
    explicit event(const aio::executor& executor) : timer_(executor, base::steady_time::max()) {}
    void set() {
        is_set_ = true;
        timer_.cancel();
    }
    [[nodiscard]] bool is_set() const noexcept { return is_set_; }
    // Ignores cancellation of the waiting coroutine, because the awaited work must end first.
    awaitable<void> wait() {
        while (!is_set_) co_await wait_once();
    }
    // Returns when the event is set or the waiting coroutine is cancelled.
    awaitable<void> wait_or_cancelled() {
        if (!is_set_ && !co_await is_cancelled()) co_await wait_once();
    }

  private:
    awaitable<void> wait_once() {
        error_code ignored;
        co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

    asio::steady_timer timer_;
    bool is_set_ = false;
};

}  // namespace

namespace detail {

base::failure failure_of_current_exception() noexcept {
    try {
        throw;
    } catch (const std::exception& error) {
        return {.code = errc::internal, .text = std::string("exception: ") + error.what()};
    } catch (...) {
        return {.code = errc::internal, .text = "unknown exception"};
    }
}

awaitable<bool> race_with_time(base::steady_time deadline, task<> work) {
    const auto executor = co_await asio::this_coro::executor;
    asio::cancellation_signal stop;
    asio::steady_timer timer(executor, deadline);
    event ended(executor);
    asio::co_spawn(executor, as_root(std::move(work)),
                   asio::bind_cancellation_slot(
                       stop.slot(), [&](std::exception_ptr, const base::outcome<void>&) {
                           ended.set();
                           timer.cancel();
                       }));
    bool is_late = false;
    if (!co_await is_cancelled()) {
        error_code error;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
        is_late = !error && !ended.is_set();
    }
    if (!ended.is_set()) stop.emit(asio::cancellation_type::terminal);
    co_await ended.wait();
    co_return is_late;
}

awaitable<bool> on_pool(blocking_pool& pool, std::move_only_function<void()> work) {
    const auto executor = co_await asio::this_coro::executor;
    event ended(executor);
    const bool is_accepted = pool.submit([&ended, executor, work = std::move(work)]() mutable {
        work();
        asio::post(executor, [&ended] { ended.set(); });
    });
    if (!is_accepted) co_return false;
    co_await ended.wait();
    co_return true;
}

awaitable<void> on_executor(aio::executor target, std::move_only_function<task<>()> start) {
    const auto executor = co_await asio::this_coro::executor;
    event ended(executor);
    asio::post(target, [&ended, executor, target, &start] {
        asio::co_spawn(target, as_root(start()),
                       [&ended, executor](std::exception_ptr, const base::outcome<void>&) {
                           asio::post(executor, [&ended] { ended.set(); });
                       });
    });
    co_await ended.wait();
}

awaitable<void> on_executor_cancellable(aio::executor target,
                                        std::move_only_function<task<>()> start) {
    const auto executor = co_await asio::this_coro::executor;
    struct remote {  // used on the loop of `target`
        asio::cancellation_signal stop;
        bool has_ended = false;
    };
    const auto shared = std::make_shared<remote>();
    event ended(executor);
    asio::post(target, [&ended, &start, shared, executor, target] {
        auto on_end = [&ended, shared, executor](std::exception_ptr, const base::outcome<void>&) {
            shared->has_ended = true;
            asio::post(executor, [&ended] { ended.set(); });
        };
        asio::co_spawn(target, as_root(start()),
                       asio::bind_cancellation_slot(shared->stop.slot(), std::move(on_end)));
    });
    co_await ended.wait_or_cancelled();
    if (!ended.is_set()) {
        asio::post(target, [shared] {
            if (!shared->has_ended) shared->stop.emit(asio::cancellation_type::terminal);
        });
    }
    co_await ended.wait();
}

// The other thread may destroy the last reference after the loop has ended, so the state must not
// contain objects of the loop. The event itself is on the stack of the waiting coroutine.
struct remote_event::state {
    explicit state(aio::executor target) : executor(std::move(target)) {}
    aio::executor executor;
    bool is_set = false;       // used on the loop only, as is the next member
    event* waiting = nullptr;  // nullptr if no coroutine waits
};

remote_event::remote_event(aio::executor executor)
    : state_(std::make_shared<state>(std::move(executor))) {}

void remote_event::set() {
    asio::post(state_->executor, [shared = state_] {
        shared->is_set = true;
        if (shared->waiting != nullptr) shared->waiting->set();
    });
}

awaitable<void> remote_event::wait() {
    const auto shared = state_;
    if (shared->is_set) co_return;
    event completed(shared->executor);
    shared->waiting = &completed;
    co_await completed.wait();
    shared->waiting = nullptr;
}

void run_until_done(task<> work) {
    asio::io_context context(1);
    asio::co_spawn(context, as_root(std::move(work)),
                   [](std::exception_ptr, const base::outcome<void>&) {});
    context.run();
}

}  // namespace detail

// ---- loop ----------------------------------------------------------------------------

struct loop::state {
    asio::io_context context{1};
    std::mutex guard_mutex;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard;
};

loop::loop() : state_(std::make_unique<state>()) {}
loop::~loop() = default;

aio::executor loop::executor() {
    return state_->context.get_executor();
}

void loop::run() {
    state_->context.restart();
    state_->context.run();
}

std::size_t loop::poll() {
    state_->context.restart();
    return state_->context.poll();
}

void loop::keep_alive() {
    const std::lock_guard lock(state_->guard_mutex);
    if (!state_->guard) state_->guard.emplace(state_->context.get_executor());
}

void loop::release() {
    const std::lock_guard lock(state_->guard_mutex);
    state_->guard.reset();
}

void loop::stop() {
    state_->context.stop();
}

void loop::post(std::move_only_function<void()> work) {
    asio::post(state_->context, [work = std::move(work)]() mutable { work(); });
}

void post(const aio::executor& executor, std::move_only_function<void()> work) {
    asio::post(executor, [work = std::move(work)]() mutable { work(); });
}

// ---- time ----------------------------------------------------------------------------

awaitable<void> yield() {
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

awaitable<aio::executor> this_executor() {
    co_return co_await asio::this_coro::executor;
}

awaitable<bool> is_cancelled() {
    const auto state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

task<> sleep_until(base::steady_time end) {
    if (co_await is_cancelled()) co_return fail(errc::cancelled, "cancelled");
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, end);
    error_code error;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return fail(errc::cancelled, "cancelled");
    co_return base::ok();
}

task<> sleep_for(std::chrono::nanoseconds duration) {
    return sleep_until(std::chrono::steady_clock::now() + duration);
}

namespace {

// A timer of one loop that a clock drives, for one wait at a time. A simulated clock may wake it
// after the wait, or after its owner, has ended; therefore it is shared and numbers the waits.
class clock_timer : public std::enable_shared_from_this<clock_timer> {
  public:
    explicit clock_timer(const aio::executor& executor) : timer_(executor) {}

    // Begins a wait until clock.now() has reached `end`.
    void begin(const base::clock& clock, base::steady_time end) {
        const auto number = ++number_;
        is_expired_ = false;
        const auto wake = [weak = weak_from_this(), number] {
            const auto self = weak.lock();  // while the timer exists, its loop exists
            if (!self) return;
            asio::post(self->timer_.get_executor(), [self, number] {
                if (self->number_ != number) return;
                self->is_expired_ = true;
                self->cancel();
            });
        };
        const bool is_simulated = end != base::steady_time::max() && clock.call_at(end, wake);
        timer_.expires_at(is_simulated ? base::steady_time::max() : end);
    }
    // Waits until the end, cancel(), or cancellation of the calling coroutine.
    awaitable<void> wait() {
        error_code error;
        co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
        if (!error) is_expired_ = true;
    }
    void cancel() { timer_.cancel(); }
    // Returns whether the end of the current wait has been reached.
    [[nodiscard]] bool is_expired() const noexcept { return is_expired_; }

  private:
    asio::steady_timer timer_;
    std::uint64_t number_ = 0;
    bool is_expired_ = false;
};

}  // namespace

task<> sleep_until(const base::clock& clock, base::steady_time end) {
    if (co_await is_cancelled()) co_return fail(errc::cancelled, "cancelled");
    const auto timer = std::make_shared<clock_timer>(co_await this_executor());
    timer->begin(clock, end);
    co_await timer->wait();
    if (!timer->is_expired()) co_return fail(errc::cancelled, "cancelled");
    co_return base::ok();
}

task<> sleep_for(const base::clock& clock, std::chrono::nanoseconds duration) {
    return sleep_until(clock, clock.now() + duration);
}

task<> until_cancelled() {
    return sleep_until(base::steady_time::max());
}

task<> wait_readable(int descriptor) {
    if (co_await is_cancelled()) co_return fail(errc::cancelled, "cancelled");
    const auto executor = co_await asio::this_coro::executor;
    asio::posix::stream_descriptor watched(executor);
    error_code error;
    watched.assign(descriptor, error);
    if (error) co_return fail(errc::invalid, "the descriptor cannot be polled");
    co_await watched.async_wait(asio::posix::stream_descriptor::wait_read,
                                asio::redirect_error(asio::use_awaitable, error));
    watched.release();
    if (error) co_return fail(errc::cancelled, "cancelled");
    co_return base::ok();
}

// ---- task_group ----------------------------------------------------------------------

struct task_group::state {
    explicit state(aio::executor target)
        : executor(std::move(target)), empty(executor, base::steady_time::max()) {}
    aio::executor executor;
    asio::steady_timer empty;  // cancelled when the last child ends
    std::list<asio::cancellation_signal> children;
    std::function<void(const base::failure&)> failure_handler;
    bool is_closed = false;
};

task_group::task_group(aio::executor executor)
    : state_(std::make_shared<state>(std::move(executor))) {}

task_group::~task_group() {
    assert(state_->children.empty() && "join() a task_group before its destruction");
}

bool task_group::spawn(task<> work) {
    if (state_->is_closed) return false;
    const auto child = state_->children.emplace(state_->children.end());
    asio::co_spawn(
        state_->executor, as_root(std::move(work)),
        asio::bind_cancellation_slot(
            child->slot(),
            [group = state_, child](std::exception_ptr, const base::outcome<void>& result) {
                group->children.erase(child);
                if (!result && result.error().code != errc::cancelled && group->failure_handler) {
                    group->failure_handler(result.error());
                }
                if (group->children.empty()) group->empty.cancel();
            }));
    return true;
}

bool task_group::spawn(std::move_only_function<task<>()> start) {
    if (state_->is_closed) return false;
    return spawn(keep_alive_while(std::move(start)));
}

void task_group::on_failure(std::function<void(const base::failure&)> handler) {
    state_->failure_handler = std::move(handler);
}

void task_group::close() {
    state_->is_closed = true;
}

void task_group::cancel() {
    close();
    // A child may end inside emit() and erase itself from the list. The loop therefore iterates
    // over a copy and skips children that are no longer in the list.
    const auto group = state_;
    std::vector<asio::cancellation_signal*> signals;
    for (auto& child : group->children) signals.push_back(&child);
    for (auto* signal : signals) {
        const bool is_alive =
            std::ranges::any_of(group->children, [&](auto& child) { return &child == signal; });
        if (is_alive) signal->emit(asio::cancellation_type::terminal);
    }
}

task<> task_group::join() {
    const auto group = state_;
    while (!group->children.empty()) {
        error_code ignored;
        co_await group->empty.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return base::ok();
}

std::size_t task_group::size() const noexcept {
    return state_->children.size();
}

// ---- notification --------------------------------------------------------------------------

struct notification::state {
    state(const aio::executor& executor, const base::clock& clock_of_waits)
        : clock(clock_of_waits), timer(std::make_shared<clock_timer>(executor)) {}
    const base::clock& clock;
    std::shared_ptr<clock_timer> timer;
    bool notified = false;
};

notification::notification(aio::executor executor, const base::clock& clock)
    : state_(std::make_unique<state>(executor, clock)) {}
notification::~notification() = default;

void notification::notify() {
    state_->notified = true;
    state_->timer->cancel();
}

task<bool> notification::wait_until(base::steady_time end) {
    state_->timer->begin(state_->clock, end);
    while (!state_->notified && !state_->timer->is_expired()) {
        if (co_await is_cancelled()) co_return fail(errc::cancelled, "cancelled");
        co_await state_->timer->wait();
    }
    const bool notified = state_->notified;
    state_->notified = false;
    co_return notified;
}

task<bool> notification::wait_for(std::chrono::nanoseconds duration) {
    return wait_until(state_->clock.now() + duration);
}

task<> notification::wait() {
    const auto result = co_await wait_until(base::steady_time::max());
    if (!result) co_return base::pass(result);
    co_return base::ok();
}

// ---- periodic and backoff ------------------------------------------------------------

task<> periodic(periodic_options options, std::move_only_function<task<>()> step) {
    const auto& clock = *options.clock;
    auto next = clock.now() + options.first_delay;
    while (true) {
        const auto sleep = co_await sleep_until(clock, next);
        if (!sleep) co_return sleep;
        const auto step_start = clock.now();
        const auto result = co_await step();
        if (!result) {
            if (result.error().code == errc::cancelled) co_return result;
            if (options.on_failure) options.on_failure(result.error());
        }
        next = std::max(step_start + options.period, clock.now());
    }
}

backoff::backoff(options options, std::uint64_t seed)
    : options_(options),
      random_(seed * 2 + 1),
      current_ms_(static_cast<double>(options.first.count())) {}

std::chrono::milliseconds backoff::next() {
    // xorshift64* is sufficient to spread retries.
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    const auto share =
        static_cast<double>((random_ * 0x2545F4914F6CDD1DULL) >> 11) / 9007199254740992.0;
    const double delay_ms = current_ms_ * (1.0 + share * options_.jitter);
    current_ms_ =
        std::min(current_ms_ * options_.factor, static_cast<double>(options_.max.count()));
    ++attempts_;
    return std::chrono::milliseconds(static_cast<std::int64_t>(delay_ms));
}

int backoff::attempts() const noexcept {
    return attempts_;
}

void backoff::reset() {
    current_ms_ = static_cast<double>(options_.first.count());
    attempts_ = 0;
}

}  // namespace aio
