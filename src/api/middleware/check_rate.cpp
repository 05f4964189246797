#include "aio/run_on.hpp"
#include "api/limits/client_address.hpp"
#include "api/limits/rate_limit_headers.hpp"
#include "api/middleware/middleware.hpp"
#include "ports/rate_limiter.hpp"

namespace api {
namespace {

std::size_t replicas_of(const request_context& context) noexcept {
    return context.api.deps.health.replicas();
}

std::optional<http::response> reject(request_context& context, const met_limit& limit) {
    context.limit = limit;
    if (limit.step.is_admitted) return std::nullopt;
    context.api.rates.count_rejected(limit.kind);
    return quota_exceeded(limit, context.request_id);
}

}  // namespace

rate_limits::caller rate_caller_of(const http::request& request, const request_context& context,
                                   domain::rate_class kind) {
    if (context.principal) return {.kind = kind, .name = context.principal->subject};
    const auto address = client_address(request, context.api.options.limits.trusted_proxies);
    return {.kind = kind, .is_address = true, .name = client_network(address)};
}

std::optional<http::response> check_rate(const http::request& request, request_context& context) {
    if (context.limit) return std::nullopt;  // counted before the checks ran again
    const auto kind = rate_class_of(*context.route);
    auto& rates = context.api.rates;
    if (!kind || !rates.is_limited(*kind)) return std::nullopt;
    const auto caller = rate_caller_of(request, context, *kind);
    return reject(context, rates.admit(caller, replicas_of(context), context.started_at));
}

boost::asio::awaitable<std::optional<http::response>> check_shared_rate(
    const http::request& request, request_context& context) {
    auto& rates = context.api.rates;
    const auto kind = rate_class_of(*context.route);
    if (!kind || !rates.is_shared(*kind)) co_return std::nullopt;
    const auto caller = rate_caller_of(request, context, *kind);
    auto& shared = *context.api.deps.shared_limits;
    const auto step = co_await aio::run_on<domain::rate_step>(context.api.deps.control, [&] {
        return shared.admit(rate_limits::shared_key(caller), rates.quota(*kind));
    });
    const auto now = context.started_at;
    co_return reject(context, step ? rates.apply(caller, *step, now)
                                   : rates.admit_share(caller, replicas_of(context), now));
}

boost::asio::awaitable<std::optional<http::response>> check_login_rate(request_context& context,
                                                                       std::string user) {
    auto& rates = context.api.rates;
    constexpr auto kind = domain::rate_class::logins;
    if (!rates.is_limited(kind)) co_return std::nullopt;
    const rate_limits::caller caller{.kind = kind, .name = std::move(user)};
    const auto now = context.started_at;
    auto response = reject(context, rates.admit(caller, replicas_of(context), now));
    if (response || !rates.is_shared(kind)) co_return response;
    auto& shared = *context.api.deps.shared_limits;
    const auto step = co_await aio::run_on<domain::rate_step>(context.api.deps.control, [&] {
        return shared.admit(rate_limits::shared_key(caller), rates.quota(kind));
    });
    co_return reject(context, step ? rates.apply(caller, *step, now)
                                   : rates.admit_share(caller, replicas_of(context), now));
}

}  // namespace api
