#include "mongo/mongo_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>

#include "aio/blocking.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "mongo/document_writer.hpp"
#include "mongo/document_writes.hpp"
#include "mongo/mongo_schema.hpp"
#include "mongo/mongo_url.hpp"
#include "mongo/stored_document.hpp"

namespace mongo {
namespace {

using base::errc;
using base::fail;

constexpr std::size_t page_size_max = 1000;
constexpr std::size_t revision_page_max = 10'000;

std::chrono::milliseconds time_until(base::steady_time deadline) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(deadline -
                                                                 std::chrono::steady_clock::now());
}

class store_metrics {
  public:
    explicit store_metrics(obs::registry& registry)
        : writes(
              registry.make_counter("dbaas_store_writes_total", "Documents written or deleted.")),
          failures(
              registry.make_counter("dbaas_store_failures_total", "Failed commits and reads.")),
          reconnects(registry.make_counter("dbaas_mongodb_reconnects_total",
                                           "Connections to MongoDB that recovered.")),
          confirmed(registry.make_counter(
              "dbaas_mongodb_confirmed_writes_total",
              "Writes whose response was lost and that a later read found applied.")),
          in_use(registry.make_gauge("dbaas_mongodb_connections_in_use",
                                     "Connections of the pool that calls use.")),
          connections_max(
              registry.make_gauge("dbaas_mongodb_connections_max", "Maximum size of the pool.")),
          queue_depth(registry.make_gauge("dbaas_mongodb_queue_depth",
                                          "Calls waiting for a thread of the store.")),
          registry_(registry) {}

    // Thread: any.
    void observe(std::string_view command, std::chrono::nanoseconds duration,
                 std::optional<error_kind> error) {
        const std::chrono::duration<double> seconds = duration;
        registry_
            .make_histogram("dbaas_mongodb_command_duration_seconds",
                            "Duration of commands to MongoDB, with the wait for a connection.",
                            obs::latency_bounds_seconds(),
                            {{"command", std::string(command)},
                             {"result", std::string(error ? name(*error) : "ok")}})
            .observe(seconds.count());
    }

    obs::counter& writes;
    obs::counter& failures;
    obs::counter& reconnects;
    obs::counter& confirmed;
    obs::gauge& in_use;
    obs::gauge& connections_max;
    obs::gauge& queue_depth;

  private:
    obs::registry& registry_;
};

driver_options driver_options_of(const store_options& options, const base::secret& url,
                                 store_metrics& metrics) {
    return {.url = url,
            .selection_timeout = options.selection_timeout,
            .connect_timeout = options.selection_timeout,
            .socket_timeout = options.call_timeout,
            .connections_max = options.connections_max,
            .observe = [&shown = metrics](auto command, auto duration, auto error) {
                shown.observe(command, duration, error);
            }};
}

// Adds one to a gauge until it is given back or destroyed.
class gauge_share {
  public:
    explicit gauge_share(obs::gauge& target) : target_(&target) { target.add(1); }
    gauge_share(gauge_share&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
    gauge_share& operator=(gauge_share&&) = delete;
    ~gauge_share() { give_back(); }
    void give_back() {
        if (target_ != nullptr) std::exchange(target_, nullptr)->add(-1);
    }

  private:
    obs::gauge* target_;
};

class store final : public mongo_store {
  public:
    store(store_options options, url_facts facts, std::unique_ptr<store_metrics> metrics,
          std::shared_ptr<driver> target, obs::log& log)
        : options_(std::move(options)),
          address_(std::move(facts.printable)),
          database_(std::move(facts.database)),
          log_(log),
          metrics_(std::move(metrics)),
          // One connection is for the watch.
          calls_(std::max<std::size_t>(2, target->connections_max()) - 1, options_.queue_max),
          background_(3, 3) {
        driver_.store(std::move(target));
        background_.submit([this] { watch_connection(); });
    }

    ~store() override {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        changed_.notify_all();
    }

    aio::task<> change_url(base::secret url) override {
        co_return co_await aio::run_blocking<void>(
            background_, [this, url = std::move(url)] { return connect_to(url); });
    }

    aio::task<ports::revision> put(ports::put_request request) override {
        if (auto checked = check_document(request.content); !checked) {
            co_return base::pass(std::move(checked));
        }
        co_return co_await call<ports::revision>([this, request](base::steady_time deadline) {
            return write<ports::revision>(request.collection, deadline,
                                          [&](document_writes& turn) { return turn.put(request); });
        });
    }

    aio::task<std::vector<base::outcome<ports::revision>>> put_bulk(
        std::vector<ports::put_request> requests) override {
        using results = std::vector<base::outcome<ports::revision>>;
        co_return co_await call<results>(
            [this, requests = std::move(requests)](base::steady_time deadline) {
                return write_bulk(requests, deadline);
            });
    }

    aio::task<ports::document> get(std::string collection, std::string id) override {
        co_return co_await call<ports::document>(
            [this, collection, id](base::steady_time deadline) -> base::outcome<ports::document> {
                auto documents = read(collection, filter_by_id(id),
                                      options_of_find(1, time_until(deadline)), deadline);
                if (!documents) return base::pass(std::move(documents));
                if (documents->empty()) {
                    return fail(errc::not_found,
                                fmt::format("no document '{}/{}'", collection, id));
                }
                return decode(documents->front());
            });
    }

    aio::task<ports::page> find(ports::page_request request) override {
        if (request.limit < 1 || request.limit > page_size_max) {
            co_return fail(errc::invalid,
                           fmt::format("the limit of a page must be from 1 to {}", page_size_max));
        }
        co_return co_await call<ports::page>(
            [this, request](base::steady_time deadline) -> base::outcome<ports::page> {
                const auto documents =
                    read(request.collection, filter_of_page(request),
                         options_of_find(request.limit + 1, time_until(deadline)), deadline);
                if (!documents) return base::pass(documents);
                ports::page page;
                for (const auto& bytes : *documents) {
                    if (page.items.size() == request.limit) {
                        page.next = page.items.back().id;
                        break;
                    }
                    auto document = decode(bytes);
                    if (!document) return base::pass(std::move(document));
                    page.items.push_back(std::move(*document));
                }
                return page;
            });
    }

    aio::task<ports::revision_page> revisions(std::string collection, std::string after,
                                              std::size_t limit) override {
        if (limit < 1 || limit > revision_page_max) {
            co_return fail(errc::invalid, fmt::format("limit: must be 1 to {}", revision_page_max));
        }
        co_return co_await call<ports::revision_page>(
            [this, collection, after,
             limit](base::steady_time deadline) -> base::outcome<ports::revision_page> {
                const auto documents =
                    read(collection, filter_of_page({.collection = collection, .after = after}),
                         options_of_version_find(limit + 1, time_until(deadline)), deadline);
                if (!documents) return base::pass(documents);
                ports::revision_page page;
                for (const auto& bytes : *documents) {
                    if (page.items.size() == limit) {
                        page.next = page.items.back().id;
                        break;
                    }
                    auto version = decode_version(bytes);
                    if (!version) return base::pass(std::move(version));
                    page.items.push_back({.id = std::move(version->id),
                                          .revision = version->revision,
                                          .write_id = std::move(version->write_id)});
                }
                return page;
            });
    }

    aio::task<void> remove(ports::delete_request request) override {
        co_return co_await call<void>([this, request](base::steady_time deadline) {
            return write<void>(request.collection, deadline,
                               [&](document_writes& turn) { return turn.remove(request); });
        });
    }

    aio::task<std::vector<std::string>> collections() override {
        co_return co_await call<std::vector<std::string>>(
            [this](base::steady_time deadline) { return list_collections(deadline); });
    }

    aio::task<void> restore(std::string collection,
                            std::vector<ports::document> documents) override {
        std::vector<ports::put_request> requests;
        requests.reserve(documents.size());
        for (auto& document : documents) {
            if (document.revision < 1) {
                co_return fail(errc::invalid,
                               fmt::format("the revision of '{}' must be at least 1", document.id));
            }
            const auto before = document.revision - 1;
            requests.push_back(
                {.collection = collection, .content = std::move(document), .expected = before});
        }
        co_return co_await call<void>(
            [this, collection, requests = std::move(requests)](base::steady_time deadline) {
                return write<void>(collection, deadline,
                                   [&](document_writes& turn) { return turn.restore(requests); });
            });
    }

    [[nodiscard]] bool is_connected() const noexcept override {
        return is_connected_.load() && !is_closed_.load();
    }

    aio::task<void> close() override {
        if (is_closed_.exchange(true)) co_return fail(errc::unavailable, "the store is closed");
        co_return co_await aio::run_blocking<void>(background_, [this]() -> base::outcome<void> {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return calls_in_progress_ == 0; });
            is_stopping_ = true;
            changed_.notify_all();
            return {};
        });
    }

  private:
    // Counts a call from its start to its end, also if it never runs.
    class call_guard {
      public:
        explicit call_guard(store& owner) : owner_(&owner) {
            const std::lock_guard lock(owner.mutex_);
            ++owner.calls_in_progress_;
        }
        call_guard(call_guard&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
        call_guard& operator=(call_guard&&) = delete;
        ~call_guard() {
            if (owner_ == nullptr) return;
            const std::lock_guard lock(owner_->mutex_);
            --owner_->calls_in_progress_;
            owner_->changed_.notify_all();
        }

      private:
        store* owner_;
    };

    // Runs `work` in the pool of threads. A disconnected store fails at once, so that callers do
    // not wait for a server that the watch of the connection knows to be away.
    template <class T>
    aio::task<T> call(std::move_only_function<base::outcome<T>(base::steady_time)> work) {
        call_guard guard(*this);
        if (is_closed_.load()) co_return fail(errc::unavailable, "the store is closed");
        if (!is_connected_.load()) {
            co_return fail(errc::unavailable, "the store is not connected",
                           ports::store_cause::not_started);
        }
        const auto deadline = std::chrono::steady_clock::now() + options_.call_timeout;
        using result_type = base::outcome<T>;
        auto result = co_await aio::run_blocking<result_type>(
            calls_,
            [this, deadline, work = std::move(work),
             queue_share =
                 gauge_share(metrics_->queue_depth)]() mutable -> base::outcome<result_type> {
                queue_share.give_back();
                const gauge_share connection_share(metrics_->in_use);
                if (std::chrono::steady_clock::now() >= deadline) {
                    return result_type(fail(errc::unavailable,
                                            "the deadline passed in the queue of the store",
                                            ports::store_cause::queue_full));
                }
                return work(deadline);
            });
        if (!result && result.error().code == errc::limit) {
            co_return fail(errc::unavailable, "the queue of the store is full",
                           ports::store_cause::queue_full);
        }
        if (!result) co_return base::pass(std::move(result));
        co_return std::move(*result);
    }

    base::outcome<std::vector<std::string>> read(const std::string& collection,
                                                 std::string_view filter, std::string_view options,
                                                 base::steady_time deadline) {
        const auto target = driver_.load();
        auto documents = target->find(collection, filter, options);
        // A timeout leaves no time for a repetition; a closed connection and a stepdown do.
        const bool has_time = time_until(deadline) > options_.call_timeout / 2;
        if (!documents && has_time && is_worth_retry(documents.error().kind)) {
            documents = target->find(collection, filter, options);
        }
        if (!documents) {
            note_error(documents.error());
            return std::unexpected(as_read_failure(documents.error().kind));
        }
        return std::move(*documents);
    }

    base::outcome<std::vector<std::string>> list_collections(base::steady_time deadline) {
        auto names = driver_.load()->collection_names();
        if (!names) {
            note_error(names.error());
            return std::unexpected(as_read_failure(names.error().kind));
        }
        std::vector<std::string> result;
        for (auto& name : *names) {
            if (!is_document_collection(name)) continue;
            const auto first = read(name, document_writer().finish(),
                                    options_of_version_find(1, time_until(deadline)), deadline);
            if (!first) return base::pass(first);
            if (!first->empty()) result.push_back(std::move(name));
        }
        std::ranges::sort(result);
        return result;
    }

    template <class T, class Work>
    base::outcome<T> write(const std::string& collection, base::steady_time deadline, Work work) {
        auto prepared = prepare(collection);
        if (!prepared) return base::pass(std::move(prepared));
        const auto target = driver_.load();
        document_writes writes(*target, deadline);
        auto result = work(writes);
        finish(writes, 1);
        return result;
    }

    base::outcome<std::vector<base::outcome<ports::revision>>> write_bulk(
        const std::vector<ports::put_request>& requests, base::steady_time deadline) {
        std::set<std::string> collections;
        for (const auto& request : requests) collections.insert(request.collection);
        for (const auto& collection : collections) {
            auto prepared = prepare(collection);
            if (!prepared) return base::pass(std::move(prepared));
        }
        const auto target = driver_.load();
        document_writes writes(*target, deadline);
        auto results = writes.put_bulk(requests);
        finish(writes, requests.size());
        const bool has_result = std::ranges::any_of(results, [](const auto& result) {
            return result || result.error().code != errc::unavailable;
        });
        if (!has_result && !results.empty()) return base::pass(results.front());
        return results;
    }

    void finish(const document_writes& writes, std::size_t count) {
        metrics_->writes.add(count);
        if (writes.confirmed() > 0) {
            metrics_->confirmed.add(writes.confirmed());
            log_.warning("mongodb_write_confirmed", {{"writes", writes.confirmed()}});
        }
        if (writes.last_error()) note_error(*writes.last_error());
    }

    // Creates the indexes of the collection before its first write by this process.
    base::outcome<void> prepare(const std::string& collection) {
        {
            const std::lock_guard lock(mutex_);
            if (prepared_.contains(collection)) return {};
        }
        auto prepared = prepare_collection(*driver_.load(), collection);
        if (!prepared) {
            log_.error("mongodb_indexes_not_created",
                       {{"collection", collection}, {"detail", prepared.error().text}});
            if (prepared.error().code != errc::conflict) disconnect(prepared.error().text);
            return std::unexpected(as_write_failure(error_kind::not_sent, false));
        }
        const std::lock_guard lock(mutex_);
        prepared_.insert(collection);
        return {};
    }

    // Thread: any.
    base::outcome<void> connect_to(const base::secret& url) {
        auto facts = check_url(url);
        if (!facts) return base::pass(std::move(facts));
        if (facts->database != database_) {
            return fail(errc::invalid, fmt::format("the URL must name the database '{}'; a restart "
                                                   "changes the database",
                                                   database_));
        }
        auto target = make_driver(driver_options_of(options_, url, *metrics_));
        if (!target) return base::pass(std::move(target));
        const auto names = (*target)->collection_names();
        if (!names) return std::unexpected(as_failure(names.error()));
        if (std::ranges::find(*names, schema_collection) == names->end()) {
            return fail(errc::conflict, fmt::format("the database '{}' of {} is not a store of the "
                                                    "platform",
                                                    database_, facts->printable));
        }
        driver_.store(std::move(*target));
        log_.info("mongodb_url_changed", {{"address", facts->printable}});
        const std::lock_guard lock(mutex_);
        address_ = std::move(facts->printable);
        return {};
    }

    // Thread: any.
    void note_error(const call_error& error) {
        metrics_->failures.add();
        if (is_disconnect(error.kind)) return disconnect(error.text);
        log_.warning("mongodb_call_failed", {{"kind", name(error.kind)}, {"detail", error.text}});
    }

    void disconnect(std::string_view detail) {
        std::string address;
        {
            const std::lock_guard lock(mutex_);
            if (!is_connected_.exchange(false)) return;
            changed_.notify_all();
            address = address_;
        }
        log_.error("mongodb_disconnected", {{"address", address}, {"detail", detail}});
    }

    // Pings the primary until the store stops. A disconnect wakes it at once.
    void watch_connection() {
        const auto ping = document_writer().int32("ping", 1).finish();
        std::unique_lock lock(mutex_);
        while (!is_stopping_) {
            const bool was_connected = is_connected_.load();
            changed_.wait_for(lock, options_.probe_period, [&] {
                return is_stopping_ || (was_connected && !is_connected_.load());
            });
            if (is_stopping_) return;
            lock.unlock();
            bool has_reconnected = false;
            const auto response = driver_.load()->command("ping", ping);
            if (!response) {
                metrics_->failures.add();  // other calls fail at once and are not counted
                disconnect(response.error().text);
            } else if (!is_connected_.exchange(true)) {
                metrics_->reconnects.add();
                has_reconnected = true;
            }
            lock.lock();
            if (has_reconnected) log_.info("mongodb_reconnected", {{"address", address_}});
        }
    }

    store_options options_;
    std::string address_;  // guarded by mutex_
    std::string database_;
    obs::log& log_;
    std::unique_ptr<store_metrics> metrics_;
    base::atomic_shared_ptr<driver> driver_;  // shared with the calls in progress
    std::atomic<bool> is_closed_{false};
    std::atomic<bool> is_connected_{true};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t calls_in_progress_ = 0;
    bool is_stopping_ = false;
    std::set<std::string> prepared_;  // the collections whose indexes exist
    aio::blocking_pool calls_;
    aio::blocking_pool background_;  // the watch of the connection, and close()
};

}  // namespace

base::outcome<std::unique_ptr<mongo_store>> open_store(store_options options, obs::log& log,
                                                       obs::registry& registry) {
    auto facts = check_url(options.url);
    if (!facts) return base::pass(std::move(facts), "store");
    const auto context = fmt::format("store at {}", facts->printable);
    auto metrics = std::make_unique<store_metrics>(registry);
    auto target = make_driver(driver_options_of(options, options.url, *metrics));
    if (!target) return base::pass(std::move(target), context);
    metrics->connections_max.set(static_cast<double>((*target)->connections_max()));
    const auto response = (*target)->command("ping", document_writer().int32("ping", 1).finish());
    if (!response) {
        return std::unexpected(as_failure(response.error()).in(context));
    }
    auto upgraded = upgrade_schema(**target, all_migrations());
    if (upgraded) upgraded = prepare_collections(**target);
    if (!upgraded) return base::pass(std::move(upgraded), context);
    log.info("mongodb_connected", {{"address", facts->printable},
                                   {"database", facts->database},
                                   {"connections_max", (*target)->connections_max()}});
    return std::make_unique<store>(std::move(options), std::move(*facts), std::move(metrics),
                                   std::move(*target), log);
}

}  // namespace mongo
