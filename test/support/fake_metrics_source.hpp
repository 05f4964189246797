#pragma once
// A metrics source that returns the values that a test has set for each database and records its
// calls. The test owns it. It lives on the loop of the test and returns immediately unless a gate
// delays it.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "ports/metrics_source.hpp"

namespace fakes {

class fake_metrics_source final : public ports::metrics_source {
  public:
    explicit fake_metrics_source(const base::clock& clock) : clock_(clock) {}

    // Sets the result of the next scrapes of a database. The first sample of a database, and the
    // first one after forget(), lacks the rates among `values`, as with a real source.
    void give(const std::string& database_id, domain::metric_values values);
    void fail(const std::string& database_id, base::failure failure);
    // Sets a task that each scrape awaits first. A test uses it to simulate a hung exporter. The
    // task must fail at the deadline.
    void gate(
        std::function<aio::task<void>(std::string database_id, base::steady_time deadline)> hold);

    // Errors: the failure of fail(); unavailable/"no_endpoints" (no values for the database);
    // timed_out (after `deadline`).
    aio::task<std::shared_ptr<const domain::metrics_sample>> scrape(
        ports::scrape_target target, base::steady_time deadline) override;
    void forget(const std::string& database_id) override;

    [[nodiscard]] std::size_t scrapes() const noexcept { return scraped_.size(); }
    [[nodiscard]] std::size_t scrapes_of(const std::string& database_id) const;
    [[nodiscard]] const std::vector<std::string>& scraped_ids() const noexcept { return scraped_; }
    [[nodiscard]] const std::vector<std::string>& forgotten() const noexcept { return forgotten_; }

  private:
    const base::clock& clock_;
    std::map<std::string, base::outcome<domain::metric_values>> results_;
    std::set<std::string> known_;  // scraped successfully since they were forgotten
    std::function<aio::task<void>(std::string, base::steady_time)> gate_;
    std::vector<std::string> scraped_;
    std::vector<std::string> forgotten_;
};

}  // namespace fakes
