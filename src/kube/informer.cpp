#include "kube/informer.hpp"

#include <fmt/format.h>

#include "kube/kube_client.hpp"
#include "kube/reflector.hpp"
#include "kube/resource_version.hpp"
#include "kube/status_reason.hpp"

namespace kube {
namespace {

using base::errc;

class informer_impl final : public informer {
  public:
    informer_impl(client& client, informer_options options, informer_listener& listener,
                  const base::clock& clock)
        : client_(client),
          options_(options),
          clock_(clock),
          machine_(std::move(options), listener) {}

    aio::task<> run() override {
        while (true) {
            const auto next = machine_.next(clock_.now());
            base::outcome<void> done;
            switch (next.kind) {
                case reflector::action_kind::wait:
                    done = co_await aio::sleep_until(clock_, next.until);
                    break;
                case reflector::action_kind::list:
                    done = co_await list(next);
                    break;
                case reflector::action_kind::watch:
                    done = co_await watch(next);
                    break;
            }
            if (!done) co_return done;
        }
    }

    aio::task<bool> verify_position() override {
        const auto known = position();
        if (known.empty()) co_return true;
        // Without a version the server reads its storage, so the list is never older than a
        // position that the same history has given before.
        auto text = co_await client_.list_text(
            options_.kind, options_.ns, {.label_selector = options_.label_selector, .limit = 1});
        if (!text) co_return base::pass(std::move(text));
        auto end = decoder().read_page(std::move(*text), [](const auto&, auto) {});
        if (!end) co_return base::pass(std::move(end));
        // A relist during the call may have found the new history.
        for (const auto& each : {known, position()}) {
            if (!is_older(end->resource_version, each)) co_return true;
        }
        machine_.on_history_lost(clock_.now());
        stream_end_->notify();
        co_return false;
    }

    [[nodiscard]] std::string position() const override {
        return stream_end_ == nullptr ? std::string() : machine_.position();
    }

    void forget() override { machine_.forget_all(); }

    [[nodiscard]] informer_counters counters() const noexcept override {
        return machine_.counters();
    }

  private:
    // Failures that end the informer: cancelled, and a kind that is not served.
    static bool is_terminal(const base::failure& error) {
        return error.code == errc::cancelled || error.cause == status_reason::not_served;
    }

    aio::task<> list(const reflector::action& action) {
        list_options query{.label_selector = options_.label_selector,
                           .limit = action.is_whole ? 0 : options_.page_size,
                           .continue_token = action.continue_token,
                           .resource_version = action.resource_version};
        if (!action.resource_version.empty()) query.resource_version_match = "NotOlderThan";
        auto text = co_await client_.list_text(options_.kind, options_.ns, std::move(query));
        if (text) {
            machine_.on_page(clock_.now(), std::move(*text));
            co_return base::ok();
        }
        if (is_terminal(text.error())) co_return base::pass(std::move(text));
        machine_.on_list_failed(clock_.now(), text.error());
        co_return base::ok();
    }

    [[nodiscard]] std::string path_of(const reflector::action& action) const {
        auto path = fmt::format("{}?watch=1&allowWatchBookmarks=true&timeoutSeconds={}",
                                options_.kind.path(options_.ns), action.timeout.count());
        if (!action.resource_version.empty()) {
            path += "&resourceVersion=" + http::encode_percent(action.resource_version);
        }
        if (action.initial_events) {
            path += "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
        }
        if (!options_.label_selector.empty()) {
            path += "&labelSelector=" + http::encode_percent(options_.label_selector);
        }
        return path;
    }

    aio::task<> watch(const reflector::action& action) {
        auto stream = co_await client_.open_watch(path_of(action), options_.kind.plural);
        if (!stream) {
            if (is_terminal(stream.error())) co_return base::pass(std::move(stream));
            machine_.on_watch_failed(clock_.now(), stream.error());
            co_return base::ok();
        }
        machine_.on_watch_opened(clock_.now());
        const auto executor = co_await aio::this_executor();
        aio::notification stream_end(executor);
        aio::task_group children(executor);
        stream_end_ = &stream_end;
        children.spawn(settle());
        children.spawn(read_stream(**stream, action.silence_max, stream_end));
        auto ended = co_await stream_end.wait();
        stream_end_ = nullptr;
        children.cancel();
        (void)co_await children.join();
        co_return ended;
    }

    aio::task<> settle() {
        auto slept = co_await aio::sleep_for(clock_, reflector::settle_time);
        if (slept) machine_.on_watch_settled();
        co_return slept;
    }

    // Notifies `end` unless it is cancelled.
    aio::task<> read_stream(http::stream_reader& stream, std::chrono::milliseconds silence_max,
                            aio::notification& end) {
        bool is_open = true;
        while (is_open) {
            auto bytes = co_await stream.read(silence_max);
            const auto now = clock_.now();
            if (bytes && !bytes->empty()) {
                is_open = machine_.on_bytes(now, *bytes);
            } else if (bytes) {
                machine_.on_watch_ended(now);
                is_open = false;
            } else if (bytes.error().code == errc::cancelled) {
                co_return base::pass(std::move(bytes));
            } else {
                machine_.on_watch_failed(now, bytes.error());
                is_open = false;
            }
        }
        end.notify();
        co_return base::ok();
    }

    client& client_;
    informer_options options_;
    const base::clock& clock_;
    reflector machine_;
    aio::notification* stream_end_ = nullptr;  // of the open watch; its wait ends the watch
};

}  // namespace

std::unique_ptr<informer> make_informer(client& client, informer_options options,
                                        informer_listener& listener, const base::clock& clock) {
    return std::make_unique<informer_impl>(client, std::move(options), listener, clock);
}

}  // namespace kube
