#include "app/ownership.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/fnv1a.hpp"
#include "base/random_id.hpp"

namespace app {
namespace {

// The leases have the names of slots, so that their number stays bounded over many restarts.
constexpr std::string_view lease_prefix = "dbaas-replica-";

// Names of leases that are free because their holders have left.
constexpr std::size_t spare_slots = 4;

std::string lease_name(std::size_t slot) {
    return fmt::format("{}{}", lease_prefix, slot);
}

// Mixes the bits of a hash: FNV-1a changes its high bits little with the last bytes (finalizer of
// MurmurHash3).
std::uint64_t mixed(std::uint64_t hash) noexcept {
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdULL;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return hash ^ (hash >> 33);
}

// Of the records that this release reads. Earlier names end with a random part of letters and
// digits.
constexpr std::string_view format_suffix = ".f2";

}  // namespace

std::string replica_name(std::string_view host) {
    return base::random_id(fmt::format("{}-", host), 6).append(format_suffix);
}

bool reads_keyed_digests(std::string_view replica) noexcept {
    return replica.ends_with(format_suffix);
}

std::string_view owner_of(std::string_view key, const std::vector<std::string>& holders) noexcept {
    std::string_view owner;
    std::uint64_t highest = 0;
    for (const auto& holder : holders) {
        const auto weight = mixed(base::fnv1a(key, base::fnv1a(holder)));
        if (owner.empty() || weight > highest || (weight == highest && holder < owner)) {
            highest = weight;
            owner = holder;
        }
    }
    return owner;
}

ownership::ownership(deps deps, ownership_options options)
    : deps_(deps), options_(std::move(options)) {}

bool ownership::holds_lease() const noexcept {
    return deps_.clock.now() < held_until_;
}

bool ownership::owns(std::string_view database_id) const noexcept {
    if (deps_.leases == nullptr) return true;
    return holds_lease() && owned_among(database_id, holders_);
}

bool ownership::wants(std::string_view database_id) const noexcept {
    return deps_.leases == nullptr || owned_among(database_id, division_);
}

bool ownership::owned_among(std::string_view database_id,
                            const std::vector<std::string>& holders) const noexcept {
    return owner_of(database_id, holders) == options_.replica;
}

std::size_t ownership::replicas() const noexcept {
    return deps_.leases == nullptr ? 1 : holders_.size();
}

aio::task<> ownership::run() {
    if (deps_.leases == nullptr) co_return co_await aio::until_cancelled();
    while (true) {
        auto renewed = co_await renew();
        if (!renewed && renewed.error().code == base::errc::cancelled) co_return renewed;
        const bool has_failed = !renewed;
        if (has_failed && !has_failed_) {
            deps_.log.warning("replica_lease_not_renewed",
                              {{"replica", options_.replica}, {"detail", renewed.error().text}});
        }
        if (!has_failed && has_failed_) {
            deps_.log.info("replica_lease_renewed", {{"replica", options_.replica}});
        }
        has_failed_ = has_failed;
        auto slept = co_await aio::sleep_for(deps_.clock, options_.period);
        if (!slept) co_return slept;
    }
}

aio::task<> ownership::renew() {
    auto is_held = co_await hold();
    if (!holds_lease()) set_holders({});
    if (!is_held) co_return base::pass(std::move(is_held));
    if (!*is_held) {
        co_return base::fail(
            base::errc::limit,
            fmt::format("{} other replicas hold the leases '{}0' to '{}{}'", options_.replicas_max,
                        lease_prefix, lease_prefix, options_.replicas_max - 1));
    }
    auto holders = co_await deps_.leases->live_holders(std::string(lease_prefix));
    if (!holders) co_return base::pass(std::move(holders));
    // The list may be older than the lease of this replica.
    if (!std::ranges::binary_search(*holders, options_.replica)) {
        holders->insert(std::ranges::lower_bound(*holders, options_.replica), options_.replica);
    }
    std::ranges::set_difference(holders_, *holders, std::back_inserter(lost_));
    set_holders(std::move(*holders));
    auto released = co_await release_expired();
    if (!released && released.error().code == base::errc::cancelled) co_return released;
    co_return base::ok();
}

aio::task<> ownership::release_expired() {
    if (lost_.empty()) co_return base::ok();
    if (holders_.front() != options_.replica) {
        lost_.clear();
        co_return base::ok();
    }
    // The leases have the lowest free names, so that all are among these.
    const auto slots =
        std::min(options_.replicas_max, division_.size() + lost_.size() + spare_slots);
    for (std::size_t slot = 0; slot < slots; ++slot) {
        for (const auto& holder : std::vector<std::string>(lost_)) {
            auto released = co_await deps_.leases->release(lease_name(slot), holder);
            if (!released) co_return released;
        }
    }
    lost_.clear();
    co_return base::ok();
}

aio::task<bool> ownership::hold() {
    const auto first = slot_.value_or(0);
    const auto end = slot_ ? first + 1 : options_.replicas_max;
    for (auto slot = first; slot < end; ++slot) {
        const auto start = deps_.clock.now();
        auto is_held =
            co_await deps_.leases->hold(lease_name(slot), options_.replica, options_.duration);
        if (!is_held) co_return base::pass(std::move(is_held));
        if (!*is_held) continue;
        slot_ = slot;
        held_until_ = start + options_.duration;
        co_return true;
    }
    // Another replica has taken the lease of this one, which was suspended for longer than its
    // duration. The next renewal looks for a free lease.
    const bool was_held = slot_.has_value();
    slot_.reset();
    held_until_ = base::steady_time::min();
    if (!was_held) co_return false;
    co_return co_await hold();
}

aio::task<> ownership::release() {
    if (deps_.leases == nullptr || !slot_) co_return base::ok();
    const auto slot = *std::exchange(slot_, std::nullopt);
    held_until_ = base::steady_time::min();
    holders_.clear();
    co_return co_await deps_.leases->release(lease_name(slot), options_.replica);
}

void ownership::set_holders(std::vector<std::string> holders) {
    if (holders == holders_) return;
    const auto previous = std::exchange(holders_, std::move(holders));
    if (!holders_.empty()) division_ = holders_;
    deps_.log.info("replicas_changed", {{"replica", options_.replica},
                                        {"replicas", static_cast<std::uint64_t>(holders_.size())},
                                        {"holders", fmt::format("{}", fmt::join(holders_, ", "))}});
    if (listener_) listener_(previous);
}

}  // namespace app
