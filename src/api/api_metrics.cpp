#include "api/api_metrics.hpp"

#include <string>
#include <unordered_map>

namespace api {

api_metrics::api_metrics(obs::registry& registry)
    : registry_(registry),
      in_flight_(registry.make_gauge("dbaas_http_requests_in_flight", "Requests in progress.")),
      streams_(registry.make_gauge("dbaas_http_streams", "Open event streams.")) {
    for (std::size_t index = 0; index < denials_.size(); ++index) {
        denials_[index] = &registry.make_counter(
            "dbaas_denials_total", "Requests denied with 403 by missing permission.",
            {{"permission", std::string(domain::name(domain::permission(index)))}});
    }
}

void api_metrics::count_request(std::string_view route, std::string_view method, unsigned status,
                                double seconds) {
    // Each thread caches the series that it used: the registry's lookup takes a lock.
    struct series {
        obs::counter* total;
        obs::histogram* duration;
    };
    thread_local std::unordered_map<std::string, series> cache;
    thread_local std::string key;
    thread_local std::uint64_t owner = 0;
    if (owner != id_) {
        cache.clear();
        owner = id_;
    }
    key.assign(route).append(" ").append(method).append(" ").append(std::to_string(status));
    auto entry = cache.find(key);
    if (entry == cache.end()) {
        const obs::label_list labels{{"route", std::string(route)},
                                     {"method", std::string(method)},
                                     {"status", std::to_string(status)}};
        auto& total = registry_.make_counter("dbaas_http_requests_total",
                                             "Requests by route, method and status.", labels);
        auto& duration = registry_.make_histogram("dbaas_http_request_duration_seconds",
                                                  "Time from request to response, without streams.",
                                                  obs::latency_bounds_seconds(), labels);
        entry = cache.emplace(key, series{&total, &duration}).first;
    }
    entry->second.total->add();
    entry->second.duration->observe(seconds);
}

}  // namespace api
