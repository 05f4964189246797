#include "api/endpoints/access_endpoints.hpp"

#include <fmt/format.h>

#include "api/endpoints/write_endpoints.hpp"
#include "api/json/request_json.hpp"
#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "domain/access_check.hpp"
#include "json/json_writer.hpp"

namespace api {
namespace {

// The subjects of the platform, each with everything that it may do without the limits of a key.
using subject_map = std::map<std::string, domain::principal, std::less<>>;

http::response problem_of(const base::failure& failure, const request_context& context) {
    return problem(failure, context.request_id, context.api.deps.log);
}

http::response uncached(std::string text) {
    auto response = json_response(http::body(std::move(text)));
    response.headers.add("Cache-Control", "no-store");
    return response;
}

void write_text_or_null(json::writer& out, std::string_view key, std::string_view text) {
    out.key(key);
    if (text.empty()) {
        out.null();
    } else {
        out.text(text);
    }
}

// Returns the project of the check's object; nothing if the database does not exist, or the caller
// may not see it.
std::optional<std::string> project_of(const domain::access_check& check,
                                      const request_context& context) {
    if (check.database.empty()) return check.project;
    const auto documents = context.api.model.database(check.database);
    if (!documents) return std::nullopt;
    const auto& project = documents->view->record->project;
    if (!context.visible().contains(project, check.database)) return std::nullopt;
    return project;
}

void write_check(json::writer& out, const domain::access_check& check,
                 const request_context& context) {
    const auto project = project_of(check, context);
    out.begin_object().member("permission", domain::name(check.action));
    write_text_or_null(out, "project", project.value_or(""));
    write_text_or_null(out, "database", check.database);
    if (!project) {
        out.member("allowed", false).member("rule", "no_object");
        out.member("reason", fmt::format("there is no database '{}'", check.database));
        out.end_object();
        return;
    }
    const domain::resource target{.project = *project, .database = check.database};
    const auto decision = domain::permits(*context.principal, check.action, target);
    out.member("allowed", decision.is_allowed);
    out.member("rule", domain::name(decision.because));
    out.member("reason", domain::explain(decision, target)).end_object();
}

http::response explain_own_access(const request_context& context, std::string_view body) {
    const auto wanted = read_access_checks(body);
    if (!wanted) return problem_of(wanted.error(), context);
    const auto checks = domain::validate(*wanted);
    if (!checks) return problem_of(checks.error(), context);
    std::string text;
    json::writer out(text);
    out.begin_object().key("results").begin_array();
    for (const auto& check : *checks) write_check(out, check, context);
    out.end_array().end_object();
    return uncached(std::move(text));
}

domain::granted_role role_of(const domain::project_member& member, const app::role_index& roles) {
    if (const auto built_in = domain::find_role(member.role)) return *built_in;
    const auto entry = roles.find(member.role);
    return {member.role,
            entry == roles.end() ? domain::permission_set() : entry->second->permissions};
}

bool is_disabled_account(std::string_view subject, const app::account_index& accounts) {
    const auto name = domain::account_of_subject(subject);
    if (!name) return false;
    const auto account = accounts.find(*name);
    return account == accounts.end() || account->second->state != domain::account_state::active;
}

// Collects the subjects of users, of keys and of the members of a project. Disabled users and
// service accounts are left out.
subject_map subjects_of(const request_context& context, const std::string& project) {
    const auto& platform = context.api.deps.platform;
    const auto users = platform.users.users();
    subject_map result;
    for (const auto& [id, key] : *platform.api_keys.keys()) {
        if (!key.is_subject_active) continue;
        auto caller = *key.caller;
        caller.credential.clear();
        caller.limits = {};
        auto subject = caller.subject;
        result.emplace(std::move(subject), std::move(caller));
    }
    const auto accounts = platform.service_accounts.accounts();
    const auto members = platform.members.members();
    const auto roles = platform.roles.roles();
    if (const auto list = members->find(project); list != members->end()) {
        for (const auto& [subject, record] : list->second) {
            if (is_disabled_account(subject, *accounts)) continue;
            result.emplace(subject,
                           domain::principal{.subject = subject,
                                             .roles = {{project, role_of(*record, *roles)}}});
        }
    }
    for (const auto& [name, user] : *users) {
        if (user.record->state == domain::user_state::active) {
            result.insert_or_assign(name, *user.caller);
        } else {
            result.erase(name);
        }
    }
    return result;
}

// Returns the ids of the active keys that have the permission, by subject.
std::map<std::string, std::vector<std::string>, std::less<>> keys_with(
    const domain::access_check& check, const request_context& context) {
    std::map<std::string, std::vector<std::string>, std::less<>> result;
    const auto now = context.api.deps.clock.utc_now();
    for (const auto& [id, key] : *context.api.deps.platform.api_keys.keys()) {
        if (!domain::is_usable(key.state(now))) continue;
        if (domain::permits(*key.caller, check.action, {check.project, check.database})) {
            result[key.record->subject].push_back(id);
        }
    }
    return result;
}

std::string review_of(const domain::access_check& check, const request_context& context,
                      bool lists_keys) {
    const domain::resource target{.project = check.project};
    const auto keys =
        lists_keys ? keys_with(check, context) : decltype(keys_with(check, context)){};
    std::string text;
    json::writer out(text);
    out.begin_object().member("permission", domain::name(check.action));
    write_text_or_null(out, "project", check.project);
    write_text_or_null(out, "database", check.database);
    out.key("subjects").begin_array();
    for (const auto& [subject, caller] : subjects_of(context, check.project)) {
        const auto decision = domain::permits(caller, check.action, target);
        if (!decision) continue;
        out.begin_object().member("subject", subject);
        out.member("rule", domain::name(decision.because));
        out.member("reason", domain::explain(decision, target));
        if (lists_keys) {
            out.key("keys").begin_array();
            const auto ids = keys.find(subject);
            if (ids != keys.end()) {
                for (const auto& id : ids->second) out.text(id);
            }
            out.end_array();
        }
        out.end_object();
    }
    out.end_array().end_object();
    return text;
}

http::response review_access(const request_context& context, std::string_view body) {
    const auto wanted = read_access_check(body);
    if (!wanted) return problem_of(wanted.error(), context);
    auto check = domain::validate_one(*wanted);
    if (!check) return problem_of(check.error(), context);
    const auto project = project_of(*check, context);
    if (!project) {
        return problem(404, "not_found", fmt::format("there is no database '{}'", check->database),
                       context.request_id);
    }
    check->project = *project;
    return uncached(review_of(*check, context, true));
}

}  // namespace

std::optional<http::response> respond_about_access(const request_context& context,
                                                   const http::request& request) {
    const auto id = context.route->id;
    if (id == endpoint::get_database_access) {
        const auto documents = context.api.model.database(context.parameter);
        if (!documents) return no_such_target(context);
        return uncached(review_of({.action = domain::permission::read_credentials,
                                   .project = documents->view->record->project,
                                   .database = context.parameter},
                                  context, false));
    }
    if (id != endpoint::check_access && id != endpoint::review_access) return std::nullopt;
    std::string decompressed;
    if (auto response = decompress(context, request, decompressed)) return response;
    const std::string_view body = decompressed.empty() ? request.body : decompressed;
    return id == endpoint::check_access ? explain_own_access(context, body)
                                        : review_access(context, body);
}

}  // namespace api
