#pragma once
// max_unused of the keys that another key creates, changes or rotates: no key stays valid unused
// for longer than the one that is responsible for it. Pure.

#include <chrono>
#include <optional>

#include "base/failure.hpp"
#include "domain/api_key_rules.hpp"

namespace domain {

// Returns the days for which a key may be unused; nothing: any.
std::optional<std::chrono::days> unused_max_of(const api_key& key) noexcept;

// In the following functions, `caller_max` is that of the caller's own key; nothing: no key, or no
// limit.

// Returns the new key, with the caller's limit if it has none. Errors: invalid (the field
// max_unused_days is above the caller's limit).
base::outcome<api_key> limit_unused(api_key created, std::optional<std::chrono::days> caller_max);
// Returns the changed key. Errors: invalid (the field max_unused_days is above the caller's limit),
// denied (as check_unused(), for the key before or after the change).
base::outcome<api_key> limit_unused(api_key changed, std::optional<std::chrono::days> caller_max,
                                    const api_key& previous);
// Errors: denied (the key may be unused for longer than the caller's own).
base::outcome<void> check_unused(const api_key& key, std::optional<std::chrono::days> caller_max);

}  // namespace domain
