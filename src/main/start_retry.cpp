#include "main/start_retry.hpp"

#include <algorithm>
#include <utility>

start_retry::start_retry(const base::clock& clock, obs::log& log, std::chrono::seconds timeout,
                         pause wait)
    : log_(log), clock_(clock), deadline_(clock.now() + timeout), wait_(std::move(wait)) {}

base::outcome<void> start_retry::run(const std::function<base::outcome<void>()>& step) {
    using std::chrono::milliseconds;
    constexpr milliseconds delay_max{4000};
    milliseconds delay{500};
    while (true) {
        auto result = step();
        if (result || result.error().code != base::errc::unavailable) return result;
        if (clock_.now() + delay > deadline_) return result;
        log_.warning("mongodb_start_retry",
                     {{"detail", result.error().text}, {"delay_ms", delay.count()}});
        if (!wait_(delay)) return result;
        delay = std::min(2 * delay, delay_max);
    }
}
