#include "api/json/identity_json.hpp"

#include "base/time_text.hpp"
#include "json/json_writer.hpp"

namespace api {
namespace {

template <class Items, class Text>
void write_list(json::writer& out, std::string_view key, const std::optional<Items>& items,
                Text text_of) {
    out.key(key);
    if (!items) {
        out.null();
        return;
    }
    out.begin_array();
    for (const auto& item : *items) out.text(text_of(item));
    out.end_array();
}

void write_limits(json::writer& out, const domain::credential_limits& limits) {
    const auto same = [](const std::string& text) -> std::string_view { return text; };
    write_list(out, "permissions", limits.permissions,
               [](domain::permission action) { return domain::name(action); });
    write_list(out, "projects", limits.projects, same);
    write_list(out, "databases", limits.databases, same);
    write_list(out, "cidrs", limits.networks,
               [](const base::ip_network& network) { return base::to_text(network); });
}

void write_use(json::writer& out, const domain::api_key_use* last_use) {
    out.key("last_used_at");
    if (last_use != nullptr) {
        out.text(base::to_rfc3339(last_use->used_at));
    } else {
        out.null();
    }
    out.key("last_used_address");
    if (last_use != nullptr && !last_use->address.empty()) {
        out.text(last_use->address);
    } else {
        out.null();
    }
}

void write_key(json::writer& out, const domain::api_key& key, const domain::api_key_use* last_use,
               base::instant now) {
    out.begin_object().member("id", key.id).member("name", key.name);
    out.member("subject", key.subject);
    write_limits(out, key.limits);
    const auto last_used_at = last_use == nullptr ? std::nullopt : std::optional(last_use->used_at);
    out.member("state", domain::name(domain::state_of(key, last_used_at, now)));
    out.member("last_four", key.last_four);
    out.member("created_at", base::to_rfc3339(key.created_at));
    out.member("created_by", key.created_by).key("created_by_key");
    if (key.created_by_key.empty()) {
        out.null();
    } else {
        out.text(key.created_by_key);
    }
    out.key("expires_at");
    if (key.expires_at) {
        out.text(base::to_rfc3339(*key.expires_at));
    } else {
        out.null();
    }
    out.key("previous_secret_until");
    if (key.previous_until && now < *key.previous_until) {
        out.text(base::to_rfc3339(*key.previous_until));
    } else {
        out.null();
    }
    out.key("max_unused_days");
    if (key.max_unused) {
        out.integer(key.max_unused->duration.count());
    } else {
        out.null();
    }
    write_use(out, last_use);
    out.end_object();
}

}  // namespace

std::string encode(const domain::api_key& key, const domain::api_key_use* last_use,
                   base::instant now) {
    std::string text;
    json::writer out(text);
    write_key(out, key, last_use, now);
    return text;
}

std::string encode_created(const app::created_key& created, base::instant now) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("key", created.text.reveal()).key("api_key");
    write_key(out, *created.record, created.last_use.get(), now);
    out.end_object();
    return text;
}

std::string encode(const domain::principal& caller) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("subject", caller.subject);
    out.member("administrator", caller.is_administrator);
    out.member("auditor", caller.is_auditor);
    out.key("roles").begin_object();
    for (const auto& [project, granted] : caller.roles) out.member(project, granted.name);
    out.end_object().key("limits").begin_object();
    write_limits(out, caller.limits);
    out.end_object().key("credential");
    if (caller.credential.empty()) {
        out.null();
    } else {
        out.text(caller.credential);
    }
    out.end_object();
    return text;
}

std::string encode(const domain::user& source) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("name", source.name).key("email");
    if (source.email.empty()) {
        out.null();
    } else {
        out.text(source.email);
    }
    out.member("role", domain::name(source.role)).member("state", domain::name(source.state));
    out.member("has_password", !source.password_hash.empty());
    out.member("created_at", base::to_rfc3339(source.created_at));
    out.member("created_by", source.created_by).key("password_changed_at");
    if (source.password_changed_at) {
        out.text(base::to_rfc3339(*source.password_changed_at));
    } else {
        out.null();
    }
    out.end_object();
    return text;
}

std::string encode(const domain::service_account& source,
                   const std::map<std::string, std::string>& roles) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("name", source.name);
    out.member("subject", domain::subject_of_account(source.name));
    out.member("description", source.description).key("project");
    if (source.project.empty()) {
        out.null();
    } else {
        out.text(source.project);
    }
    out.member("state", domain::name(source.state)).key("roles").begin_object();
    for (const auto& [project, role] : roles) out.member(project, role);
    out.end_object().member("created_at", base::to_rfc3339(source.created_at));
    out.member("created_by", source.created_by).end_object();
    return text;
}

std::string encode(const app::issued_tokens& tokens) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("access_token", tokens.access_token.reveal());
    out.member("token_type", "Bearer")
        .member("expires_in", std::int64_t(tokens.expires_in.count()));
    out.member("refresh_token", tokens.refresh_token.reveal()).end_object();
    return text;
}

std::string encode_browser_session(const app::issued_tokens& tokens) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("subject", tokens.subject);
    out.member("csrf_token", app::csrf_token_of(tokens.access_token.reveal()));
    out.member("expires_in", std::int64_t(tokens.expires_in.count())).end_object();
    return text;
}

std::string encode_methods(bool is_auth_required, const std::vector<std::string>& issuers) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("required", is_auth_required).key("methods").begin_array();
    out.text("password").text("api_key");
    if (!issuers.empty()) out.text("oidc").text("device");
    out.end_array().key("issuers").begin_array();
    for (const auto& name : issuers) {
        out.begin_object().member("name", name);
        out.member("login_path", "/api/v1/auth/oidc/" + name + "/start").end_object();
    }
    out.end_array().end_object();
    return text;
}

std::string encode(const ports::device_start& begun, std::string_view issuer) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("device_code", begun.device_code.reveal());
    out.member("user_code", begun.user_code);
    out.member("verification_uri", begun.verification_uri);
    if (!begun.verification_uri_complete.empty()) {
        out.member("verification_uri_complete", begun.verification_uri_complete);
    }
    out.member("expires_in", std::int64_t(begun.expires_in.count()));
    out.member("interval", std::int64_t(begun.interval.count()));
    out.member("issuer", issuer).end_object();
    return text;
}

std::string encode(const domain::project_member& source) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("subject", source.subject);
    out.member("role", source.role);
    out.member("created_at", base::to_rfc3339(source.created_at));
    out.member("created_by", source.created_by).end_object();
    return text;
}

std::string encode(const domain::custom_role& source, bool is_built_in) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("name", source.name).member("description", source.description);
    out.member("built_in", is_built_in).key("permissions").begin_array();
    for (const auto action : domain::permissions_in(source.permissions)) {
        out.text(domain::name(action));
    }
    out.end_array().key("created_at");
    if (is_built_in) {
        out.null().key("created_by").null().key("updated_at").null();
    } else {
        out.text(base::to_rfc3339(source.created_at));
        out.member("created_by", source.created_by);
        out.member("updated_at", base::to_rfc3339(source.updated_at));
    }
    out.end_object();
    return text;
}

}  // namespace api
