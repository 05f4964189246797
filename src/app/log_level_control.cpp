#include "app/log_level_control.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <utility>

#include "domain/field_errors.hpp"

namespace app {
namespace {

using std::chrono::seconds;

const std::string channel_name = "log-level";
// The wait without levels that expire.
constexpr std::chrono::hours idle_wait{24};

// A message of the channel: "<replica> <seconds> <levels>". 0 seconds: the configured levels.
struct change_message {
    std::string_view replica;
    seconds duration{0};
    std::string_view levels;
};

std::string encode(const change_message& message) {
    return fmt::format("{} {} {}", message.replica, message.duration.count(), message.levels);
}

std::optional<change_message> decode(std::string_view text) {
    const auto first = text.find(' ');
    const auto second = text.find(' ', first == std::string_view::npos ? first : first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    change_message result{.replica = text.substr(0, first), .levels = text.substr(second + 1)};
    std::int64_t count = 0;
    const auto* const end = text.data() + second;
    const auto parsed = std::from_chars(text.data() + first + 1, end, count);
    const bool is_valid = parsed.ec == std::errc() && parsed.ptr == end && count >= 0 &&
                          count <= log_level_commands::duration_max.count();
    if (!is_valid) return std::nullopt;
    result.duration = seconds(count);
    return result;
}

}  // namespace

log_level_control::log_level_control(deps deps, const obs::log_levels& configured,
                                     std::string replica)
    : deps_(std::move(deps)),
      configured_(configured),
      replica_(std::move(replica)),
      changed_(deps_.executor, deps_.clock) {
    if (deps_.bus != nullptr) {
        channel_.emplace(*deps_.bus, channel_name, deps_.clock, deps_.probe);
    }
    publish_state();
}

aio::task<log_level_state> log_level_control::change_levels(log_level_request wanted,
                                                            caller client) {
    domain::field_errors errors(std::move(wanted.unread));
    base::outcome<obs::log_levels> levels;
    if (wanted.log_level) {
        levels = obs::parse_log_levels(*wanted.log_level);
        if (!levels) errors.add("/log_level", levels.error().reason, levels.error().text);
    } else if (!wanted.restores_configured) {
        errors.add("/log_level", "required",
                   "must be LEVEL or LEVEL,MODULE=LEVEL,..., or null for the configured levels");
    }
    const auto count = wanted.duration.value_or(duration_default.count());
    if (count < 1 || count > duration_max.count()) {
        errors.add("/duration", "out_of_range",
                   fmt::format("must be from 1 to {} seconds", duration_max.count()));
    }
    if (!errors.empty()) co_return std::move(errors).fail();
    const seconds duration(wanted.restores_configured ? 0 : count);
    if (wanted.restores_configured) {
        restore();
    } else {
        use(*levels, duration);
    }
    const auto text = wanted.restores_configured ? std::string() : obs::to_text(*levels);
    deps_.log.write(obs::level::warning, "log_level_changed",
                    {{"log_level", state_.load()->log_level},
                     {"seconds", duration.count()},
                     {"subject", client.subject},
                     {"request_id", client.request_id}});
    auto result = *state_.load();
    result.is_shared = co_await send(text, duration);
    co_return result;
}

boost::asio::awaitable<bool> log_level_control::send(std::string text, seconds duration) {
    if (!channel_) co_return false;
    const auto published = co_await channel_->publish(
        encode({.replica = replica_, .duration = duration, .levels = text}));
    if (!published) {
        deps_.log.warning("log_level_not_sent", {{"detail", published.error().text}});
    }
    co_return published.has_value();
}

void log_level_control::receive(const std::string& message) {
    const auto change = decode(message);
    if (!change || change->replica == replica_) return;
    if (change->duration == seconds(0)) {
        restore();
    } else if (const auto levels = obs::parse_log_levels(change->levels)) {
        use(*levels, change->duration);
    } else {
        return;  // a module of a newer version
    }
    deps_.log.write(obs::level::warning, "log_level_changed",
                    {{"log_level", state_.load()->log_level},
                     {"seconds", change->duration.count()},
                     {"replica", change->replica}});
}

void log_level_control::configure(const obs::log_levels& configured) {
    configured_ = configured;
    if (!override_ && deps_.apply) deps_.apply(configured_);
    publish_state();
}

void log_level_control::use(const obs::log_levels& levels, seconds duration) {
    override_ = {.levels = levels,
                 .expires_at = deps_.clock.now() + duration,
                 .shown_expiry = deps_.clock.utc_now() + duration};
    if (deps_.apply) deps_.apply(levels);
    publish_state();
    changed_.notify();
}

void log_level_control::restore() {
    override_.reset();
    if (deps_.apply) deps_.apply(configured_);
    publish_state();
    changed_.notify();
}

void log_level_control::publish_state() {
    log_level_state state{.log_level = obs::to_text(override_ ? override_->levels : configured_),
                          .configured = obs::to_text(configured_),
                          .replica = replica_,
                          .is_shared = channel_.has_value()};
    if (override_) state.expires_at = override_->shown_expiry;
    state_.store(std::make_shared<const log_level_state>(std::move(state)));
}

aio::task<> log_level_control::run() {
    if (channel_) {
        channel_->subscribe(
            {.on_message = [this](const std::string& message) { receive(message); }});
    }
    while (true) {
        const auto end = override_ ? override_->expires_at : deps_.clock.now() + idle_wait;
        const auto waited = co_await changed_.wait_until(end);
        if (!waited) {
            if (channel_) channel_->unsubscribe();
            co_return base::pass(waited);
        }
        if (!override_ || deps_.clock.now() < override_->expires_at) continue;
        restore();
        deps_.log.write(obs::level::warning, "log_level_restored",
                        {{"log_level", obs::to_text(configured_)}});
    }
}

}  // namespace app
