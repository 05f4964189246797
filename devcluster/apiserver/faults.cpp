#include "devcluster/apiserver/faults.hpp"

#include "devcluster/apiserver/status.hpp"

namespace apiserver {

base::outcome<void> fault_switches::set(const json::object& wanted) {
    fault_switches next;
    next.watch_cuts_ = watch_cuts_;
    for (const auto& [key, value] : wanted) {
        const auto bad = [&] {
            return base::fail(base::errc::invalid,
                              "not a fault switch or value: " + std::string(key));
        };
        const bool is_number = value.is_number();
        if (key == "seed" && value.is_int64()) {
            next.random_.seed(static_cast<std::uint64_t>(value.get_int64()));
        } else if (key == "error_rate" && is_number) {
            next.error_rate_ = value.to_number<double>();
        } else if (key == "error_status" && value.is_int64()) {
            next.error_status_ = static_cast<unsigned>(value.get_int64());
        } else if (key == "delay_ms" && value.is_int64()) {
            next.delay_ = std::chrono::milliseconds(value.get_int64());
        } else if (key == "cut_watches" && value.is_bool()) {
            if (value.get_bool()) ++next.watch_cuts_;
        } else if (key == "silent_watches" && value.is_bool()) {
            next.silent_watches_ = value.get_bool();
        } else if (key == "compact" && value.is_bool()) {
            next.compact_ = value.get_bool();
        } else if (key == "verbs" && value.is_array()) {
            for (const auto& each : value.get_array()) {
                if (!each.is_string()) return bad();
                next.verbs_.emplace(each.get_string());
            }
        } else {
            return bad();
        }
    }
    *this = std::move(next);
    return {};
}

std::optional<http::response> fault_switches::refuse(const std::string& verb) {
    if (error_rate_ <= 0 || !concerns(verb)) return std::nullopt;
    if (std::uniform_real_distribution<double>(0, 1)(random_) >= error_rate_) return std::nullopt;
    switch (error_status_) {
        case 410:
            return to_response(gone("The resourceVersion for the provided list is too old."));
        case 429:
            return to_response(
                {429, "TooManyRequests", "too many requests, please try again later"});
        case 500:
            return to_response({500, "InternalError", "an error on demand"});
        default:
            return to_response({error_status_, "ServiceUnavailable", "unavailable on demand"});
    }
}

std::chrono::milliseconds fault_switches::delay(const std::string& verb) const {
    return concerns(verb) ? delay_ : std::chrono::milliseconds(0);
}

}  // namespace apiserver
