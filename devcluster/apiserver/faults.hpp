#pragma once
// Trouble on demand, for proofs: POST /devcluster/faults sets what is given and clears the rest.
//   {"seed": 1, "error_rate": 0.1, "error_status": 503, "verbs": ["list","create"],
//    "delay_ms": 500, "cut_watches": true, "silent_watches": false, "compact": true}
// Deterministic for a seed. Pure.

#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "base/failure.hpp"
#include "http/message.hpp"

namespace apiserver {

class fault_switches {
  public:
    // Failure: invalid (names the member).
    base::outcome<void> set(const boost::json::object& wanted);

    std::optional<http::response> refuse(const std::string& verb);
    [[nodiscard]] std::chrono::milliseconds delay(const std::string& verb) const;
    // Grows whenever open watches must end.
    [[nodiscard]] std::uint64_t watch_cuts() const noexcept { return watch_cuts_; }
    [[nodiscard]] bool silences_watches() const noexcept { return silent_watches_; }
    bool take_compaction() noexcept { return std::exchange(compact_, false); }

  private:
    [[nodiscard]] bool concerns(const std::string& verb) const {
        return verbs_.empty() || verbs_.contains(verb);
    }
    std::set<std::string> verbs_;
    double error_rate_ = 0;
    unsigned error_status_ = 503;
    std::chrono::milliseconds delay_{0};
    std::uint64_t watch_cuts_ = 0;
    bool silent_watches_ = false;
    bool compact_ = false;
    std::mt19937_64 random_{1};
};

}  // namespace apiserver
