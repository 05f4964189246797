#pragma once
// The API's own metrics. Any thread. Inside api only.

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "domain/access.hpp"
#include "obs/metrics.hpp"

namespace api {

class api_metrics {
  public:
    explicit api_metrics(obs::registry& registry);
    // Counts a finished request. `route` is the pattern of the route, or "unmatched".
    void count_request(std::string_view route, std::string_view method, unsigned status,
                       double seconds);
    void count_denial(domain::permission action) noexcept { denials_[std::size_t(action)]->add(); }
    obs::gauge& in_flight() noexcept { return in_flight_; }
    obs::gauge& streams() noexcept { return streams_; }

  private:
    static std::uint64_t next_id() noexcept {
        static std::atomic<std::uint64_t> last{0};
        return ++last;
    }

    // Unlike an address, an id is never that of a destroyed object.
    const std::uint64_t id_ = next_id();
    obs::registry& registry_;
    obs::gauge& in_flight_;
    obs::gauge& streams_;
    std::array<obs::counter*, domain::permission_count> denials_{};
};

}  // namespace api
