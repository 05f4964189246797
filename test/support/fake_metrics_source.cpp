#include "test/support/fake_metrics_source.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace fakes {
namespace {

bool is_rate(const domain::metric_description& what) {
    return what.unit == "1/s" || what.unit == "bytes/s" || what.unit == "ratio" ||
           what.id == domain::metric_id::latency_average_seconds;
}

void without_rates(domain::metric_values& values) {
    for (const auto& what : domain::all_metrics()) {
        if (is_rate(what)) values[what.id] = std::numeric_limits<double>::quiet_NaN();
    }
}

}  // namespace

void fake_metrics_source::give(const std::string& database_id, domain::metric_values values) {
    answers_.insert_or_assign(database_id, values);
}

void fake_metrics_source::fail(const std::string& database_id, base::failure how) {
    answers_.insert_or_assign(database_id, std::unexpected(std::move(how)));
}

void fake_metrics_source::gate(
    std::function<aio::task<void>(std::string database_id, base::steady_time deadline)> hold) {
    gate_ = std::move(hold);
}

aio::task<std::shared_ptr<const domain::metrics_sample>> fake_metrics_source::scrape(
    ports::scrape_target target, base::steady_time deadline) {
    const auto database_id = std::move(target.database_id);
    asked_.push_back(database_id);
    if (gate_) {
        auto held = co_await gate_(database_id, deadline);
        if (!held) co_return base::pass(std::move(held));
    }
    if (clock_.now() >= deadline)
        co_return base::fail(base::errc::timed_out, "the exporter is slow");
    const auto found = answers_.find(database_id);
    if (found == answers_.end()) {
        co_return base::fail(base::errc::unavailable, "no endpoints available", "no_endpoints");
    }
    if (!found->second) co_return std::unexpected(found->second.error());
    domain::metrics_sample made{.values = *found->second, .observed_at = clock_.utc_now()};
    if (seen_.insert(database_id).second) without_rates(made.values);
    co_return std::make_shared<const domain::metrics_sample>(std::move(made));
}

void fake_metrics_source::forget(const std::string& database_id) {
    seen_.erase(database_id);
    forgotten_.push_back(database_id);
}

std::size_t fake_metrics_source::scrapes_of(const std::string& database_id) const {
    return static_cast<std::size_t>(std::ranges::count(asked_, database_id));
}

}  // namespace fakes
