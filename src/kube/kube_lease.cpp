#include "kube/kube_lease.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "aio/deadline.hpp"
#include "kube/json_text.hpp"
#include "kube/lease_state.hpp"

namespace kube {
namespace {

using base::errc;
using base::fail;
using step = lease_state::step;

constexpr std::size_t page_size = 500;
// A release meets another writer only when the lease has run out, or somebody labels it.
constexpr int release_rounds_max = 4;

const resource leases{
    .group = "coordination.k8s.io", .version = "v1", .plural = "leases", .kind = "Lease"};

bool is_absent(const base::failure& why) {
    return why.code == errc::not_found && why.reason == "NotFound";
}

bool is_lost_race(const base::failure& why) {
    return why.code == errc::conflict || why.code == errc::precondition;
}

// A kind that is not served is not a missing object.
base::failure told(base::failure why, std::string_view doing) {
    if (why.reason == "not_served") why.code = errc::unsupported;
    return std::move(why).in(doing);
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

class lease_manager_impl final : public ports::lease_manager {
  public:
    lease_manager_impl(client& client, lease_options how)
        : client_(client), options_(std::move(how)), book_(options_.ns, options_.labels) {}

    aio::task<bool> hold(std::string name, std::string holder,
                         std::chrono::seconds duration) override {
        if (holder.empty()) co_return fail(errc::invalid, "a lease needs a holder");
        if (duration < std::chrono::seconds(1)) {
            co_return fail(errc::invalid, "a lease lasts at least a second");
        }
        const auto begun = options_.clock->now();
        const auto patience = std::min<std::chrono::milliseconds>(
            options_.call_timeout, std::chrono::milliseconds(duration) * 2 / 3);
        auto held = co_await aio::with_deadline(
            std::chrono::steady_clock::now() + patience,
            take({.name = name, .holder = std::move(holder), .duration = duration}));
        if (!held) {
            book_.on_doubt(name);
            co_return std::unexpected(told(std::move(held).error(), "hold lease " + name));
        }
        // On a machine that slept meanwhile the deadline may come after the answer.
        if (*held && options_.clock->now() - begun >= duration) {
            co_return fail(errc::timed_out,
                           "hold lease " + name + ": it ran out before the answer");
        }
        co_return held;
    }

    aio::task<void> release(std::string name, std::string holder) override {
        auto released =
            co_await aio::with_deadline(std::chrono::steady_clock::now() + options_.call_timeout,
                                        give_back(name, std::move(holder)));
        if (released) co_return released;
        book_.on_doubt(name);
        co_return std::unexpected(told(std::move(released).error(), "release lease " + name));
    }

    aio::task<std::vector<std::string>> live_holders(std::string prefix) override {
        auto found = co_await aio::with_deadline(
            std::chrono::steady_clock::now() + options_.call_timeout, list(std::move(prefix)));
        book_.forget_old(options_.clock->now());
        if (found) co_return found;
        co_return std::unexpected(told(std::move(found).error(), "list leases"));
    }

  private:
    [[nodiscard]] lease_state::moment moment() const {
        return {.now = options_.clock->now(), .wall = options_.clock->utc_now()};
    }

    // Other calls for the same lease may run while this one waits: the book is asked anew each
    // time, and the API server refuses the slower one of two writers.
    aio::task<bool> take(lease_state::claim wanted) {
        bool has_read = false;
        while (true) {
            auto next = book_.to_hold(wanted, has_read, moment());
            if (next.what == step::refuse || next.what == step::nothing) co_return false;
            if (next.what == step::read) {
                if (has_read) co_return false;  // another call has met another writer meanwhile
                auto seen = co_await read(wanted.name);
                if (!seen) co_return base::pass(std::move(seen));
                has_read = true;
                continue;
            }
            auto written = co_await write(next.what, wanted.name, std::move(next.body));
            if (written) co_return true;
            const bool is_behind = is_lost_race(written.error()) ||
                                   (next.what == step::update && is_absent(written.error()));
            if (!is_behind) co_return base::pass(std::move(written));
            if (has_read) co_return false;
        }
    }

    aio::task<> give_back(std::string name, std::string holder) {
        bool has_read = false;
        for (int round = 0; round < release_rounds_max;) {
            auto next = book_.to_release(name, holder, has_read, moment());
            if (next.what == step::nothing) co_return base::ok();
            if (next.what == step::read) {
                auto seen = co_await read(name);
                if (!seen) co_return seen;
                has_read = true;
                continue;
            }
            auto written = co_await write(next.what, name, std::move(next.body));
            if (written || is_absent(written.error())) co_return base::ok();
            if (!is_lost_race(written.error())) co_return written;
            has_read = false;
            ++round;
        }
        co_return fail(errc::unavailable, "others write it all the time");
    }

    aio::task<> read(std::string name) {
        auto got = co_await client_.get(leases, options_.ns, name);
        if (got) {
            book_.on_seen(options_.clock->now(), name, std::move(*got));
        } else if (is_absent(got.error())) {
            book_.on_absent(name);
        } else {
            co_return base::pass(std::move(got));
        }
        co_return base::ok();
    }

    aio::task<> write(step how, std::string name, json::object body) {
        auto writing = how == step::create
                           ? client_.create(leases, options_.ns, std::move(body))
                           : client_.update(leases, options_.ns, name, std::move(body));
        auto got = co_await std::move(writing);
        if (got) {
            book_.on_seen(options_.clock->now(), name, std::move(*got));
            co_return base::ok();
        }
        book_.on_doubt(name);
        if (how == step::update && is_absent(got.error())) book_.on_absent(name);
        co_return base::pass(std::move(got));
    }

    aio::task<std::vector<std::string>> list(std::string prefix) {
        std::vector<std::string> holders;
        list_options page{.label_selector = selector_of(options_.labels), .limit = page_size};
        do {
            auto got = co_await client_.list(leases, options_.ns, page);
            if (!got) co_return base::pass(std::move(got));
            const auto now = options_.clock->now();
            for (auto& each : got->items) {
                const std::string name(text_at(object_or_empty(each, "metadata"), "name"));
                if (!name.starts_with(prefix)) continue;
                book_.on_seen(now, name, std::move(each));
                auto holder = book_.live_holder(name, now);
                if (!holder.empty()) holders.push_back(std::move(holder));
            }
            page.continue_token = std::move(got->continue_token);
        } while (!page.continue_token.empty());
        std::ranges::sort(holders);
        const auto [from, to] = std::ranges::unique(holders);
        holders.erase(from, to);
        co_return holders;
    }

    client& client_;
    lease_options options_;
    lease_state book_;
};

}  // namespace

std::unique_ptr<ports::lease_manager> make_lease_manager(client& client, lease_options options) {
    return std::make_unique<lease_manager_impl>(client, std::move(options));
}

}  // namespace kube
