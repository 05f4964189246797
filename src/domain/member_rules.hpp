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

// A role that a person has granted, and that a wider role of a group has replaced.
struct replaced_role {
    std::string role;
    base::instant created_at{};
    std::string created_by;  // subject
    bool operator==(const replaced_role&) const = default;
};

struct project_member {
    std::string project;
    std::string subject;
    std::string role;                         // a built-in or a custom one
    base::instant created_at{};               // of the present role
    std::string created_by;                   // subject, or the issuer whose groups gave the role
    std::optional<replaced_role> replaced{};  // comes back when the role of the group ends
    std::int64_t revision = 0;
    bool operator==(const project_member&) const = default;
};

// A request for a role, as the client sent it.
struct member_request {
    std::optional<std::string> role;
    std::vector<base::field_error> unread;
};

// The document id of a member contains its project and its subject.
inline constexpr std::size_t member_subject_bytes_max = 87;

// Returns the member without revision. Whether the role exists is not checked. Errors: invalid
// (fields; the subject is neither a word nor a service account, or it is an administrator, which
// has every role already).
base::outcome<project_member> validate(const member_request& wanted, std::string project,
                                       std::string subject);

// Errors: denied (the role has a permission that the grantor lacks in the project). For grants and
// revocations, so that a role cannot be used to get a higher one.
base::outcome<void> check_grant(const project_member& member, permission_set permissions,
                                const principal& grantor);

}  // namespace domain
