#include "app/metrics_feed.hpp"

#include "app/document_walk.hpp"

#include <algorithm>
#include <utility>

namespace app {
namespace {

using base::errc;

const std::string collection = "metrics";
constexpr std::size_t page_limit_max = 500;

}  // namespace

metrics_feed::metrics_feed(deps deps, metrics_feed_options options)
    : deps_(deps), options_(std::move(options)) {
    if (deps_.bus == nullptr) return;
    channel_.emplace(metrics_channel::deps{
                         .executor = deps_.executor,
                         .bus = *deps_.bus,
                         .clock = deps_.clock,
                         .log = deps_.log,
                         .probe = deps_.probe,
                         .read = [this](const std::string& id) { return encode_owned(id); },
                         .take = [this](const std::string& id,
                                        const stored_metrics& metrics) { receive(id, metrics); },
                         .on_gap = [this] { may_have_missed_ = true; }},
                     metrics_channel_options{.replica = options_.replica});
}

void metrics_feed::publish(const std::string& id) {
    unwritten_.insert(id);
    if (channel_) channel_->publish(id);
}

void metrics_feed::forget(const std::string& id) {
    unwritten_.erase(id);
    unreadable_.erase(id);
    revisions_.erase(id);
    adopted_.erase(id);
    if (deps_.owner.owns(id)) forgotten_.insert(id);
}

aio::task<> metrics_feed::run() {
    aio::task_group loops(co_await aio::this_executor());
    if (channel_) loops.spawn(channel_->run());
    loops.spawn(run_periodically(options_.read_interval, &metrics_feed::read_others));
    loops.spawn(run_periodically(options_.write_interval, &metrics_feed::flush));
    co_await aio::until_cancelled();
    loops.cancel();
    co_return co_await loops.join();
}

aio::task<> metrics_feed::run_periodically(std::chrono::milliseconds period,
                                           aio::task<> (metrics_feed::*step)()) {
    bool has_failed = false;  // the last call
    while (true) {
        auto slept = co_await aio::sleep_for(deps_.clock, period);
        if (!slept) co_return slept;
        auto done = co_await (this->*step)();
        if (!done && done.error().code == errc::cancelled) co_return done;
        if (!done && !has_failed) {
            deps_.log.warning("metrics_sync_store_failed", {{"detail", done.error().text}});
        }
        has_failed = !done;
    }
}

aio::task<> metrics_feed::read() {
    auto visited =
        co_await visit_documents(deps_.store, collection, [this](const ports::document& document) {
            take(document);
            return base::outcome<void>();
        });
    if (!visited && visited.error().code == errc::corrupt) visited = co_await read_around_damage();
    if (!visited) co_return base::pass(std::move(visited), "read the stored metrics");
    co_return base::ok();
}

// The store reports a page with a damaged document as corrupt, without the id. Halved pages lead to
// the document. Then the ids of the cache lead around it, one by one.
aio::task<> metrics_feed::read_around_damage() {
    std::vector<std::string> ids;
    for (const auto& [id, database] : deps_.cache.databases()) ids.push_back(id);
    std::ranges::sort(ids);
    std::string after;
    for (std::size_t limit = page_limit_max;;) {
        auto page =
            co_await deps_.store.find({.collection = collection, .after = after, .limit = limit});
        if (page) {
            for (const auto& document : page->items) take(document);
            if (page->next.empty()) co_return base::ok();
            after = page->next;
            limit = std::min(limit * 2, page_limit_max);
            continue;
        }
        if (page.error().code != errc::corrupt) co_return base::pass(std::move(page));
        if (limit > 1) {
            limit /= 2;
            continue;
        }
        const auto next = std::ranges::upper_bound(ids, after);
        if (next == ids.end()) co_return base::ok();
        after = *next;
        auto document = co_await deps_.store.get(collection, after);
        if (document) {
            take(*document);
        } else if (document.error().code == errc::corrupt) {
            note_unreadable(after, document.error().text);
        } else if (document.error().code != errc::not_found) {
            co_return base::pass(std::move(document));
        }
    }
}

void metrics_feed::note_unreadable(const std::string& id, const std::string& detail) {
    revisions_.erase(id);
    if (deps_.owner.owns(id)) forgotten_.insert(id);
    if (!unreadable_.insert(id).second) return;
    deps_.log.warning("metrics_sync_document_unreadable",
                      {{"database_id", id}, {"detail", detail}});
}

aio::task<> metrics_feed::read_others() {
    if (deps_.owner.replicas() == 1) co_return base::ok();  // this replica writes all of them
    const bool is_bus_complete = channel_ && channel_->is_connected() && !may_have_missed_;
    const auto now = deps_.clock.now();
    if (is_bus_complete && now - last_read_ < options_.read_interval_with_bus) {
        co_return base::ok();
    }
    const bool is_bus_up = channel_ && channel_->is_connected();
    may_have_missed_ = !is_bus_up;
    auto done = co_await read();
    if (!done) may_have_missed_ = true;
    last_read_ = now;
    co_return done;
}

// Moves the time of a sample from the future to the time of its arrival.
stored_metrics metrics_feed::without_future(stored_metrics metrics) const {
    const auto now = deps_.clock.utc_now();
    if (!metrics.sample || metrics.sample->observed_at <= now) return metrics;
    auto sample = std::make_shared<domain::metrics_sample>(*metrics.sample);
    sample->observed_at = now;
    metrics.sample = std::move(sample);
    return metrics;
}

void metrics_feed::receive(const std::string& id, const stored_metrics& received) {
    auto* database = deps_.cache.find(id);
    if (database == nullptr) return;
    const auto metrics = without_future(received);
    apply(*database, metrics, true);
    if (!metrics.sample || deps_.owner.owns(id)) return;
    deps_.history.note_row(id, metrics.sample->observed_at, metrics.sample->values);
}

std::string metrics_feed::encode_owned(const std::string& id) const {
    const auto* database = deps_.cache.find(id);
    if (database == nullptr || !deps_.owner.owns(id)) return {};
    return encode(stored_metrics{.sample = database->sample,
                                 .state = database->metrics,
                                 .reason = database->metrics_reason,
                                 .message = database->metrics_message});
}

void metrics_feed::take(const ports::document& document) {
    auto& known = revisions_[document.id];
    if (known == document.revision) return;
    known = document.revision;
    unreadable_.erase(document.id);
    auto* database = deps_.cache.find(document.id);
    if (database == nullptr) return;
    auto metrics = decode_metrics(document.body);
    if (!metrics) {
        deps_.log.warning("metrics_sync_document_unreadable",
                          {{"database_id", document.id}, {"detail", metrics.error().text}});
        return;
    }
    // With the bus, the store may be behind it.
    apply(*database, without_future(std::move(*metrics)), !channel_ || !channel_->is_connected());
}

void metrics_feed::apply(database_state& database, const stored_metrics& metrics, bool is_latest) {
    const auto& sample = metrics.sample;
    const auto now = deps_.clock.now();
    const bool is_owned = deps_.owner.owns(database.record->id);
    auto& adopted = adopted_.try_emplace(database.record->id, now).first->second;
    const bool is_late = is_latest && !is_owned && now - adopted >= options_.order_timeout;
    const bool is_newer =
        sample && (!database.sample || sample->observed_at > database.sample->observed_at ||
                   (is_late && sample->observed_at < database.sample->observed_at));
    if (is_newer) adopted = now;
    if (is_owned && !is_newer) return;
    if (is_newer) deps_.cache.set_sample(database, metrics.sample);
    if (metrics.state != metrics_state::fresh) {
        deps_.cache.set_metrics_failure(database, metrics.state, metrics.reason, metrics.message);
    }
}

aio::task<> metrics_feed::flush() {
    auto removed = co_await remove_forgotten();
    if (!removed) co_return removed;
    std::erase_if(unwritten_, [this](const std::string& id) {
        return deps_.cache.find(id) == nullptr || !deps_.owner.owns(id);
    });
    const std::vector<std::string> all(unwritten_.begin(), unwritten_.end());
    for (std::size_t begin = 0; begin < all.size(); begin += options_.bulk) {
        const auto end = std::min(begin + options_.bulk, all.size());
        const auto position = [&](std::size_t index) {
            return all.begin() + static_cast<std::ptrdiff_t>(index);
        };
        auto written = co_await write({position(begin), position(end)});
        if (!written) co_return written;
    }
    co_return base::ok();
}

aio::task<> metrics_feed::write(std::vector<std::string> ids) {
    std::vector<ports::put_request> puts;
    std::vector<std::string> written;
    for (auto& id : ids) {
        const auto* database = deps_.cache.find(id);
        unwritten_.erase(id);
        if (database == nullptr) continue;
        const auto known = revisions_.find(id);
        puts.push_back(
            {.collection = collection,
             .content = {.id = id,
                         .body = encode(stored_metrics{.sample = database->sample,
                                                       .state = database->metrics,
                                                       .reason = database->metrics_reason,
                                                       .message = database->metrics_message})},
             .expected = known == revisions_.end() ? 0 : known->second});
        written.push_back(std::move(id));
    }
    if (puts.empty()) co_return base::ok();
    auto results = co_await deps_.store.put_bulk(std::move(puts));
    if (!results) {
        unwritten_.insert(written.begin(), written.end());
        co_return base::pass(std::move(results), "store the metrics");
    }
    for (std::size_t index = 0; index < results->size(); ++index) {
        const auto& id = written[index];
        const auto& result = (*results)[index];
        if (result) {
            revisions_[id] = *result;
            continue;
        }
        unwritten_.insert(id);
        if (result.error().code != errc::precondition) continue;
        auto learned = co_await read_revision(id);
        if (!learned) co_return learned;
    }
    co_return base::ok();
}

aio::task<> metrics_feed::read_revision(std::string id) {
    auto document = co_await deps_.store.get(collection, id);
    if (document) {
        revisions_[id] = document->revision;
    } else if (document.error().code == errc::not_found) {
        revisions_.erase(id);
    } else if (document.error().code == errc::corrupt) {
        note_unreadable(id, document.error().text);
    } else {
        co_return base::pass(std::move(document), "read the stored metrics");
    }
    co_return base::ok();
}

aio::task<> metrics_feed::remove_forgotten() {
    while (!forgotten_.empty()) {
        const auto id = *forgotten_.begin();
        auto removed = co_await deps_.store.remove({.collection = collection, .id = id});
        if (!removed) co_return base::pass(std::move(removed), "delete the stored metrics");
        forgotten_.erase(id);
    }
    co_return base::ok();
}

}  // namespace app
