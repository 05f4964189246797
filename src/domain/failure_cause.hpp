#pragma once
// Causes of failed actions that change how the platform continues (base/cause.hpp). Pure.

#include <cstdint>
#include <string_view>

#include "base/cause.hpp"

namespace domain {

enum class failure_cause : std::uint8_t {
    deleting,  // an object of that name, or its namespace, is still being deleted
};

[[nodiscard]] constexpr std::string_view name(failure_cause value) noexcept {
    switch (value) {
        case failure_cause::deleting:
            return "deleting";
    }
    return "";
}

}  // namespace domain
