#include "test/support/fake_metrics_source.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace fakes {
namespace {

bool is_rate(const domain::metric_description& metric) {
    return metric.unit == "1/s" || metric.unit == "bytes/s" || metric.unit == "ratio" ||
           metric.id == domain::metric_id::latency_average_seconds;
}

void remove_rates(domain::metric_values& values) {
    for (const auto& metric : domain::all_metrics()) {
        if (is_rate(metric)) values[metric.id] = std::numeric_limits<double>::quiet_NaN();
    }
}

}  // namespace

void fake_metrics_source::give(const std::string& database_id, domain::metric_values values) {
    results_.insert_or_assign(database_id, values);
}

void fake_metrics_source::fail(const std::string& database_id, base::failure failure) {
    results_.insert_or_assign(database_id, std::unexpected(std::move(failure)));
}

void fake_metrics_source::gate(
    std::function<aio::task<void>(std::string database_id, base::steady_time deadline)> hold) {
    gate_ = std::move(hold);
}

aio::task<std::shared_ptr<const domain::metrics_sample>> fake_metrics_source::scrape(
    ports::scrape_target target, base::steady_time deadline) {
    const auto database_id = std::move(target.database_id);
    scraped_.push_back(database_id);
    if (gate_) {
        auto opened = co_await gate_(database_id, deadline);
        if (!opened) co_return base::pass(std::move(opened));
    }
    if (clock_.now() >= deadline)
        co_return base::fail(base::errc::timed_out, "the exporter is slow");
    const auto entry = results_.find(database_id);
    if (entry == results_.end()) {
        co_return base::fail(base::errc::unavailable, "no endpoints available", "no_endpoints");
    }
    if (!entry->second) co_return std::unexpected(entry->second.error());
    domain::metrics_sample sample{.values = *entry->second, .observed_at = clock_.utc_now()};
    if (known_.insert(database_id).second) remove_rates(sample.values);
    co_return std::make_shared<const domain::metrics_sample>(std::move(sample));
}

void fake_metrics_source::forget(const std::string& database_id) {
    known_.erase(database_id);
    forgotten_.push_back(database_id);
}

std::size_t fake_metrics_source::scrapes_of(const std::string& database_id) const {
    return static_cast<std::size_t>(std::ranges::count(scraped_, database_id));
}

}  // namespace fakes
