#include "kube/informer.hpp"

#include <fmt/format.h>

#include "kube/reflector.hpp"

namespace kube {
namespace {

using base::errc;

// A watch that ends as soon as it is opened must not become a loop without a pause.
constexpr std::chrono::seconds short_watch{1};

class informer_impl final : public informer {
  public:
    informer_impl(client& through, informer_options how, informer_listener& listener,
                  const base::clock& clock)
        : through_(through), how_(how), clock_(clock), machine_(std::move(how), listener) {}

    aio::task<> run() override {
        while (true) {
            const auto next = machine_.next();
            base::outcome<void> done;
            switch (next.what) {
                case reflector::step::wait:
                    done = co_await aio::sleep_for(next.wait);
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

    [[nodiscard]] informer_counters counters() const noexcept override {
        auto counters = machine_.counters();
        counters.last_activity = last_activity_;
        return counters;
    }

  private:
    // Failures that end the informer: cancelled, not_found (the kind is not served).
    static bool ends(const base::failure& why) {
        return why.code == errc::cancelled ||
               (why.code == errc::not_found && why.reason == "not_served");
    }

    aio::task<> list(const reflector::order& order) {
        list_options how{.label_selector = how_.label_selector,
                         .limit = how_.page_size,
                         .continue_token = order.continue_token};
        if (order.continue_token.empty() && !order.resource_version.empty()) {
            how.resource_version = order.resource_version;
            how.resource_version_match = "NotOlderThan";
        }
        auto text = co_await through_.list_text(how_.what, how_.name_space, std::move(how));
        if (text) {
            last_activity_ = clock_.now();
            auto taken = machine_.on_page(*text);
            if (!taken) machine_.on_list_failed(taken.error());
            co_return base::outcome<void>{};
        }
        if (ends(text.error())) co_return base::pass(std::move(text));
        machine_.on_list_failed(text.error());
        co_return base::outcome<void>{};
    }

    aio::task<> watch(const reflector::order& order) {
        auto path =
            fmt::format("{}?watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
                        how_.what.path(how_.name_space),
                        http::encode_percent(order.resource_version), order.timeout.count());
        if (!how_.label_selector.empty()) {
            path += "&labelSelector=" + http::encode_percent(how_.label_selector);
        }
        const auto begun = clock_.now();
        auto stream = co_await through_.open_watch(std::move(path), how_.what.plural);
        if (!stream) {
            if (ends(stream.error())) co_return base::pass(std::move(stream));
            machine_.on_watch_failed(stream.error());
            co_return base::outcome<void>{};
        }
        machine_.on_watch_opened();
        while (true) {
            auto bytes = co_await (*stream)->read(machine_.silence_max());
            if (!bytes) {
                if (bytes.error().code == errc::cancelled) co_return base::pass(std::move(bytes));
                machine_.on_watch_failed(bytes.error());
                break;
            }
            if (bytes->empty()) {
                if (clock_.now() - begun < short_watch) {
                    machine_.on_watch_failed({errc::unavailable, "the watch ended at once"});
                } else {
                    machine_.on_watch_ended();
                }
                break;
            }
            last_activity_ = clock_.now();
            auto taken = machine_.on_bytes(*bytes);
            if (!taken) {
                machine_.on_watch_failed(taken.error());
                break;
            }
        }
        co_return base::outcome<void>{};
    }

    client& through_;
    informer_options how_;
    const base::clock& clock_;
    reflector machine_;
    base::steady_time last_activity_{};
};

}  // namespace

std::unique_ptr<informer> make_informer(client& through, informer_options options,
                                        informer_listener& listener, const base::clock& clock) {
    return std::make_unique<informer_impl>(through, std::move(options), listener, clock);
}

}  // namespace kube
