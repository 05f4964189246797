#include "api/limits/rate_limits.hpp"

#include "base/fnv1a.hpp"
#include "base/random_id.hpp"

namespace api {

using domain::rate_class;
using domain::rate_quota;

std::optional<rate_class> rate_class_of(const route& route) noexcept {
    if (route.id == endpoint::live || route.id == endpoint::ready) return std::nullopt;
    // The callback of a login at an issuer starts a session.
    if (route.id == endpoint::finish_oidc_login) return rate_class::logins_per_address;
    if (route.verb == http::method::get) return rate_class::reads;
    const bool is_login = route.id == endpoint::log_in ||
                          route.id == endpoint::start_browser_session ||
                          route.id == endpoint::start_device_login;
    return is_login ? rate_class::logins_per_address : rate_class::writes;
}

rate_limits::rate_limits(const rate_limit_options& options, bool has_shared_limiter,
                         obs::registry& registry)
    : quotas_(options.quotas),
      has_shared_limiter_(has_shared_limiter),
      seed_(base::fnv1a(base::random_id("", 24))) {
    for (std::size_t index = 0; index < quotas_.size(); ++index) {
        if (quotas_[index].is_limited()) tables_[index] = std::make_unique<debt_table>();
        rejected_[index] = &registry.make_counter(
            "dbaas_rate_limited_total", "Requests rejected with 429 by class of rate limit.",
            {{"class", std::string(domain::name(rate_class(index)))}});
    }
}

std::uint64_t rate_limits::hash_of(const caller& caller) const noexcept {
    return base::fnv1a(caller.name, caller.is_address ? ~seed_ : seed_);
}

rate_quota rate_limits::local_quota(rate_class kind, std::size_t replicas) const noexcept {
    const auto& whole = quota(kind);
    return is_shared(kind) ? whole : whole.share_of(static_cast<std::int64_t>(replicas));
}

met_limit rate_limits::admit(const caller& caller, std::size_t replicas,
                             base::steady_time now) noexcept {
    const auto quota = local_quota(caller.kind, replicas);
    return {.kind = caller.kind,
            .quota = quota,
            .step = tables_[std::size_t(caller.kind)]->admit(hash_of(caller), quota, now)};
}

met_limit rate_limits::apply(const caller& caller, const domain::rate_step& shared,
                             base::steady_time now) noexcept {
    tables_[std::size_t(caller.kind)]->raise(hash_of(caller), shared.debt, now);
    return {.kind = caller.kind, .quota = quota(caller.kind), .step = shared};
}

met_limit rate_limits::admit_share(const caller& caller, std::size_t replicas,
                                   base::steady_time now) noexcept {
    auto& table = *tables_[std::size_t(caller.kind)];
    const auto share = quota(caller.kind).share_of(static_cast<std::int64_t>(replicas));
    // admit() has charged one interval of the whole quota. The share has a longer one.
    met_limit result{.kind = caller.kind, .quota = share};
    const auto hash = hash_of(caller);
    const auto debt = table.debt(hash, now) + share.interval - quota(caller.kind).interval;
    result.step = {.is_admitted = debt <= share.capacity(), .debt = debt};
    if (result.step.is_admitted) table.raise(hash, debt, now);
    return result;
}

met_limit rate_limits::look_up(const caller& caller, std::size_t replicas,
                               base::steady_time now) const noexcept {
    const auto debt = tables_[std::size_t(caller.kind)]->debt(hash_of(caller), now);
    return {
        .kind = caller.kind, .quota = local_quota(caller.kind, replicas), .step = {.debt = debt}};
}

std::string rate_limits::shared_key(const caller& caller) {
    constexpr std::size_t name_bytes_max = 256;
    std::string key(domain::name(caller.kind));
    return key.append(caller.is_address ? ":address:" : ":subject:")
        .append(caller.name, 0, name_bytes_max);
}

}  // namespace api
