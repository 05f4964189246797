#pragma once
// Validates requests and turns them into records. All field errors are reported at once. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "domain/desired.hpp"
#include "domain/requests.hpp"

namespace domain {

// The cluster's catalogue of one engine, newest version first.
struct engine_offer {
    bool installed = false;
    std::vector<std::string> versions;             // not deprecated
    std::vector<std::string> deprecated_versions;  // exist, but are not for new databases
};

// Returns a record without id, revision and instants. Errors: invalid, with every field error in
// `fields` (JSON pointers into the request).
base::outcome<database> validate_create(const create_request& wanted, const engine_offer& offer);

// The record after the patch (equal to `present` when nothing changes). Failures: invalid (fields),
// conflict (reason "paused": scaling a paused database; "change_in_progress": pausing a database
// while an accepted change of it is not done yet, which the pause would drop; "being_deleted";
// "not_created": creation failed, there is nothing to scale or pause until it is recreated).
base::outcome<database> validate_patch(const database& present, const patch_request& wanted);

// `present` null = creation. Failure: invalid (fields).
base::outcome<project> validate_project(const project* present, const project_request& wanted);

}  // namespace domain
