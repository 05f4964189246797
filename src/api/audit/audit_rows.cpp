#include "api/audit/audit_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "aio/run_on.hpp"
#include "api/limits/client_address.hpp"
#include "api/middleware/middleware.hpp"
#include "app/audit/audit_chain.hpp"
#include "app/identity/credential_text.hpp"

namespace api {
namespace {

constexpr std::string_view api_path = "/api/v1/";
constexpr std::string_view session_scheme = "session:";

// Bodies of the other routes may contain a password.
bool has_digest(const route& route) noexcept {
    return route.pattern.starts_with("/api/v1/databases") ||
           route.pattern.starts_with("/api/v1/platform") ||
           route.pattern.starts_with("/api/v1/projects") ||
           route.pattern.starts_with("/api/v1/api-keys") ||
           route.pattern.starts_with("/api/v1/service-accounts");
}

// Returns the kind of the objects of a route, from the last collection of its pattern that contains
// an object: "api_key", "member". The logins and logouts act on sessions.
std::string kind_of(const route& route) {
    auto path = route.pattern;
    if (!path.starts_with(api_path)) return {};
    path.remove_prefix(api_path.size());
    if (path.starts_with("auth/")) return "session";
    if (route.id == endpoint::create_service_account_key) return "api_key";
    const auto last = path.rfind('{');
    if (last != std::string_view::npos) {
        path = path.substr(0, last - 1);
        path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0
    }
    std::string kind(path.substr(0, path.find('/')));
    if (kind.ends_with('s')) kind.pop_back();
    std::ranges::replace(kind, '-', '_');
    return kind;
}

// Returns the project of a key that is limited to one; "" for other keys.
std::string project_of_key(const request_context& context, const std::string& id) {
    const auto index = context.api.deps.platform.api_keys.keys();
    const auto key = index->find(id);
    if (key == index->end()) return {};
    const auto& projects = key->second.record->limits.projects;
    return projects && projects->size() == 1 ? *projects->begin() : std::string();
}

// Returns the object of a row about a key of a service account. The row before the creation of a
// key has the account alone.
std::string name_of_account_key(std::string_view account, std::string_view key) {
    return fmt::format("{}/{}", account, key);
}

// Returns the project of an object that the request has created.
std::string project_of_new(const request_context& context, std::string_view kind,
                           const std::string& object) {
    if (kind == "project") return object;
    if (kind == "api_key") return project_of_key(context, object);
    if (kind == "service_account") {
        const auto accounts = context.api.deps.platform.service_accounts.accounts();
        const auto account = accounts->find(object);
        return account == accounts->end() ? std::string() : account->second->project;
    }
    const auto documents = context.api.model.database(object);
    return documents ? documents->view->record->project : std::string();
}

std::string user_agent_of(const http::request& request) {
    const auto text = request.headers.get("User-Agent");
    return app::contains_credential(text) ? "(a credential)" : std::string(text);
}

app::audit_event event_of(const request_context& context, const http::request& request) {
    app::audit_event event{
        .action = std::string(context.route->name),
        .kind = kind_of(*context.route),
        .request_id = context.request_id,
        .address = client_address(request, context.api.options.limits.trusted_proxies),
        .user_agent = user_agent_of(request)};
    if (context.principal) {
        const auto& credential = context.principal->credential;
        event.actor = context.principal->subject;
        event.via = credential.empty() ? "local" : credential;
    }
    event.project = project_of_target(context).value_or("");
    event.object = context.second_parameter.empty() ? context.parameter : context.second_parameter;
    if (event.kind == "api_key" && event.project.empty()) {
        event.project = project_of_key(context, event.object);
    }
    if (context.route->id == endpoint::revoke_service_account_key) {
        event.object = name_of_account_key(context.parameter, context.second_parameter);
    }
    if (event.kind == "session") {
        event.object = event.actor;
        if (event.via.empty() && !context.parameter.empty())
            event.via = "oidc:" + context.parameter;
    }
    if (has_digest(*context.route) && !request.body.empty()) {
        event.request_digest = app::digest_of_body(request.body);
    }
    return event;
}

}  // namespace

aio::task<app::audited> begin_audit(const request_context& context, const http::request& request) {
    auto& audit = context.api.deps.platform.audit;
    co_return co_await aio::run_on<app::audited>(
        context.api.deps.control, [&] { return audit.begin(event_of(context, request)); });
}

void end_audit(const request_context& context, app::audited act, const http::response& response) {
    app::audit_result result{.status = response.status,
                             .etag = std::string(response.headers.get("ETag"))};
    const auto location = response.headers.get("Location");
    if (location.starts_with(api_path)) {
        result.object = location.substr(location.rfind('/') + 1);
        result.project = project_of_new(context, act.event().kind, result.object);
        if (context.route->id == endpoint::create_service_account_key) {
            result.object = name_of_account_key(context.parameter, result.object);
        }
    }
    if (!context.login.empty()) {
        result.object = context.login;
        result.via = context.login_method;
        const bool is_refresh = context.login_method.starts_with(session_scheme);
        if (response.status < 400 || is_refresh) result.actor = context.login;
    }
    context.api.deps.platform.audit.finish(std::move(act), std::move(result));
}

void note_denial(const request_context& context, const http::request& request, unsigned status) {
    const bool is_denial =
        status == 403 || status == 429 || (status == 401 && request.headers.has("Authorization"));
    if (!is_denial || context.route == nullptr) return;
    auto event = event_of(context, request);
    const auto& caller = event.actor.empty() ? event.address : event.actor;
    if (!context.api.denials.admit(caller, status, context.started_at)) return;
    event.status = status;
    context.api.deps.platform.audit.note(std::move(event));
}

}  // namespace api
