#include "domain/access_check.hpp"

#include <fmt/format.h>

#include "domain/field_errors.hpp"

namespace domain {
namespace {

access_check read_check(const access_check_request& wanted, const std::string& path,
                        field_errors& errors) {
    const auto action = find_permission(wanted.permission.value_or(""));
    if (!action) {
        errors.add(path + "/permission", wanted.permission ? "unknown_value" : "required",
                   "must be a permission; an example is databases.create");
    }
    if (wanted.project && wanted.database) {
        errors.add(path + "/project", "conflict",
                   "must not be set together with database, whose project is known");
    }
    return {.action = action.value_or(permission::read_databases),
            .project = wanted.project.value_or(""),
            .database = wanted.database.value_or("")};
}

}  // namespace

base::outcome<std::vector<access_check>> validate(const access_checks_request& wanted) {
    field_errors errors(wanted.unread);
    const auto count = wanted.checks.size();
    if (errors.empty() && (count == 0 || count > access_checks_max)) {
        errors.add("", "out_of_range", fmt::format("must have 1 to {} items", access_checks_max));
        return std::move(errors).fail();
    }
    std::vector<access_check> result;
    for (std::size_t i = 0; i < count; ++i) {
        result.push_back(read_check(wanted.checks[i], fmt::format("/{}", i), errors));
    }
    if (!errors.empty()) return std::move(errors).fail();
    return result;
}

base::outcome<access_check> validate_one(const access_checks_request& wanted) {
    field_errors errors(wanted.unread);
    const auto empty = access_check_request{};
    auto result = read_check(wanted.checks.empty() ? empty : wanted.checks.front(), "", errors);
    if (!errors.empty()) return std::move(errors).fail();
    return result;
}

}  // namespace domain
