#include "redis/redis_rate_limiter.hpp"

#include <utility>

#include "aio/deadline.hpp"
#include "redis/server_error.hpp"

namespace redis {

using base::errc;
using base::fail;
using std::chrono::microseconds;

// domain::next_step() in microseconds. The key holds the time at which the debt is paid, and
// expires then. tostring() of Lua would round it, so string.format prints it.
const std::string_view rate_limit_script = R"lua(local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[1])
local capacity = interval * tonumber(ARGV[2])
local penalty_max = tonumber(ARGV[3])
local debt = math.max(tonumber(redis.call('GET', KEYS[1]) or 0) - now, 0)
local next_debt = debt + interval
local admitted = 1
if next_debt > capacity then
  admitted = 0
  if penalty_max == 0 then return {0, debt} end
  next_debt = math.max(debt, math.min(next_debt, capacity + penalty_max))
end
redis.call('SET', KEYS[1], string.format('%.0f', now + next_debt), 'PX', math.ceil(next_debt / 1000))
return {admitted, next_debt}
)lua";
const std::string_view rate_limit_script_sha1 = "c0bcb3ba057a9b9a2fa87b7a86f069f1d4cb990b";

namespace {

std::string microseconds_text(std::chrono::nanoseconds duration) {
    return std::to_string(std::chrono::ceil<microseconds>(duration).count());
}

base::outcome<domain::rate_step> step_of(const resp_value& response) {
    const auto& items = response.items;
    const bool is_step = items.size() == 2 && items[0].kind == resp_kind::integer &&
                         items[1].kind == resp_kind::integer;
    if (!is_step) return fail(errc::corrupt, "Redis returned no decision of the rate limit");
    return domain::rate_step{.is_admitted = items[0].integer == 1,
                             .debt = microseconds(items[1].integer)};
}

class redis_rate_limiter final : public ports::rate_limiter {
  public:
    redis_rate_limiter(redis_client& client, const base::clock& clock, rate_limiter_options options)
        : client_(client), clock_(clock), options_(std::move(options)) {}

    aio::task<domain::rate_step> admit(std::string key, domain::rate_quota quota) override {
        if (clock_.now() < paused_until_) {
            co_return fail(errc::unavailable, "the shared rate limits are paused after a failure");
        }
        auto response = co_await aio::with_deadline(clock_.now() + options_.timeout,
                                                    evaluate(std::move(key), quota));
        if (response) {
            auto step = step_of(*response);
            if (step) co_return step;
            response = base::pass(std::move(step));
        }
        paused_until_ = clock_.now() + options_.pause;
        co_return base::pass(std::move(response), "rate limit");
    }

  private:
    aio::task<resp_value> evaluate(std::string key, domain::rate_quota quota) {
        const auto name = options_.key_prefix + "{" + key + "}";
        client_command command{
            .words = {"EVALSHA", std::string(rate_limit_script_sha1), "1", name,
                      microseconds_text(quota.interval), std::to_string(quota.burst),
                      microseconds_text(quota.penalty_max)},
            .key = name,
            .safety = repeatability::not_repeatable};  // a second run would count twice
        auto response = co_await client_.execute(command);
        const bool is_missing = !response && response.error().code == errc::not_found;
        if (!is_missing) co_return response;
        // The server has started again, or is a new master. EVAL also stores the script.
        command.words[0] = "EVAL";
        command.words[1] = rate_limit_script;
        co_return co_await client_.execute(std::move(command));
    }

    redis_client& client_;
    const base::clock& clock_;
    rate_limiter_options options_;
    base::steady_time paused_until_ = base::steady_time::min();
};

}  // namespace

std::unique_ptr<ports::rate_limiter> make_rate_limiter(redis_client& client,
                                                       const base::clock& clock,
                                                       rate_limiter_options options) {
    return std::make_unique<redis_rate_limiter>(client, clock, std::move(options));
}

}  // namespace redis
