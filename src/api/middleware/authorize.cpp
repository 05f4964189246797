#include <fmt/format.h>

#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"

namespace api {
namespace {

std::string_view name_of(target_kind kind) noexcept {
    switch (kind) {
        case target_kind::database:
            return "database";
        case target_kind::operation:
            return "operation";
        case target_kind::project:
            return "project";
        case target_kind::api_key:
            return "API key";
        case target_kind::no_object:
            break;
    }
    return "object";
}

// Returns the project of the object that the path names; nothing if the object does not exist.
std::optional<std::string> project_of_target(const request_context& context) {
    const auto& model = context.api.model;
    switch (context.route->target()) {
        case target_kind::database: {
            const auto documents = model.database(context.parameter);
            if (documents) return documents->view->record->project;
            return std::nullopt;
        }
        case target_kind::operation: {
            const auto operation = model.operation(context.parameter);
            if (operation) return operation->project;
            return std::nullopt;
        }
        case target_kind::project:
            return context.parameter;
        case target_kind::api_key:
        case target_kind::no_object:
            break;
    }
    return std::nullopt;
}

std::optional<http::response> authorize_key(const request_context& context,
                                            domain::permission action) {
    if (find_visible_key(context) == nullptr) return no_such_target(context);
    if (domain::may(*context.principal, action, "")) return std::nullopt;
    return missing_permission(context, action);
}

}  // namespace

http::response no_such_target(const request_context& context) {
    return problem(
        404, "not_found",
        fmt::format("there is no {} '{}'", name_of(context.route->target()), context.parameter),
        context.request_id);
}

http::response missing_permission(const request_context& context, domain::permission action) {
    return problem(
        403, "denied",
        fmt::format("the {} lacks the permission {}",
                    domain::credential_permits(*context.principal, action) ? "caller" : "API key",
                    domain::name(action)),
        context.request_id);
}

std::shared_ptr<const domain::api_key> find_visible_key(const request_context& context) {
    const auto index = context.api.deps.platform.api_keys.keys();
    const auto entry = index->find(context.parameter);
    if (entry == index->end()) return nullptr;
    const auto& record = entry->second.record;
    return is_visible_key(*record, *context.principal) ? record : nullptr;
}

bool is_visible_key(const domain::api_key& key, const domain::principal& caller) noexcept {
    return !key.revoked_at && (caller.is_unlimited() || key.subject == caller.subject);
}

std::optional<http::response> authorize(const http::request& request, request_context& context) {
    const auto permission = context.route->access.permission();
    if (!permission) return std::nullopt;
    const auto action = *permission;
    const auto& caller = *context.principal;
    // Before any object is read, so that the response does not depend on whether it exists.
    if (!domain::credential_permits(caller, action)) return missing_permission(context, action);
    if (context.route->target() == target_kind::api_key) return authorize_key(context, action);
    if (caller.is_unlimited()) return std::nullopt;
    if (context.route->target() == target_kind::no_object) {
        if (domain::may_in_any_project(caller, action)) return std::nullopt;
        return missing_permission(context, action);
    }
    const auto project = project_of_target(context);
    if (project && context.visible().contains(*project)) {
        if (domain::may(caller, action, *project)) return std::nullopt;
        return missing_permission(context, action);
    }
    // A missing and an invisible object must look alike, so neither reaches the platform. The
    // retry of a write may still get the earlier response to this principal.
    const bool is_write = context.route->verb != http::method::get;
    if (!is_write || !request.headers.has("Idempotency-Key")) return no_such_target(context);
    context.hides_target = true;
    return std::nullopt;
}

}  // namespace api
