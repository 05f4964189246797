#pragma once
// Which databases a caller may create: any, or only those that a request describes by project,
// name, engine and the name of a size preset. Pure.

#include <cstdint>
#include <string_view>

#include "base/failure.hpp"
#include "domain/access.hpp"
#include "domain/requests.hpp"

namespace domain {

enum class creation_cause : std::uint8_t {
    exceeds_preset,  // the caller may create the database without the members in `fields`
};
[[nodiscard]] constexpr std::string_view name(creation_cause /*value*/) noexcept {
    return "exceeds_preset";
}

// Decides whether the caller may create the database in the project of the request. A caller with
// create_databases may. A caller with create_databases_from_preset alone may if the request has no
// member besides `project`, `name`, `engine` and `size` with a preset: the platform chooses the
// rest. A member that repeats its default counts too. A request without a project is allowed,
// because validate_create() rejects it; members that could not be read are left to it as well.
// Errors: denied (creation_cause::exceeds_preset with `fields`, or the caller has neither
// permission).
base::outcome<void> check_creation(const principal& caller, const create_request& wanted);

}  // namespace domain
