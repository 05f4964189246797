#include "app/identity/user_json.hpp"

#include "base/time_text.hpp"
#include "json/json_access.hpp"

namespace app {
namespace {

constexpr int format_version = 1;

}  // namespace

std::string encode(const domain::user& source) {
    json::value password_changed_at;
    if (source.password_changed_at) {
        password_changed_at = base::to_rfc3339_micro(*source.password_changed_at);
    }
    json::object result{{"v", format_version},
                        {"name", source.name},
                        {"email", source.email},
                        {"role", domain::name(source.role)},
                        {"state", domain::name(source.state)},
                        {"password_hash", source.password_hash},
                        {"session_epoch", source.session_epoch},
                        {"created_at", base::to_rfc3339_micro(source.created_at)},
                        {"created_by", source.created_by},
                        {"password_changed_at", std::move(password_changed_at)}};
    if (!source.role_granted_by.empty()) result["role_granted_by"] = source.role_granted_by;
    return json::serialize(result);
}

base::outcome<domain::user> decode_user(std::string_view text) {
    const auto object = json::parse_object(text);
    const auto role = domain::find_platform_role(json::text_at(object, "role"));
    const auto state = json::text_at(object, "state");
    const auto epoch = json::number_at(object, "session_epoch");
    const auto created_at = base::from_rfc3339(json::text_at(object, "created_at"));
    const auto* hash = object.if_contains("password_hash");
    const bool is_active = state == domain::name(domain::user_state::active);
    const bool is_disabled = state == domain::name(domain::user_state::disabled);
    domain::user user{
        .name = std::string(json::text_at(object, "name")),
        .email = std::string(json::text_at(object, "email")),
        .role = role.value_or(domain::platform_role::none),
        .role_granted_by = std::string(json::text_at(object, "role_granted_by")),
        .state = is_active ? domain::user_state::active : domain::user_state::disabled,
        .password_hash = std::string(json::text_at(object, "password_hash")),
        .session_epoch = epoch.value_or(0),
        .created_at = created_at.value_or(base::instant{}),
        .created_by = std::string(json::text_at(object, "created_by")),
        .password_changed_at = base::from_rfc3339(json::text_at(object, "password_changed_at"))};
    const bool is_readable = json::number_at(object, "v") == format_version && role && epoch &&
                             (is_active || is_disabled) && created_at && hash != nullptr &&
                             hash->is_string() && !user.name.empty();
    if (is_readable) return user;
    return base::fail(base::errc::corrupt, "the stored user cannot be read");
}

}  // namespace app
