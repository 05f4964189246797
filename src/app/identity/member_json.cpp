#include "app/identity/member_json.hpp"

#include "base/time_text.hpp"
#include "json/json_access.hpp"

namespace app {
namespace {

constexpr int format_version = 1;

}  // namespace

std::string encode(const domain::project_member& source) {
    const json::object result{{"v", format_version},
                              {"project", source.project},
                              {"subject", source.subject},
                              {"role", domain::name(source.role)},
                              {"created_at", base::to_rfc3339_micro(source.created_at)},
                              {"created_by", source.created_by}};
    return json::serialize(result);
}

base::outcome<domain::project_member> decode_member(std::string_view text) {
    const auto value = json::try_parse(text);
    const json::object none;
    const auto& object = value && value->is_object() ? value->get_object() : none;
    const auto role = domain::find_role(json::text_at(object, "role"));
    const auto created_at = base::from_rfc3339(json::text_at(object, "created_at"));
    domain::project_member member{.project = std::string(json::text_at(object, "project")),
                                  .subject = std::string(json::text_at(object, "subject")),
                                  .role = role.value_or(domain::role::viewer),
                                  .created_at = created_at.value_or(base::instant{}),
                                  .created_by = std::string(json::text_at(object, "created_by"))};
    const bool is_readable = json::number_at(object, "v") == format_version && role && created_at &&
                             !member.project.empty() && !member.subject.empty();
    if (is_readable) return member;
    return base::fail(base::errc::corrupt, "the stored member cannot be read");
}

}  // namespace app
