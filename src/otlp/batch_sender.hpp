#pragma once
// A bounded queue of items, such as spans, that are sent to a collector in batches. push() never
// blocks and never waits for the collector. Items that do not fit, or that the collector rejects,
// are counted. Thread: push() and queued() any; run() and flush() on one loop.

#include <algorithm>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "otlp/collector_client.hpp"

namespace otlp {

// The names of what is sent.
struct signal {
    std::string_view not_exported;    // event: the collector is away, or there is no trust store
    std::string_view rejected;        // event: the collector has rejected items
    std::string_view items;           // "spans": field of the event
    std::string_view rejected_items;  // "rejectedSpans": member of partialSuccess of a response
};

template <class Item>
class batch_sender {
  public:
    struct deps {
        const base::clock& clock;
        obs::log& log;
        obs::counter& exported;
        obs::counter& dropped;
    };
    using encoder = std::string (*)(const resource&, const std::vector<Item>&);
    batch_sender(exporter_options options, const signal& names, encoder encode, deps deps)
        : options_(std::move(options)), names_(names), encode_(encode), deps_(deps) {}

    void push(Item item) noexcept {
        const std::lock_guard lock(mutex_);
        if (queue_.size() >= options_.queue_max) {
            deps_.dropped.add();
            return;
        }
        queue_.push_back(std::move(item));
        if (queue_.size() == options_.batch_max && wake_) {
            aio::post(loop_, [wake = wake_] { wake->notify(); });
        }
    }

    [[nodiscard]] std::size_t queued() const {
        const std::lock_guard lock(mutex_);
        return queue_.size();
    }

    // Sends batches until cancelled. Errors: cancelled, invalid (the system has no trust store).
    aio::task<> run() {
        auto connected = co_await client_.connect();
        if (!connected) {
            deps_.log.error(names_.not_exported, {{"detail", connected.error().text}});
            co_return connected;
        }
        const auto executor = co_await aio::this_executor();
        const auto wake = std::make_shared<aio::notification>(executor, deps_.clock);
        {
            const std::lock_guard lock(mutex_);
            loop_ = executor;
            wake_ = wake;
        }
        aio::backoff backoff(options_.retry, 1);
        while (true) {
            const auto result = co_await send_all(options_.send_timeout);
            if (result) {
                backoff.reset();
                const auto woken = co_await wake->wait_for(options_.batch_delay);
                if (!woken) break;
                continue;
            }
            if (result.error().code == base::errc::cancelled) break;
            if (backoff.attempts() == 0) {
                deps_.log.warning(names_.not_exported, {{"detail", result.error().text}});
            }
            // A full queue does not shorten the pause.
            const auto pause = std::max<std::chrono::nanoseconds>(
                backoff.next(), client_.retry_at() - deps_.clock.now());
            const auto slept = co_await aio::sleep_for(deps_.clock, pause);
            if (!slept) break;
        }
        const std::lock_guard lock(mutex_);
        wake_.reset();
        co_return base::fail(base::errc::cancelled, "the export was stopped");
    }

    // Sends what waits, up to the first failure. After run() has ended. Errors: those of the
    // client, unavailable (the collector did not accept the items).
    aio::task<> flush() {
        auto connected = co_await client_.connect();
        if (connected) connected = co_await send_all(options_.flush_timeout);
        client_.close();
        co_return connected;
    }

  private:
    // Sends batches until the queue is empty. Errors: as flush(); the batch stays.
    aio::task<> send_all(std::chrono::milliseconds timeout) {
        while (true) {
            if (batch_.empty()) batch_ = take_batch();
            if (batch_.empty()) co_return base::ok();
            const auto reply = co_await client_.send(encode_(options_.resource, batch_), timeout);
            if (!reply) co_return base::pass(reply);
            count(*reply);
            batch_.clear();
        }
    }

    std::vector<Item> take_batch() {
        const std::lock_guard lock(mutex_);
        const auto count = std::min(queue_.size(), options_.batch_max);
        const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
        std::vector<Item> batch(std::make_move_iterator(queue_.begin()),
                                std::make_move_iterator(end));
        queue_.erase(queue_.begin(), end);
        return batch;
    }

    void count(const collector_client::reply& reply) {
        const auto rejected =
            reply.status < 300
                ? std::min<std::uint64_t>(otlp::rejected_items(reply.body, names_.rejected_items),
                                          batch_.size())
                : batch_.size();
        deps_.exported.add(batch_.size() - rejected);
        if (rejected == 0) return;
        deps_.dropped.add(rejected);
        deps_.log.warning(names_.rejected, {{"status", reply.status}, {names_.items, rejected}});
    }

    const exporter_options options_;
    const signal names_;
    const encoder encode_;
    deps deps_;
    mutable std::mutex mutex_;
    std::vector<Item> queue_;
    aio::executor loop_;  // of run(); guarded by mutex_
    std::shared_ptr<aio::notification> wake_;
    // Of the loop:
    collector_client client_{options_, deps_.clock};
    std::vector<Item> batch_;  // until it is accepted or rejected
};

}  // namespace otlp
