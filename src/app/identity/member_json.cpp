#include "app/identity/member_json.hpp"

#include <fmt/format.h>

#include "base/time_text.hpp"
#include "json/json_access.hpp"

namespace app {
namespace {

constexpr int format_version = 1;

// Returns nothing if it cannot be read.
std::optional<domain::replaced_role> read_replaced(const json::object* source) {
    if (source == nullptr) return std::nullopt;
    const auto role = json::text_at(*source, "role");
    const auto created_at = base::from_rfc3339(json::text_at(*source, "created_at"));
    if (role.empty() || !created_at) return std::nullopt;
    return domain::replaced_role{.role = std::string(role),
                                 .created_at = *created_at,
                                 .created_by = std::string(json::text_at(*source, "created_by"))};
}

}  // namespace

std::string id_of_member(std::string_view project, std::string_view subject) {
    return fmt::format("{}/{}", project, subject);
}

std::string encode(const domain::project_member& source) {
    json::object result{{"v", format_version},
                        {"project", source.project},
                        {"subject", source.subject},
                        {"role", source.role},
                        {"created_at", base::to_rfc3339_micro(source.created_at)},
                        {"created_by", source.created_by}};
    if (const auto& replaced = source.replaced) {
        result["replaced"] =
            json::object{{"role", replaced->role},
                         {"created_at", base::to_rfc3339_micro(replaced->created_at)},
                         {"created_by", replaced->created_by}};
    }
    return json::serialize(result);
}

base::outcome<domain::project_member> decode_member(std::string_view text) {
    const auto object = json::parse_object(text);
    const auto role = json::text_at(object, "role");
    const auto created_at = base::from_rfc3339(json::text_at(object, "created_at"));
    domain::project_member member{.project = std::string(json::text_at(object, "project")),
                                  .subject = std::string(json::text_at(object, "subject")),
                                  .role = std::string(role),
                                  .created_at = created_at.value_or(base::instant{}),
                                  .created_by = std::string(json::text_at(object, "created_by"))};
    bool is_readable = json::number_at(object, "v") == format_version && !role.empty() &&
                       created_at && !member.project.empty() && !member.subject.empty();
    if (object.contains("replaced")) {
        member.replaced = read_replaced(json::object_at(object, "replaced"));
        is_readable = is_readable && member.replaced;
    }
    if (is_readable) return member;
    return base::fail(base::errc::corrupt, "the stored member cannot be read");
}

}  // namespace app
