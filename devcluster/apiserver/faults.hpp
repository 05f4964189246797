#pragma once
// Trouble on demand, for proofs: POST /devcluster/faults sets what is given and clears the rest;
// one that is refused changes nothing.
//   {"seed": 1, "error_rate": 0.1, "error_status": 503, "retry_after_seconds": 1,
//    "delay_ms": 500, "verbs": ["list", "create"], "resources": ["redises"],
//    "cut_watches": true, "expire_watches": true, "silent_watches": false, "compact": true}
// error_* and delay_ms concern requests of these verbs and resources (none named: all); a watch is
// refused or delayed when it begins. cut_watches tears open watches off without an end,
// expire_watches tells them 410, silent_watches lets them hear nothing until the next POST,
// compact forgets the window of changes: old continue tokens and versions are 410 from then on.
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

class simulator;

class fault_switches {
  public:
    // Members that are not known are `other`'s, which may be null. Failure: invalid (names the
    // member).
    base::outcome<void> set(const boost::json::object& wanted, simulator* other = nullptr);

    std::optional<http::response> refuse(const std::string& verb, const std::string& resource);
    [[nodiscard]] std::chrono::milliseconds delay(const std::string& verb,
                                                  const std::string& resource) const;
    // Grow whenever open watches must end, torn off or with a 410.
    [[nodiscard]] std::uint64_t watch_cuts() const noexcept { return watch_cuts_; }
    [[nodiscard]] std::uint64_t watch_expiries() const noexcept { return watch_expiries_; }
    [[nodiscard]] bool silences_watches() const noexcept { return silent_watches_; }
    bool take_compaction() noexcept { return std::exchange(compact_, false); }

  private:
    base::outcome<bool> set_one(std::string_view key, const boost::json::value& value);
    [[nodiscard]] bool concerns(const std::string& verb, const std::string& resource) const;
    std::set<std::string> verbs_;
    std::set<std::string> resources_;
    double error_rate_ = 0;
    unsigned error_status_ = 503;
    std::int64_t retry_after_ = 1;
    std::chrono::milliseconds delay_{0};
    std::uint64_t watch_cuts_ = 0;
    std::uint64_t watch_expiries_ = 0;
    bool silent_watches_ = false;
    bool compact_ = false;
    std::mt19937_64 random_{1};
};

}  // namespace apiserver
