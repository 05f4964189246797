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
        case target_kind::user:
            return "user";
        case target_kind::role:
            return "role";
        case target_kind::service_account:
            return "service account";
        case target_kind::no_object:
            break;
    }
    return "object";
}

// Keys and users belong to a subject, not to a project. An auditor reads every one and changes its
// own.
std::optional<http::response> authorize_own(const request_context& context,
                                            domain::permission action) {
    const auto& caller = *context.principal;
    bool is_own = false;
    if (context.route->target() == target_kind::user) {
        const auto user = find_visible_user(context);
        if (user == nullptr) return no_such_target(context);
        is_own = user->name == caller.subject;
    } else {
        const auto key = find_visible_key(context);
        if (key == nullptr) return no_such_target(context);
        is_own = key->subject == caller.subject;
    }
    const bool is_read = context.route->verb == http::method::get;
    if (!is_read && !is_own && !caller.is_unlimited()) {
        context.api.metrics.count_denial(action);
        return problem(403, "denied",
                       fmt::format("the caller lacks the permission {} for other subjects; an "
                                   "administrator without limits has it",
                                   domain::name(action)),
                       context.request_id);
    }
    if (domain::may(caller, action, "")) return std::nullopt;
    return missing_permission(context, action);
}

// Returns the permission without which an object must look missing.
domain::permission read_permission_of(target_kind kind) noexcept {
    if (kind == target_kind::service_account) return domain::permission::read_service_accounts;
    return kind == target_kind::project ? domain::permission::read_projects
                                        : domain::permission::read_databases;
}

}  // namespace

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
        case target_kind::service_account: {
            const auto index = context.api.deps.platform.service_accounts.accounts();
            const auto account = index->find(context.parameter);
            if (account != index->end()) return account->second->project;
            return std::nullopt;
        }
        case target_kind::api_key:
        case target_kind::user:
        case target_kind::role:
        case target_kind::no_object:
            break;
    }
    return std::nullopt;
}

std::string database_of_target(const request_context& context) {
    if (context.route->target() == target_kind::database) return context.parameter;
    if (context.route->target() != target_kind::operation) return {};
    const auto operation = context.api.model.operation(context.parameter);
    return operation ? operation->database_id : std::string();
}

http::response no_such_target(const request_context& context) {
    return problem(
        404, "not_found",
        fmt::format("there is no {} '{}'", name_of(context.route->target()), context.parameter),
        context.request_id);
}

http::response missing_permission(const request_context& context, domain::permission action,
                                  const domain::resource& target) {
    context.api.metrics.count_denial(action);
    const auto decision = domain::permits(*context.principal, action, target);
    return problem(403, "denied", domain::explain(decision, target), context.request_id);
}

std::shared_ptr<const domain::api_key> find_visible_key(const request_context& context) {
    const auto index = context.api.deps.platform.api_keys.keys();
    const auto entry = index->find(context.parameter);
    if (entry == index->end()) return nullptr;
    const auto& record = entry->second.record;
    return is_visible_key(*record, *context.principal) ? record : nullptr;
}

app::shared_user find_visible_user(const request_context& context) {
    const auto index = context.api.deps.platform.users.users();
    const auto entry = index->find(context.parameter);
    if (entry == index->end()) return nullptr;
    const auto& record = entry->second.record;
    return is_visible_user(*record, *context.principal) ? record : nullptr;
}

bool is_visible_user(const domain::user& user, const domain::principal& caller) noexcept {
    return caller.reads_every_subject() || user.name == caller.subject;
}

bool is_visible_key(const domain::api_key& key, const domain::principal& caller) noexcept {
    return !key.revoked_at && (caller.reads_every_subject() || key.subject == caller.subject);
}

std::optional<http::response> authorize(const http::request& request, request_context& context) {
    const auto permission = context.route->access.permission();
    if (!permission) return std::nullopt;
    const auto action = *permission;
    const auto& caller = *context.principal;
    // The permission that allows a part of the requests, or `action`, which includes it. A denial
    // names `action`, whose requests have no further condition.
    const auto min_action = context.route->access.partial_permission().value_or(action);
    // Before any object is read, so that the response does not depend on whether it exists.
    if (!domain::credential_permits(caller, min_action)) return missing_permission(context, action);
    const auto kind = context.route->target();
    if (kind == target_kind::api_key || kind == target_kind::user) {
        return authorize_own(context, action);
    }
    if (caller.is_unlimited()) return std::nullopt;
    if (kind == target_kind::no_object || kind == target_kind::role) {
        if (domain::may_in_any_project(caller, min_action)) return std::nullopt;
        return missing_permission(context, action);
    }
    const auto project = project_of_target(context);
    const auto database = caller.limits.databases ? database_of_target(context) : std::string();
    const domain::resource target{.project = project ? *project : std::string_view(),
                                  .database = database};
    if (project && domain::permits(caller, action, target)) return std::nullopt;
    if (project &&
        context.visible(read_permission_of(kind)).contains(target.project, target.database)) {
        return missing_permission(context, action, target);
    }
    // A missing and an invisible object must look alike, so neither reaches the platform. The
    // retry of a write may still get the earlier response to this principal. Responses to writes of
    // service accounts are not stored.
    const bool is_write =
        context.route->verb != http::method::get && kind != target_kind::service_account;
    if (!is_write || !request.headers.has("Idempotency-Key")) return no_such_target(context);
    context.hides_target = true;
    return std::nullopt;
}

}  // namespace api
