#pragma once
// Members of a project: which subject has which role in it. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "domain/access.hpp"

namespace domain {

struct project_member {
    std::string project;
    std::string subject;
    domain::role role = domain::role::viewer;
    base::instant created_at{};  // of the present role
    std::string created_by;      // subject
    std::int64_t revision = 0;
    bool operator==(const project_member&) const = default;
};

// A request for a role, as the client sent it.
struct member_request {
    std::optional<std::string> role;
    std::vector<base::field_error> unread;
};

// Returns the member without revision. Errors: invalid (fields; the subject is no word, or it is an
// administrator, which has every role already).
base::outcome<project_member> validate(const member_request& wanted, std::string project,
                                       std::string subject);

}  // namespace domain
