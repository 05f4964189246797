#include "devcluster/apiserver/faults.hpp"

#include "devcluster/apiserver/simulator.hpp"
#include "devcluster/apiserver/status_response.hpp"

namespace apiserver {
namespace {

base::outcome<std::set<std::string>> words(const json::value& value) {
    std::set<std::string> list;
    if (!value.is_array()) return base::fail(base::errc::invalid, "not a list");
    for (const auto& each : value.get_array()) {
        if (!each.is_string()) return base::fail(base::errc::invalid, "not a list of strings");
        list.emplace(each.get_string());
    }
    return list;
}

std::unexpected<base::failure> unknown_fault(std::string_view key) {
    return base::fail(base::errc::invalid,
                      "unknown fault, or an invalid value: " + std::string(key));
}

}  // namespace

base::outcome<void> fault_injector::set(const json::object& wanted, simulator* other) {
    fault_injector next;
    next.watch_cuts_ = watch_cuts_;
    next.watch_expiries_ = watch_expiries_;
    json::object others;
    for (const auto& [key, value] : wanted) {
        auto set = next.set_member(key, value);
        if (!set) return base::pass(std::move(set));
        if (!*set) others[key] = value;
    }
    if (other == nullptr && !others.empty()) return unknown_fault(others.begin()->key());
    if (other != nullptr) {
        auto result = other->set_faults(others);
        if (!result) return result;
    }
    *this = std::move(next);
    return {};
}

// Returns false if the key is not a fault of the API server.
base::outcome<bool> fault_injector::set_member(std::string_view key, const json::value& value) {
    const auto* whole = value.if_int64();
    const auto* yes = value.if_bool();
    if (key == "verbs" || key == "resources") {
        auto list = words(value);
        if (!list) return unknown_fault(key);
        (key == "verbs" ? verbs_ : resources_) = std::move(*list);
    } else if (key == "error_rate" && value.is_number()) {
        error_rate_ = value.to_number<double>();
    } else if (key == "seed" && whole != nullptr) {
        random_.seed(static_cast<std::uint64_t>(*whole));
    } else if (key == "error_status" && whole != nullptr && *whole >= 400 && *whole <= 599) {
        error_status_ = static_cast<unsigned>(*whole);
    } else if (key == "retry_after_seconds" && whole != nullptr && *whole >= 0) {
        retry_after_ = *whole;
    } else if (key == "delay_ms" && whole != nullptr && *whole >= 0) {
        delay_ = std::chrono::milliseconds(*whole);
    } else if (key == "cut_watches" && yes != nullptr) {
        watch_cuts_ += *yes ? 1 : 0;
    } else if (key == "expire_watches" && yes != nullptr) {
        watch_expiries_ += *yes ? 1 : 0;
    } else if (key == "silent_watches" && yes != nullptr) {
        silent_watches_ = *yes;
    } else if (key == "compact" && yes != nullptr) {
        compact_ = *yes;
    } else {
        return false;
    }
    return true;
}

bool fault_injector::applies_to(const std::string& verb, const std::string& resource) const {
    return (verbs_.empty() || verbs_.contains(verb)) &&
           (resources_.empty() || resources_.contains(resource));
}

std::optional<http::response> fault_injector::injected_error(const std::string& verb,
                                                             const std::string& resource) {
    if (error_rate_ <= 0 || !applies_to(verb, resource)) return std::nullopt;
    if (std::uniform_real_distribution<double>(0, 1)(random_) >= error_rate_) return std::nullopt;
    status_error error{error_status_, std::string(reason_of(error_status_)),
                       "injected by /devcluster/faults"};
    if (error_status_ == 429) error.message = "too many requests, please try again later";
    if (error_status_ == 410) error = gone("The resourceVersion for the provided list is too old.");
    auto response = to_response(error);
    if (error_status_ == 429 || error_status_ == 503) {
        response.headers.set("Retry-After", std::to_string(retry_after_));
    }
    return response;
}

std::chrono::milliseconds fault_injector::delay(const std::string& verb,
                                                const std::string& resource) const {
    return applies_to(verb, resource) ? delay_ : std::chrono::milliseconds(0);
}

}  // namespace apiserver
