#pragma once
// The last report of each loop, for readiness and metrics. The loops write atomics; any thread
// reads them without I/O.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"

namespace app {

enum class component_state : std::uint8_t {
    starting,
    connected,
    disconnected,
    embedded,
    running,
    stalled,
    stopped
};
std::string_view name(component_state state) noexcept;

// Background loops by name, in the order in which readiness lists them.
enum class background : std::uint8_t { status_sync, metrics_sync, reconcile, count_ };
std::string_view name(background task) noexcept;

class readiness {
  public:
    // Reports progress of a loop. A loop without progress for three intervals is stalled.
    void progressed(background task, base::steady_time now) noexcept;
    void set_interval(background task, std::chrono::milliseconds interval) noexcept;
    void stopped(background task) noexcept;
    [[nodiscard]] component_state state(background task, base::steady_time now) const noexcept;
    [[nodiscard]] base::steady_time last_progress(
        background task) const noexcept;  // min() before the first

    void set_store(component_state state) noexcept {
        database_.store(state, std::memory_order_relaxed);
    }
    void set_bus(component_state state) noexcept { bus_.store(state, std::memory_order_relaxed); }
    [[nodiscard]] component_state database() const noexcept {
        return database_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] component_state bus() const noexcept {
        return bus_.load(std::memory_order_relaxed);
    }

    // The replicas of the platform that share the work.
    void set_replicas(std::size_t count) noexcept {
        replicas_.store(count, std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t replicas() const noexcept {
        return replicas_.load(std::memory_order_relaxed);
    }

    void begin_shutdown() noexcept { stopping_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool is_stopping() const noexcept {
        return stopping_.load(std::memory_order_relaxed);
    }

  private:
    struct loop_state {
        std::atomic<std::int64_t> last_ns{INT64_MIN};
        std::atomic<std::int64_t> interval_ns{30'000'000'000};
        std::atomic<bool> stopped{false};
    };
    std::array<loop_state, std::size_t(background::count_)> loops_{};
    std::atomic<component_state> database_{component_state::starting};
    std::atomic<component_state> bus_{component_state::starting};
    std::atomic<std::size_t> replicas_{1};
    std::atomic<bool> stopping_{false};
};

}  // namespace app
