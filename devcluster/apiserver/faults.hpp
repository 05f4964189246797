#pragma once
// Injected faults for tests and measurements. POST /devcluster/faults sets the given faults and
// clears all others. A rejected request changes nothing.
//   {"seed": 1, "error_rate": 0.1, "error_status": 503, "retry_after_seconds": 1,
//    "delay_ms": 500, "verbs": ["list", "create"], "resources": ["redises"],
//    "cut_watches": true, "expire_watches": true, "silent_watches": false, "compact": true}
// error_* and delay_ms apply to requests of these verbs and resources (empty: all), and to the
// start of a watch. cut_watches aborts open watches, expire_watches ends them with a 410 event, and
// silent_watches sends them nothing until the next POST. compact clears the window of changes:
// older continue tokens and revisions return 410. Deterministic for a seed. Pure.

#include <chrono>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "base/failure.hpp"
#include "http/message.hpp"
#include "json/json.hpp"

namespace apiserver {

class simulator;

class fault_injector {
  public:
    // Passes unknown members to `other`, which may be null. Errors: invalid (names the member).
    base::outcome<void> set(const json::object& wanted, simulator* other = nullptr);

    std::optional<http::response> injected_error(const std::string& verb,
                                                 const std::string& resource);
    [[nodiscard]] std::chrono::milliseconds delay(const std::string& verb,
                                                  const std::string& resource) const;
    // Counters that grow when open watches must be aborted, or ended with a 410 event.
    [[nodiscard]] std::uint64_t watch_cuts() const noexcept { return watch_cuts_; }
    [[nodiscard]] std::uint64_t watch_expiries() const noexcept { return watch_expiries_; }
    [[nodiscard]] bool silences_watches() const noexcept { return silent_watches_; }
    bool take_compaction() noexcept { return std::exchange(compact_, false); }

  private:
    base::outcome<bool> set_member(std::string_view key, const json::value& value);
    [[nodiscard]] bool applies_to(const std::string& verb, const std::string& resource) const;
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
