#pragma once
// Failed calls of the store. Their texts name collections, files and servers, so a response never
// contains them: the api module logs them. The cause marks them. Any thread.

#include <string_view>

#include "base/failure.hpp"
#include "ports/document_store.hpp"

namespace app {

enum class store_call : std::uint8_t {
    failed,  // for a reason that no ports::store_cause names
};
[[nodiscard]] constexpr std::string_view name(store_call value) noexcept {
    switch (value) {
        case store_call::failed:
            return "failed";
    }
    return "";
}

// Returns whether a call of the store has failed, compared with a rule that a request breaks.
[[nodiscard]] inline bool is_of_store(const base::failure& failure) noexcept {
    return failure.cause.as<store_call>() || failure.cause.as<ports::store_cause>();
}

// Returns the failure of a call of the store, with the context and a cause. Its `reason` stays.
// Precondition: `result` holds a failure.
template <class T>
[[nodiscard]] std::unexpected<base::failure> pass_store(std::expected<T, base::failure> result,
                                                        std::string_view context) {
    auto failure = std::move(result).error().in(context);
    if (failure.cause.is_empty()) failure.cause = store_call::failed;
    return std::unexpected(std::move(failure));
}

}  // namespace app
