#pragma once
// A metrics source for tests of its users: answers what a test has put in, per database, and
// remembers what it was asked. Owned by the test, lives on its loop; answers at once unless a gate
// holds it.

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

    // What the next scrapes of a database yield, until told otherwise. Rates among `values` are
    // missing in the first sample after forget() and of an unknown database, as with a real source.
    void give(const std::string& database_id, domain::metric_values values);
    void fail(const std::string& database_id, base::failure how);
    // Awaited before each answer: tests hold scrapes with it (a hung exporter). It ends with a
    // failure at the deadline.
    void gate(
        std::function<aio::task<void>(std::string database_id, base::steady_time deadline)> hold);

    // Failures: what fail() said; unavailable/"no_endpoints" for a database that nothing was given
    // for; timed_out past `deadline`.
    aio::task<std::shared_ptr<const domain::metrics_sample>> scrape(
        ports::scrape_target target, base::steady_time deadline) override;
    void forget(const std::string& database_id) override;

    [[nodiscard]] std::size_t scrapes() const noexcept { return asked_.size(); }
    [[nodiscard]] std::size_t scrapes_of(const std::string& database_id) const;
    [[nodiscard]] const std::vector<std::string>& asked() const noexcept { return asked_; }
    [[nodiscard]] const std::vector<std::string>& forgotten() const noexcept { return forgotten_; }

  private:
    const base::clock& clock_;
    std::map<std::string, base::outcome<domain::metric_values>> answers_;
    std::set<std::string> seen_;  // scraped successfully since they were forgotten
    std::function<aio::task<void>(std::string, base::steady_time)> gate_;
    std::vector<std::string> asked_;
    std::vector<std::string> forgotten_;
};

}  // namespace fakes
