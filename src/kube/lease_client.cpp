#include "kube/lease_client.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "aio/deadline.hpp"
#include "json/json_access.hpp"
#include "kube/kube_client.hpp"
#include "kube/lease_state.hpp"
#include "kube/status_reason.hpp"

namespace kube {
namespace {

using base::errc;
using base::fail;
using action_kind = lease_state::action_kind;

constexpr std::size_t page_size = 500;
// A release meets another writer only if the lease has expired or its labels change.
constexpr int release_rounds_max = 4;

const resource leases{
    .group = "coordination.k8s.io", .version = "v1", .plural = "leases", .kind = "Lease"};

bool is_absent(const base::failure& failure) {
    return failure.code == errc::not_found && failure.cause == status_reason::not_found;
}

bool is_lost_race(const base::failure& failure) {
    return failure.code == errc::conflict || failure.code == errc::precondition;
}

// Reports a resource that is not served as unsupported, not as a missing object.
base::failure with_context(base::failure failure, std::string_view activity) {
    if (failure.cause == status_reason::not_served) failure.code = errc::unsupported;
    return std::move(failure).in(activity);
}

std::string selector_of(const std::map<std::string, std::string>& labels) {
    std::string text;
    for (const auto& [key, value] : labels) {
        if (!text.empty()) text += ',';
        text += key;
        text += '=';
        text += value;
    }
    return text;
}

class lease_client_impl final : public lease_client {
  public:
    lease_client_impl(client& client, lease_options options)
        : client_(client), options_(std::move(options)), state_(options_.ns, options_.labels) {}

    aio::task<bool> hold(std::string name, std::string holder,
                         std::chrono::seconds duration) override {
        if (holder.empty()) co_return fail(errc::invalid, "a lease needs a holder");
        if (duration < std::chrono::seconds(1)) {
            co_return fail(errc::invalid, "a lease lasts at least a second");
        }
        const auto started_at = options_.clock->now();
        const auto timeout = std::min<std::chrono::milliseconds>(
            options_.call_timeout, std::chrono::milliseconds(duration) * 2 / 3);
        auto acquired = co_await aio::with_deadline(
            std::chrono::steady_clock::now() + timeout,
            acquire({.name = name, .holder = std::move(holder), .duration = duration}));
        if (!acquired) {
            state_.on_unconfirmed_write(name);
            co_return std::unexpected(
                with_context(std::move(acquired).error(), "hold lease " + name));
        }
        // After a suspend, the response can precede the deadline although the lease has expired.
        if (*acquired && options_.clock->now() - started_at >= duration) {
            co_return fail(errc::timed_out,
                           "hold lease " + name + ": it expired before the response");
        }
        co_return acquired;
    }

    aio::task<void> release(std::string name, std::string holder) override {
        auto released =
            co_await aio::with_deadline(std::chrono::steady_clock::now() + options_.call_timeout,
                                        release_lease(name, std::move(holder)));
        if (released) co_return released;
        state_.on_unconfirmed_write(name);
        co_return std::unexpected(
            with_context(std::move(released).error(), "release lease " + name));
    }

    aio::task<std::vector<std::string>> live_holders(std::string prefix) override {
        auto holders = co_await aio::with_deadline(
            std::chrono::steady_clock::now() + options_.call_timeout, list(std::move(prefix)));
        state_.forget_old(options_.clock->now());
        if (holders) co_return holders;
        co_return std::unexpected(with_context(std::move(holders).error(), "list leases"));
    }

  private:
    [[nodiscard]] lease_state::moment moment() const {
        return {.now = options_.clock->now(), .wall = options_.clock->utc_now()};
    }

    // Other calls for the same lease may run while this one waits. Each round computes a new
    // action, and the API server rejects the slower of two writers.
    aio::task<bool> acquire(lease_state::claim wanted) {
        bool has_read = false;
        while (true) {
            auto next = state_.to_hold(wanted, has_read, moment());
            if (next.kind == action_kind::reject || next.kind == action_kind::nothing)
                co_return false;
            if (next.kind == action_kind::read) {
                if (has_read) co_return false;  // another call met another writer during the read
                auto seen = co_await read(wanted.name);
                if (!seen) co_return base::pass(std::move(seen));
                has_read = true;
                continue;
            }
            auto written = co_await write(next.kind, wanted.name, std::move(next.body));
            if (written) co_return true;
            const bool is_behind = is_lost_race(written.error()) ||
                                   (next.kind == action_kind::update && is_absent(written.error()));
            if (!is_behind) co_return base::pass(std::move(written));
            if (has_read) co_return false;
        }
    }

    aio::task<> release_lease(std::string name, std::string holder) {
        bool has_read = false;
        for (int round = 0; round < release_rounds_max;) {
            auto next = state_.to_release(name, holder, has_read, moment());
            if (next.kind == action_kind::nothing) co_return base::ok();
            if (next.kind == action_kind::read) {
                auto seen = co_await read(name);
                if (!seen) co_return seen;
                has_read = true;
                continue;
            }
            auto written = co_await write(next.kind, name, std::move(next.body));
            if (written || is_absent(written.error())) co_return base::ok();
            if (!is_lost_race(written.error())) co_return written;
            has_read = false;
            ++round;
        }
        co_return fail(errc::unavailable, "others write it all the time");
    }

    aio::task<> read(std::string name) {
        auto result = co_await client_.get(leases, options_.ns, name);
        if (result) {
            state_.on_observed(options_.clock->now(), name, std::move(*result));
        } else if (is_absent(result.error())) {
            state_.on_absent(name);
        } else {
            co_return base::pass(std::move(result));
        }
        co_return base::ok();
    }

    aio::task<> write(action_kind kind, std::string name, json::object body) {
        auto writing = kind == action_kind::create
                           ? client_.create(leases, options_.ns, std::move(body))
                           : client_.update(leases, options_.ns, name, std::move(body));
        auto result = co_await std::move(writing);
        if (result) {
            state_.on_observed(options_.clock->now(), name, std::move(*result));
            co_return base::ok();
        }
        state_.on_unconfirmed_write(name);
        if (kind == action_kind::update && is_absent(result.error())) state_.on_absent(name);
        co_return base::pass(std::move(result));
    }

    aio::task<std::vector<std::string>> list(std::string prefix) {
        std::vector<std::string> holders;
        list_options page{.label_selector = selector_of(options_.labels), .limit = page_size};
        do {
            auto result = co_await client_.list(leases, options_.ns, page);
            if (!result) co_return base::pass(std::move(result));
            const auto now = options_.clock->now();
            for (auto& each : result->items) {
                const std::string name(
                    json::text_at(json::object_or_empty(each, "metadata"), "name"));
                if (!name.starts_with(prefix)) continue;
                state_.on_observed(now, name, std::move(each));
                auto holder = state_.live_holder(name, now);
                if (!holder.empty()) holders.push_back(std::move(holder));
            }
            page.continue_token = std::move(result->continue_token);
        } while (!page.continue_token.empty());
        std::ranges::sort(holders);
        const auto [first, last] = std::ranges::unique(holders);
        holders.erase(first, last);
        co_return holders;
    }

    client& client_;
    lease_options options_;
    lease_state state_;
};

}  // namespace

std::unique_ptr<lease_client> make_lease_client(client& client, lease_options options) {
    return std::make_unique<lease_client_impl>(client, std::move(options));
}

}  // namespace kube
