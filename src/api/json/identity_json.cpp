#include "api/json/identity_json.hpp"

#include "base/time_text.hpp"
#include "json/json_writer.hpp"

namespace api {
namespace {

void write_limits(json::writer& out, const domain::credential_limits& limits) {
    out.key("permissions");
    if (limits.permissions) {
        out.begin_array();
        for (const auto action : *limits.permissions) out.text(domain::name(action));
        out.end_array();
    } else {
        out.null();
    }
    out.key("projects");
    if (limits.projects) {
        out.begin_array();
        for (const auto& project : *limits.projects) out.text(project);
        out.end_array();
    } else {
        out.null();
    }
}

void write_key(json::writer& out, const domain::api_key& key, base::instant now) {
    out.begin_object().member("id", key.id).member("name", key.name);
    out.member("subject", key.subject);
    write_limits(out, key.limits);
    out.member("state", domain::name(domain::state_of(key, now)));
    out.member("last_four", key.last_four);
    out.member("created_at", base::to_rfc3339(key.created_at));
    out.member("created_by", key.created_by).key("expires_at");
    if (key.expires_at) {
        out.text(base::to_rfc3339(*key.expires_at));
    } else {
        out.null();
    }
    out.end_object();
}

}  // namespace

std::string encode(const domain::api_key& key, base::instant now) {
    std::string text;
    json::writer out(text);
    write_key(out, key, now);
    return text;
}

std::string encode_created(const app::created_key& created, base::instant now) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("key", created.text.reveal()).key("api_key");
    write_key(out, *created.record, now);
    out.end_object();
    return text;
}

std::string encode(const domain::principal& caller) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("subject", caller.subject);
    out.member("administrator", caller.is_administrator);
    out.key("roles").begin_object();
    for (const auto& [project, granted] : caller.roles) out.member(project, domain::name(granted));
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

std::string encode(const domain::project_member& source) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("subject", source.subject);
    out.member("role", domain::name(source.role));
    out.member("created_at", base::to_rfc3339(source.created_at));
    out.member("created_by", source.created_by).end_object();
    return text;
}

}  // namespace api
