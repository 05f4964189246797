#include "app/metrics_sync.hpp"

#include <algorithm>
#include <utility>

#include "base/fnv1a.hpp"

namespace app {
namespace {

constexpr std::chrono::seconds turn_interval_max{5};
// Maximum wait for the first scrape of a database that was just created or has just started.
constexpr std::chrono::milliseconds first_look{500};
// First wait after a failed scrape of a database without a sample. The wait doubles up to the
// interval.
constexpr std::chrono::seconds first_retry{2};

double seconds(std::chrono::nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::chrono::nanoseconds slot_of(std::string_view id, std::chrono::nanoseconds interval) noexcept {
    auto hash = base::fnv1a(id);
    hash ^= hash >> 32;
    return std::chrono::nanoseconds(hash % static_cast<std::uint64_t>(interval.count()));
}

metrics_sync::metrics_sync(deps deps, metrics_sync_options options)
    : deps_(deps),
      options_(options),
      lanes_(options.concurrency),
      wakeup_(deps.executor, deps.clock),
      scrapes_(deps.executor) {
    deps_.health.set_interval(background::metrics_sync, turn_interval_max);
}

// Returns why the database cannot be scraped at present, or an empty string if it can.
std::string metrics_sync::reason_against(const database_state& database) {
    if (!database.record->monitoring) return "monitoring_off";
    if (database.record->deleted) return "being_deleted";
    if (database.record->paused) return "paused";
    if (!database.observed || !domain::is_ours(*database.record, *database.observed))
        return "not_running";
    if (!database.observed->has_metrics()) return "no_stats_service";
    return {};
}

void metrics_sync::schedule(const std::string& id, target& scrape_target, base::steady_time due) {
    scrape_target.due = due;
    (scrape_target.is_slow ? slow_ : fast_).push({.when = due, .id = id});
}

// Schedules an early scrape: users wait for the first value.
void metrics_sync::schedule_early(const std::string& id, target& scrape_target) {
    scrape_target.retry = first_retry;
    if (scrape_target.in_work) return;  // scrape() schedules the retry
    const auto slot = slot_of(id, options_.interval);
    schedule(id, scrape_target,
             deps_.clock.now() + std::min<std::chrono::nanoseconds>(slot, first_look));
    wakeup_.notify();
}

// Returns whether the database was created, or its last operation ended, within the interval.
bool metrics_sync::is_fresh(const database_view& view) const {
    if (view.status.phase == domain::status_phase::provisioning) return true;
    const auto is_recent = [&](base::instant when) {
        return deps_.clock.utc_now() - when < options_.interval;
    };
    const auto& record = *view.record;
    if (is_recent(record.created_at)) return true;
    if (record.operations.empty()) return false;
    const auto ended = record.operations.back().finished_at;
    return ended && is_recent(*ended);
}

void metrics_sync::on_database(std::shared_ptr<const database_view> view, change delta) {
    if (delta.record || delta.status) update_target(*view);
}

void metrics_sync::on_ownership() {
    for (const auto& [id, database] : deps_.cache.databases()) {
        if (!deps_.owner.owns(id)) {
            targets_.erase(id);
        } else if (!targets_.contains(id) && database.view) {
            update_target(*database.view);
        }
    }
}

// A replica that takes over continues the interval of the previous owner. After a start without
// samples, the scrapes of all databases are spread over the interval.
std::chrono::nanoseconds metrics_sync::first_delay(const database_state& database) const {
    const auto slot = slot_of(database.record->id, options_.interval);
    if (!database.sample || deps_.owner.replicas() == 1) return slot;
    const std::chrono::nanoseconds age = deps_.clock.utc_now() - database.sample->observed_at;
    return std::clamp<std::chrono::nanoseconds>(options_.interval - age, first_look,
                                                options_.interval);
}

void metrics_sync::update_target(const database_view& view) {
    const auto& id = view.record->id;
    auto* database = deps_.cache.find(id);
    if (database == nullptr || !deps_.owner.owns(id)) return;
    const auto reason = reason_against(*database);
    const auto it = targets_.find(id);
    if (reason.empty()) {
        const bool is_running = view.status.phase == domain::status_phase::running;
        if (it == targets_.end()) {
            auto& added = targets_[id];
            added.was_running = is_running;
            added.retry = first_retry;
            if (is_fresh(view)) return schedule_early(id, added);
            schedule(id, added, deps_.clock.now() + first_delay(*database));
            wakeup_.notify();
        } else if (is_running && !std::exchange(it->second.was_running, true) &&
                   !database->sample) {
            schedule_early(id, it->second);  // its exporter has just started
        }
        return;
    }
    if (it != targets_.end()) targets_.erase(it);
    const auto state = database->sample ? metrics_state::stale : metrics_state::pending;
    deps_.cache.set_metrics_failure(*database, state, reason);
    if (deps_.feed != nullptr) deps_.feed->publish(id);
}

void metrics_sync::on_database_deleted(std::shared_ptr<const database_view> last) {
    targets_.erase(last->record->id);
    deps_.source.forget(last->record->id);
    deps_.history.forget(last->record->id);
    if (deps_.feed != nullptr) deps_.feed->forget(last->record->id);
}

void metrics_sync::start_due(timers& source, scrape_lanes::lane in, base::steady_time now) {
    const bool slow_lane = in == scrape_lanes::lane::slow;
    while (!source.empty() && source.top().when <= now && lanes_.has_place(in)) {
        auto next = source.top();
        source.pop();
        const auto it = targets_.find(next.id);
        const bool outdated = it == targets_.end() || it->second.due != next.when ||
                              it->second.in_work || it->second.is_slow != slow_lane;
        if (outdated) continue;
        const auto lag = seconds(now - next.when);
        deps_.probe.scrape_lag_seconds.set(lag);
        if (lag > 1.0 && !slow_lane) deps_.probe.scrapes_late.add();
        it->second.in_work = true;
        scrapes_.spawn(scrape(std::move(next.id), lanes_.begin(in, now)));
    }
}

std::chrono::nanoseconds metrics_sync::turn() {
    using lane = scrape_lanes::lane;
    const auto now = deps_.clock.now();
    deps_.health.progressed(background::metrics_sync, now);
    lanes_.move_on(now);
    start_due(fast_, lane::fast, now);
    start_due(slow_, lane::slow, now);
    deps_.probe.scrapes_scheduled.set(static_cast<double>(targets_.size()));
    deps_.probe.scrapes_in_flight.set(static_cast<double>(lanes_.in_flight()));
    std::chrono::nanoseconds wait = turn_interval_max;
    const auto wake_at = [&](base::steady_time when) {
        wait = std::min<std::chrono::nanoseconds>(wait, when - now);
    };
    if (!fast_.empty() && lanes_.has_place(lane::fast)) wake_at(fast_.top().when);
    if (!slow_.empty() && lanes_.has_place(lane::slow)) wake_at(slow_.top().when);
    if (!lanes_.has_place(lane::fast))
        wake_at(lanes_.next_move().value_or(now + turn_interval_max));
    return std::max<std::chrono::nanoseconds>(wait, std::chrono::nanoseconds(0));
}

aio::task<> metrics_sync::run() {
    deps_.log.info("metrics_sync_started",
                   {{"interval_seconds", seconds(options_.interval)},
                    {"databases", static_cast<std::uint64_t>(targets_.size())}});
    while (true) {
        auto woken = co_await wakeup_.wait_for(turn());
        if (!woken) break;
    }
    scrapes_.cancel();
    co_await scrapes_.join();
    deps_.health.stopped(background::metrics_sync);
    co_return base::fail(base::errc::cancelled, "the metrics loop was stopped");
}

aio::task<metrics_sync::shared_sample> metrics_sync::scrape_in_span(ports::scrape_target target,
                                                                    base::steady_time deadline) {
    obs::active_span span(
        deps_.tracer, deps_.clock,
        {.kind = obs::span_kind::client, .name = "scrape", .object = target.key.engine});
    span.add("dbaas.database_id", target.database_id);
    span.add("dbaas.project", target.key.project);
    auto sample = co_await deps_.source.scrape(std::move(target), deadline);
    if (!sample) span.fail(base::name(sample.error().code));
    co_return sample;
}

aio::task<> metrics_sync::scrape(std::string id, scrape_lanes::ticket place) {
    const auto begun = deps_.clock.now();
    const auto* database = deps_.cache.find(id);
    if (database != nullptr) {
        auto outcome = co_await scrape_in_span(
            {.database_id = id,
             .key = key_of(*database->record),
             .metrics_port =
                 database->observed ? database->observed->metrics_port : std::uint16_t{0}},
            begun + options_.timeout);
        const auto ended = deps_.clock.now();
        deps_.probe.scrape(outcome ? nullptr : &outcome.error(), seconds(ended - begun));
        const bool succeeded = outcome.has_value();
        const bool timed_out = !outcome && outcome.error().code == base::errc::timed_out;
        deps_.log.debug("scraped", {{"database_id", id},
                                    {"result", outcome ? "ok" : base::name(outcome.error().code)},
                                    {"duration_ms", seconds(ended - begun) * 1000}});
        auto stored = co_await take(id, std::move(outcome));
        if (!stored) deps_.log.debug("history_not_kept", {{"database_id", id}});
        const auto it = targets_.find(id);
        if (it != targets_.end()) {
            it->second.in_work = false;
            it->second.is_slow = timed_out;
            const bool try_soon = !succeeded && !timed_out && is_without_sample(id);
            schedule(id, it->second, next_due(id, it->second, ended, try_soon));
        }
    }
    lanes_.end(place);
    wakeup_.notify();
    co_return base::ok();
}

base::steady_time metrics_sync::next_due(const std::string& id, target& scrape_target,
                                         base::steady_time ended, bool try_soon) const {
    const auto slot = slot_of(id, options_.interval);
    const auto phase = (ended.time_since_epoch() - slot) % options_.interval;
    const base::steady_time due = ended + (options_.interval - phase);
    if (!try_soon) return due;
    const auto retry = scrape_target.retry;
    scrape_target.retry = std::min<std::chrono::nanoseconds>(2 * retry, options_.interval);
    return std::min(due, ended + retry);
}

bool metrics_sync::is_without_sample(const std::string& id) const {
    const auto* database = deps_.cache.find(id);
    return database != nullptr && !database->sample &&
           database->status.phase != domain::status_phase::failed;
}

// Logs a new cause. An exporter that has not started yet is no reason for a warning.
void metrics_sync::log_failure(const database_state& database, const std::string& reason,
                               const std::string& message) {
    const bool was_running =
        database.sample || database.status.phase == domain::status_phase::running;
    const auto severity = was_running ? obs::level::warning : obs::level::info;
    if (!deps_.log.is_enabled(severity)) return;
    const auto& record = *database.record;
    deps_.log.write(severity, "scrape_failed",
                    {{"database_id", record.id},
                     {"project", record.project},
                     {"name", record.name},
                     {"engine", record.engine},
                     {"reason", reason},
                     {"detail", message}});
}

aio::task<> metrics_sync::take(
    std::string id, base::outcome<std::shared_ptr<const domain::metrics_sample>> outcome) {
    auto* database = deps_.cache.find(id);
    const auto it = targets_.find(id);
    if (database == nullptr || it == targets_.end()) co_return base::ok();
    auto& reason = it->second.failure_reason;
    if (outcome) {
        if (!reason.empty()) {
            deps_.log.info("scrape_recovered", {{"database_id", id}, {"reason", reason}});
            reason.clear();
        }
        const auto& sample = *outcome;
        deps_.cache.set_sample(*database, sample);
        if (deps_.feed != nullptr) deps_.feed->publish(id);
        co_return co_await deps_.history.append(id, sample->observed_at, sample->values);
    }
    const auto& failure = outcome.error();
    if (failure.code == base::errc::cancelled) co_return base::ok();
    const auto state = database->sample ? metrics_state::stale : metrics_state::unavailable;
    const auto previous = std::exchange(
        reason, failure.reason.empty() ? std::string(base::name(failure.code)) : failure.reason);
    if (reason != previous) log_failure(*database, reason, failure.text);
    deps_.cache.set_metrics_failure(*database, state, reason, failure.text);
    if (deps_.feed != nullptr) deps_.feed->publish(id);
    co_return base::ok();
}

}  // namespace app
