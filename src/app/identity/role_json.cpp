#include "app/identity/role_json.hpp"

#include "base/time_text.hpp"
#include "json/json_access.hpp"

namespace app {
namespace {

constexpr int format_version = 1;

}  // namespace

std::string encode(const domain::custom_role& source) {
    json::array permissions;
    for (const auto action : domain::permissions_in(source.permissions)) {
        permissions.emplace_back(domain::name(action));
    }
    const json::object result{{"v", format_version},
                              {"name", source.name},
                              {"description", source.description},
                              {"permissions", std::move(permissions)},
                              {"created_at", base::to_rfc3339_micro(source.created_at)},
                              {"created_by", source.created_by},
                              {"updated_at", base::to_rfc3339_micro(source.updated_at)}};
    return json::serialize(result);
}

base::outcome<domain::custom_role> decode_role(std::string_view text) {
    const auto object = json::parse_object(text);
    const auto created_at = base::from_rfc3339(json::text_at(object, "created_at"));
    const auto updated_at = base::from_rfc3339(json::text_at(object, "updated_at"));
    domain::custom_role role{.name = std::string(json::text_at(object, "name")),
                             .description = std::string(json::text_at(object, "description")),
                             .created_at = created_at.value_or(base::instant{}),
                             .created_by = std::string(json::text_at(object, "created_by")),
                             .updated_at = updated_at.value_or(base::instant{})};
    const auto* list = object.if_contains("permissions");
    bool is_readable = json::number_at(object, "v") == format_version && created_at && updated_at &&
                       list != nullptr && list->is_array() && !role.name.empty();
    if (is_readable) {
        for (const auto& item : list->get_array()) {
            const auto action = item.is_string()
                                    ? domain::find_permission(std::string_view(item.get_string()))
                                    : std::nullopt;
            if (action) role.permissions.insert(*action);
            is_readable = is_readable && action.has_value();
        }
    }
    if (is_readable) return role;
    return base::fail(base::errc::corrupt, "the stored role cannot be read");
}

}  // namespace app
