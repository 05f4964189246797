#pragma once
// The last use of one API key, as this process knows it. Every thread notes uses, without I/O and
// at most once in `resolution`; the control loop writes them to the store later.

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/atomic_shared_ptr.hpp"
#include "base/clock.hpp"
#include "domain/api_key_rules.hpp"

namespace app {

class key_use {
  public:
    using shared_use = std::shared_ptr<const domain::api_key_use>;

    // Notes a use. Nothing if the last known one is younger than `resolution`. Thread: any.
    void note(base::instant now, std::string_view address) {
        auto known = used_at_.load(std::memory_order_relaxed);
        const auto time = now.time_since_epoch().count();
        if (time - known < resolution.count()) return;
        if (!used_at_.compare_exchange_strong(known, time, std::memory_order_relaxed)) return;
        last_.store(std::make_shared<const domain::api_key_use>(
            domain::api_key_use{.used_at = now, .address = std::string(address)}));
    }
    // Takes over a use in another process, unless it is older than the last known one. Thread: any.
    void adopt(const domain::api_key_use& other) {
        auto known = used_at_.load(std::memory_order_relaxed);
        const auto time = other.used_at.time_since_epoch().count();
        if (time <= known) return;
        if (!used_at_.compare_exchange_strong(known, time, std::memory_order_relaxed)) return;
        last_.store(std::make_shared<const domain::api_key_use>(other));
    }
    // Returns null if no use is known. Thread: any.
    [[nodiscard]] shared_use last() const { return last_.load(); }
    // Returns nothing if no use is known. Thread: any.
    [[nodiscard]] std::optional<base::instant> last_used_at() const {
        const auto known = last();
        return known ? std::optional(known->used_at) : std::nullopt;
    }

    static constexpr std::chrono::microseconds resolution = std::chrono::minutes(1);

  private:
    std::atomic<base::instant::rep> used_at_{0};  // of `last_`, or of the one that replaces it
    base::atomic_shared_ptr<const domain::api_key_use> last_;
};

}  // namespace app
