#include "app/readiness.hpp"

namespace app {

std::string_view name(component_state state) noexcept {
    switch (state) {
        case component_state::starting:
            return "starting";
        case component_state::connected:
            return "connected";
        case component_state::disconnected:
            return "disconnected";
        case component_state::embedded:
            return "embedded";
        case component_state::running:
            return "running";
        case component_state::stalled:
            return "stalled";
        case component_state::stopped:
            return "stopped";
    }
    return "unknown";
}

std::string_view name(background task) noexcept {
    switch (task) {
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
std::int64_t nanoseconds(base::steady_time time) noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}
}  // namespace

void readiness::progressed(background task, base::steady_time now) noexcept {
    loops_[std::size_t(task)].last_ns.store(nanoseconds(now), std::memory_order_relaxed);
}

void readiness::set_interval(background task, std::chrono::milliseconds interval) noexcept {
    loops_[std::size_t(task)].interval_ns.store(
        std::chrono::duration_cast<std::chrono::nanoseconds>(interval).count(),
        std::memory_order_relaxed);
}

void readiness::stopped(background task) noexcept {
    loops_[std::size_t(task)].stopped.store(true, std::memory_order_relaxed);
}

component_state readiness::state(background task, base::steady_time now) const noexcept {
    const auto& loop = loops_[std::size_t(task)];
    if (loop.stopped.load(std::memory_order_relaxed)) return component_state::stopped;
    const auto last = loop.last_ns.load(std::memory_order_relaxed);
    if (last == INT64_MIN) return component_state::starting;
    const auto silent = nanoseconds(now) - last;
    return silent > 3 * loop.interval_ns.load(std::memory_order_relaxed) ? component_state::stalled
                                                                         : component_state::running;
}

base::steady_time readiness::last_progress(background task) const noexcept {
    const auto last = loops_[std::size_t(task)].last_ns.load(std::memory_order_relaxed);
    if (last == INT64_MIN) return base::steady_time::min();
    return base::steady_time(std::chrono::nanoseconds(last));
}

}  // namespace app
