#include "domain/unused_rules.hpp"

#include <fmt/format.h>

#include "domain/field_errors.hpp"

namespace domain {
namespace {

bool is_within(const api_key& key, std::chrono::days caller_max) noexcept {
    return key.max_unused && key.max_unused->duration <= caller_max;
}

std::unexpected<base::failure> reject_field(std::chrono::days caller_max) {
    field_errors errors({});
    errors.add("/max_unused_days", "out_of_range",
               fmt::format("must be 1 to {}, the max_unused_days of the key of this request",
                           caller_max.count()));
    return std::move(errors).fail();
}

}  // namespace

std::optional<std::chrono::days> unused_max_of(const api_key& key) noexcept {
    return key.max_unused ? std::optional(key.max_unused->duration) : std::nullopt;
}

base::outcome<void> check_unused(const api_key& key, std::optional<std::chrono::days> caller_max) {
    if (!caller_max || is_within(key, *caller_max)) return base::ok();
    return base::fail(base::errc::denied,
                      fmt::format("the key would stay valid unused for longer than the key of this "
                                  "request, whose max_unused_days is {}",
                                  caller_max->count()));
}

base::outcome<api_key> limit_unused(api_key created, std::optional<std::chrono::days> caller_max) {
    if (!caller_max) return created;
    if (!created.max_unused) {
        created.max_unused = unused_limit{.duration = *caller_max, .since = created.created_at};
    }
    if (!is_within(created, *caller_max)) return reject_field(*caller_max);
    return created;
}

base::outcome<api_key> limit_unused(api_key changed, std::optional<std::chrono::days> caller_max,
                                    const api_key& previous) {
    auto covered = check_unused(previous, caller_max);
    if (!covered) return base::pass(std::move(covered));
    if (caller_max && changed.max_unused && !is_within(changed, *caller_max)) {
        return reject_field(*caller_max);
    }
    covered = check_unused(changed, caller_max);
    if (!covered) return base::pass(std::move(covered));
    return changed;
}

}  // namespace domain
