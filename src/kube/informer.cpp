#include "kube/informer.hpp"

#include <fmt/format.h>

#include "kube/reflector.hpp"

namespace kube {
namespace {

using base::errc;

class informer_impl final : public informer {
  public:
    informer_impl(client& client, informer_options how, informer_listener& listener,
                  const base::clock& clock)
        : client_(client), options_(how), clock_(clock), machine_(std::move(how), listener) {}

    aio::task<> run() override {
        while (true) {
            const auto next = machine_.next(clock_.now());
            base::outcome<void> done;
            switch (next.what) {
                case reflector::step::wait:
                    done = co_await aio::sleep_for(next.until - clock_.now());
                    break;
                case reflector::step::list:
                    done = co_await list(next);
                    break;
                case reflector::step::watch:
                    done = co_await watch(next);
                    break;
            }
            if (!done) co_return done;
        }
    }

    void forget() override { machine_.forget_all(); }

    [[nodiscard]] informer_counters counters() const noexcept override {
        return machine_.counters();
    }

  private:
    // Failures that end the informer: cancelled, and a kind that is not served.
    static bool ends(const base::failure& why) {
        return why.code == errc::cancelled || why.reason == "not_served";
    }

    aio::task<> list(const reflector::order& order) {
        list_options how{.label_selector = options_.label_selector,
                         .limit = options_.page_size,
                         .continue_token = order.continue_token,
                         .resource_version = order.resource_version};
        if (!order.resource_version.empty()) how.resource_version_match = "NotOlderThan";
        auto text = co_await client_.list_text(options_.what, options_.ns, std::move(how));
        if (text) {
            machine_.on_page(clock_.now(), std::move(*text));
            co_return base::ok();
        }
        if (ends(text.error())) co_return base::pass(std::move(text));
        machine_.on_list_failed(clock_.now(), text.error());
        co_return base::ok();
    }

    [[nodiscard]] std::string path_of(const reflector::order& order) const {
        auto path = fmt::format("{}?watch=1&allowWatchBookmarks=true&timeoutSeconds={}",
                                options_.what.path(options_.ns), order.timeout.count());
        if (!order.resource_version.empty()) {
            path += "&resourceVersion=" + http::encode_percent(order.resource_version);
        }
        if (order.initial_events) {
            path += "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
        }
        if (!options_.label_selector.empty()) {
            path += "&labelSelector=" + http::encode_percent(options_.label_selector);
        }
        return path;
    }

    aio::task<> watch(const reflector::order& order) {
        auto stream = co_await client_.open_watch(path_of(order), options_.what.plural);
        if (!stream) {
            if (ends(stream.error())) co_return base::pass(std::move(stream));
            machine_.on_watch_failed(clock_.now(), stream.error());
            co_return base::ok();
        }
        machine_.on_watch_opened(clock_.now());
        bool is_open = true;
        while (is_open) {
            auto bytes = co_await (*stream)->read(order.silence_max);
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
        co_return base::ok();
    }

    client& client_;
    informer_options options_;
    const base::clock& clock_;
    reflector machine_;
};

}  // namespace

std::unique_ptr<informer> make_informer(client& client, informer_options options,
                                        informer_listener& listener, const base::clock& clock) {
    return std::make_unique<informer_impl>(client, std::move(options), listener, clock);
}

}  // namespace kube
