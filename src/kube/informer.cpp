#include "kube/informer.hpp"

#include <fmt/format.h>

#include "kube/kube_client.hpp"
#include "kube/reflector.hpp"
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
                           .limit = options_.page_size,
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
        bool is_open = true;
        while (is_open) {
            auto bytes = co_await (*stream)->read(action.silence_max);
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
