#include <fmt/format.h>

#include <array>
#include <chrono>
#include <ctime>

#include "http/connection.hpp"

namespace http::detail {

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
