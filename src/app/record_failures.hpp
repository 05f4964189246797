#pragma once
// The failures that several parts of app report about records, each with one text and one code.

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "app/seen_version.hpp"
#include "base/failure.hpp"
#include "ports/document_store.hpp"

namespace app {

[[nodiscard]] inline std::unexpected<base::failure> no_such_database(std::string_view id) {
    return base::fail(base::errc::not_found, fmt::format("there is no database '{}'", id));
}

[[nodiscard]] inline std::unexpected<base::failure> no_such_project(std::string_view name) {
    return base::fail(base::errc::not_found, fmt::format("there is no project '{}'", name),
                      "project_not_found");
}

[[nodiscard]] inline std::unexpected<base::failure> database_exists(std::string_view project,
                                                                    std::string_view name) {
    return base::fail(base::errc::conflict,
                      fmt::format("project '{}' has a database named '{}' already", project, name),
                      "already_exists");
}

[[nodiscard]] inline std::unexpected<base::failure> project_exists(std::string_view name) {
    return base::fail(base::errc::conflict, fmt::format("there is a project '{}' already", name),
                      "already_exists");
}

// The failure of a write that is based on another version than the present one.
[[nodiscard]] inline std::unexpected<base::failure> version_mismatch(std::int64_t revision,
                                                                     const seen_versions& seen) {
    const bool is_other_object = seen && has_seen(seen, revision);
    return base::fail(base::errc::precondition,
                      is_other_object
                          ? std::string("version mismatch: the tag is that of an earlier object of "
                                        "this name; read the object again")
                          : fmt::format("revision mismatch: current revision is {}", revision),
                      "revision_mismatch");
}

// Returns whether a failed write to the store may have happened.
[[nodiscard]] inline bool is_effect_unknown(const base::failure& failure) noexcept {
    if (failure.cause == ports::store_cause::queue_full ||
        failure.cause == ports::store_cause::not_started || failure.reason == "store_not_ready") {
        return false;  // the write was not started
    }
    return failure.code == base::errc::unavailable || failure.code == base::errc::timed_out ||
           failure.code == base::errc::cancelled || failure.code == base::errc::internal;
}

}  // namespace app
