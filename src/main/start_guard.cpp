#include "main/start_guard.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

namespace {

constexpr auto forever = std::chrono::steady_clock::time_point::max();

int open_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Returns the timeout of poll(2): -1 = none. A rest of a millisecond counts as one.
int timeout_of(std::chrono::steady_clock::time_point end) {
    using std::chrono::milliseconds;
    if (end == forever) return -1;
    const auto rest =
        std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now()).count();
    return static_cast<int>(
        std::clamp<std::int64_t>(rest, 0, std::numeric_limits<std::int32_t>::max()));
}

}  // namespace

start_guard::start_guard(std::chrono::milliseconds grace, callbacks notify)
    : grace_(grace),
      notify_(std::move(notify)),
      signals_file_(open_signals()),
      stop_file_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (signals_file_ < 0 || stop_file_ < 0) {
        throw std::system_error(errno, std::generic_category(), "signalfd");
    }
    thread_ = std::thread([this] { run(); });
}

start_guard::~start_guard() {
    stop();
    close(signals_file_);
    close(stop_file_);
}

base::outcome<void> start_guard::enter(const char* step) {
    step_.store(step);
    const std::lock_guard lock(mutex_);
    if (signal_ == 0) return {};
    return base::fail(base::errc::cancelled,
                      fmt::format("SIG{} arrived before the end of the start, at the step '{}'",
                                  sigabbrev_np(signal_), step));
}

bool start_guard::sleep(std::chrono::milliseconds duration) {
    std::unique_lock lock(mutex_);
    return !arrived_.wait_for(lock, duration, [this] { return signal_ != 0; });
}

void start_guard::complete() {
    stop();
    const std::lock_guard lock(mutex_);
    if (signal_ != 0) kill(getpid(), std::exchange(signal_, 0));
}

void start_guard::run() {
    const int signal = next_signal(forever);
    if (signal == 0) return;
    notify_.on_signal(signal, step_.load());
    {
        const std::lock_guard lock(mutex_);
        signal_ = signal;
        arrived_.notify_all();
    }
    const auto end = std::chrono::steady_clock::now() + grace_;
    if (next_signal(end) == 0 && std::chrono::steady_clock::now() < end) return;  // stop()
    notify_.on_expired(signal, step_.load());
}

int start_guard::next_signal(std::chrono::steady_clock::time_point end) const {
    std::array<pollfd, 2> files{pollfd{.fd = signals_file_, .events = POLLIN, .revents = 0},
                                pollfd{.fd = stop_file_, .events = POLLIN, .revents = 0}};
    while (true) {
        const int ready = poll(files.data(), files.size(), timeout_of(end));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0 || files[1].revents != 0) return 0;
        signalfd_siginfo info{};
        if (read(signals_file_, &info, sizeof info) == sizeof info) {
            return static_cast<int>(info.ssi_signo);
        }
    }
}

void start_guard::stop() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    // The counter of the eventfd cannot overflow.
    [[maybe_unused]] const auto written = write(stop_file_, &one, sizeof one);
    thread_.join();
}
