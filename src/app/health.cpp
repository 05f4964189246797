#include "app/health.hpp"

namespace app {

std::string_view name(part_state state) noexcept {
    switch (state) {
        case part_state::starting:
            return "starting";
        case part_state::connected:
            return "connected";
        case part_state::disconnected:
            return "disconnected";
        case part_state::embedded:
            return "embedded";
        case part_state::running:
            return "running";
        case part_state::stalled:
            return "stalled";
        case part_state::stopped:
            return "stopped";
    }
    return "unknown";
}

std::string_view name(background which) noexcept {
    switch (which) {
        case background::status_sync:
            return "status_sync";
        case background::metrics_sync:
            return "metrics_sync";
        case background::reconcile:
            return "reconcile";
        case background::count_:
            break;
    }
    return "unknown";
}

namespace {
std::int64_t nanoseconds(base::steady_time at) noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
}
}  // namespace

void health_board::progressed(background which, base::steady_time now) noexcept {
    loops_[std::size_t(which)].last_ns.store(nanoseconds(now), std::memory_order_relaxed);
}

void health_board::set_interval(background which, std::chrono::milliseconds interval) noexcept {
    loops_[std::size_t(which)].interval_ns.store(
        std::chrono::duration_cast<std::chrono::nanoseconds>(interval).count(),
        std::memory_order_relaxed);
}

void health_board::stopped(background which) noexcept {
    loops_[std::size_t(which)].stopped.store(true, std::memory_order_relaxed);
}

part_state health_board::state(background which, base::steady_time now) const noexcept {
    const auto& loop = loops_[std::size_t(which)];
    if (loop.stopped.load(std::memory_order_relaxed)) return part_state::stopped;
    const auto last = loop.last_ns.load(std::memory_order_relaxed);
    if (last == INT64_MIN) return part_state::starting;
    const auto silent = nanoseconds(now) - last;
    return silent > 3 * loop.interval_ns.load(std::memory_order_relaxed) ? part_state::stalled
                                                                         : part_state::running;
}

base::steady_time health_board::last_progress(background which) const noexcept {
    const auto last = loops_[std::size_t(which)].last_ns.load(std::memory_order_relaxed);
    if (last == INT64_MIN) return base::steady_time::min();
    return base::steady_time(std::chrono::nanoseconds(last));
}

}  // namespace app
