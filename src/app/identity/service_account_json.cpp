#include "app/identity/service_account_json.hpp"

#include "base/time_text.hpp"
#include "json/json_access.hpp"

namespace app {
namespace {

constexpr int format_version = 1;

}  // namespace

std::string encode(const domain::service_account& source) {
    const json::object result{{"v", format_version},
                              {"name", source.name},
                              {"description", source.description},
                              {"project", source.project},
                              {"state", domain::name(source.state)},
                              {"created_at", base::to_rfc3339_micro(source.created_at)},
                              {"created_by", source.created_by}};
    return json::serialize(result);
}

base::outcome<domain::service_account> decode_service_account(std::string_view text) {
    const auto object = json::parse_object(text);
    const auto state = domain::find_account_state(json::text_at(object, "state"));
    const auto created_at = base::from_rfc3339(json::text_at(object, "created_at"));
    const auto* project = object.if_contains("project");
    domain::service_account account{
        .name = std::string(json::text_at(object, "name")),
        .description = std::string(json::text_at(object, "description")),
        .project = std::string(json::text_at(object, "project")),
        .state = state.value_or(domain::account_state::disabled),
        .created_at = created_at.value_or(base::instant{}),
        .created_by = std::string(json::text_at(object, "created_by"))};
    // Without its project, the account would belong to the platform.
    const bool is_readable = json::number_at(object, "v") == format_version && state &&
                             created_at && project != nullptr && project->is_string() &&
                             !account.name.empty();
    if (is_readable) return account;
    return base::fail(base::errc::corrupt, "the stored service account cannot be read");
}

}  // namespace app
