#pragma once
// The API's own metrics. Any thread. Inside api only.

#include <string_view>

#include "obs/metrics.hpp"

namespace api {

class api_metrics {
  public:
    explicit api_metrics(obs::registry& registry);
    // Counts a finished request. `route` is the pattern of the route, or "unmatched".
    void count_request(std::string_view route, std::string_view method, unsigned status,
                       double seconds);
    obs::gauge& in_flight() noexcept { return in_flight_; }
    obs::gauge& streams() noexcept { return streams_; }

  private:
    obs::registry& registry_;
    obs::gauge& in_flight_;
    obs::gauge& streams_;
};

}  // namespace api
