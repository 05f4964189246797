#include <fmt/format.h>

#include <array>
#include <chrono>
#include <ctime>

#include "http/connection.hpp"

namespace http::detail {

// The waiter stores has_waiter_ before it reads the counters. The loops change a counter before
// they read has_waiter_. Sequential consistency makes one of them see the change of the other.
void shared_counters::notify_waiter() {
    if (!has_waiter_.load()) return;
    {
        const std::lock_guard lock(mutex_);
    }  // the waiter is before its check, or in its wait
    changed_.notify_all();
}

bool shared_counters::wait_until(base::steady_time deadline, const std::function<bool()>& is_done) {
    std::unique_lock lock(mutex_);
    has_waiter_.store(true);
    const bool result = changed_.wait_until(lock, deadline, is_done);
    has_waiter_.store(false);
    return result;
}

std::string_view loop_state::date_line() {
    const auto now = std::chrono::system_clock::now();
    const auto second = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
    if (second.count() != date_second_) {
        date_second_ = second.count();
        const std::time_t when = date_second_;
        std::tm parts{};
        gmtime_r(&when, &parts);
        std::array<char, 64> text{};
        const auto size =
            std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
        date_.assign(text.data(), size);
    }
    return date_;
}

}  // namespace http::detail
