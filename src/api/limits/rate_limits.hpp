#pragma once
// The rate limits of callers: which class a request has, whose debt it adds to, and what the
// response says about it. Requests are counted in this process. With a shared limiter, writes and
// logins that pass are counted there as well. Any thread. Inside api only.

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/limits/debt_table.hpp"
#include "api/routes.hpp"
#include "base/ip_network.hpp"
#include "domain/rate_limit.hpp"
#include "obs/metrics.hpp"

namespace api {

struct rate_limit_options {
    domain::rate_quotas quotas{};  // unlimited by default
    std::vector<base::ip_network> trusted_proxies{};
};

// Returns the class of a route; nothing for probes, which are never limited.
std::optional<domain::rate_class> rate_class_of(const route& route) noexcept;

// The limit that a request has met, for the headers of its response.
struct met_limit {
    domain::rate_class kind{};
    domain::rate_quota quota{};
    domain::rate_step step{};
};

class rate_limits {
  public:
    rate_limits(const rate_limit_options& options, bool has_shared_limiter,
                obs::registry& registry);

    // A caller of one class: the subject of a principal, a user who logs in, or an address.
    struct caller {
        domain::rate_class kind{};
        bool is_address = false;
        std::string name;
    };

    [[nodiscard]] bool is_limited(domain::rate_class kind) const noexcept {
        return quotas_[std::size_t(kind)].is_limited();
    }
    // Returns whether the shared limiter decides about the requests that this process admits.
    [[nodiscard]] bool is_shared(domain::rate_class kind) const noexcept {
        return has_shared_limiter_ && kind != domain::rate_class::reads && is_limited(kind);
    }
    [[nodiscard]] const domain::rate_quota& quota(domain::rate_class kind) const noexcept {
        return quotas_[std::size_t(kind)];
    }
    // Counts one request in this process. The quota is the whole one if the limit is shared, else
    // the share of one of `replicas`.
    met_limit admit(const caller& caller, std::size_t replicas, base::steady_time now) noexcept;
    // Puts the decision of the shared limiter into effect.
    met_limit apply(const caller& caller, const domain::rate_step& shared,
                    base::steady_time now) noexcept;
    // The shared limiter has failed: decides about an admitted request by the share of one of
    // `replicas`.
    met_limit admit_share(const caller& caller, std::size_t replicas,
                          base::steady_time now) noexcept;
    // Returns the limit of a caller without counting a request.
    [[nodiscard]] met_limit look_up(const caller& caller, std::size_t replicas,
                                    base::steady_time now) const noexcept;
    // Returns the name of a caller for the shared limiter. Its length is bounded.
    [[nodiscard]] static std::string shared_key(const caller& caller);
    void count_rejected(domain::rate_class kind) noexcept { rejected_[std::size_t(kind)]->add(); }

  private:
    [[nodiscard]] std::uint64_t hash_of(const caller& caller) const noexcept;
    [[nodiscard]] domain::rate_quota local_quota(domain::rate_class kind,
                                                 std::size_t replicas) const noexcept;

    domain::rate_quotas quotas_;
    bool has_shared_limiter_;
    std::uint64_t seed_;  // of the hashes; random, so that callers cannot choose collisions
    std::array<std::unique_ptr<debt_table>, domain::rate_class_count> tables_;
    std::array<obs::counter*, domain::rate_class_count> rejected_{};
};

}  // namespace api
