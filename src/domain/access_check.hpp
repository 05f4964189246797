#pragma once
// Questions about access: may a principal do something? Pure.

#include <optional>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "domain/access.hpp"

namespace domain {

// One question, as the client sent it.
struct access_check_request {
    std::optional<std::string> permission;
    std::optional<std::string> project;
    std::optional<std::string> database;  // an id; its project is known
};
struct access_checks_request {
    std::vector<access_check_request> checks;
    std::vector<base::field_error> unread;
};
inline constexpr std::size_t access_checks_max = 256;

struct access_check {
    permission action{};
    std::string project;   // empty: the platform
    std::string database;  // empty: the whole project
};

// Errors: invalid (fields; unknown permissions, both a project and
// a database, none or more than access_checks_max checks).
base::outcome<std::vector<access_check>> validate(const access_checks_request& wanted);
// Validates the only check of a request that is an object.
base::outcome<access_check> validate_one(const access_checks_request& wanted);

}  // namespace domain
