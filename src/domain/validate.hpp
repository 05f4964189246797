#pragma once
// From what a caller said to what the platform will hold: every rule about fields, checked all at
// once. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "domain/requests.hpp"
#include "domain/types.hpp"

namespace domain {

// What the cluster offers for one engine, newest version first.
struct engine_offer {
    bool installed = false;
    std::vector<std::string> versions;             // not deprecated
    std::vector<std::string> deprecated_versions;  // exist, but are not for new databases
};

// A record without id, revision and instants. Failure: invalid with every fault in `fields` (JSON
// pointers into the request).
base::outcome<database> validate_create(const create_request& wanted, const engine_offer& offer);

// The record after the patch (equal to `present` when nothing changes). Failures: invalid (fields),
// conflict (reason "paused": scaling a paused database; "being_deleted"; "not_created": creation
// failed, only deletion is possible).
base::outcome<database> validate_patch(const database& present, const patch_request& wanted);

// `present` null = creation. Failure: invalid (fields).
base::outcome<project> validate_project(const project* present, const project_request& wanted);

// What databases take of a quota or of the machine.
struct usage {
    std::int64_t databases = 0;
    std::int64_t cpu_millis = 0;
    std::int64_t memory_bytes = 0;
    std::int64_t storage_bytes = 0;
    usage& operator+=(const usage& other) noexcept;
    usage& operator-=(const usage& other) noexcept;
};
// All members together; ephemeral storage counts too.
usage usage_of(const database& record) noexcept;
// A usage whose zeros mean "no limit".
usage limits_of(const project& owner) noexcept;

// `used` holds the usage without the change, `more` what the change adds. Failure: limit with
// `reason` and a sentence that says which resource, how much is asked, used and allowed. `what`
// names the limit: "project 'shop'", "the cluster".
base::outcome<void> check_limits(const usage& allowed, const usage& used, const usage& more,
                                 std::string_view what, std::string reason);

// RFC 1035 label of at most 40 characters, without endings that the platform uses for parts of a
// database.
bool is_valid_name(std::string_view name) noexcept;

}  // namespace domain
