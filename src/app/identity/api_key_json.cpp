#include "app/identity/api_key_json.hpp"

#include <fmt/format.h>

#include "base/time_text.hpp"
#include "json/json_access.hpp"

namespace app {
namespace {

constexpr int format_version = 1;

json::value to_json(const std::optional<base::instant>& instant) {
    if (!instant) return nullptr;
    return json::value(base::to_rfc3339_micro(*instant));
}

class reader {
  public:
    explicit reader(const json::object& source) : source_(source) {}

    std::string text(std::string_view key) {
        const auto* value = source_.if_contains(key);
        if (value != nullptr && value->is_string()) return std::string(value->get_string());
        report_invalid(key);
        return {};
    }
    std::optional<base::instant> instant(std::string_view key) {
        const auto* value = source_.if_contains(key);
        if (value != nullptr && value->is_null()) return std::nullopt;
        auto result = base::from_rfc3339(text(key));
        if (!result) report_invalid(key);
        return result;
    }
    // Calls `add(text)` for each text of a list; returns false for null. An absent member is
    // invalid, because null means no limit.
    template <class Add>
    bool texts(std::string_view key, Add add) {
        const auto* value = source_.if_contains(key);
        if (value != nullptr && value->is_null()) return false;
        if (value == nullptr || !value->is_array()) {
            report_invalid(key);
            return true;
        }
        for (const auto& item : value->get_array()) {
            if (!item.is_string() || !add(std::string_view(item.get_string()))) report_invalid(key);
        }
        return true;
    }
    void report_invalid(std::string_view key) {
        if (invalid_member_.empty()) invalid_member_ = key;
    }
    [[nodiscard]] const std::string& invalid_member() const noexcept { return invalid_member_; }

  private:
    const json::object& source_;
    std::string invalid_member_;
};

void read_limits(reader& source, domain::credential_limits& out) {
    std::set<domain::permission> permissions;
    const auto add_permission = [&](std::string_view text) {
        const auto action = domain::find_permission(text);
        if (action) permissions.insert(*action);
        return action.has_value();
    };
    if (source.texts("permissions", add_permission)) out.permissions = std::move(permissions);
    std::set<std::string, std::less<>> projects;
    const auto add_project = [&](std::string_view text) {
        projects.emplace(text);
        return true;
    };
    if (source.texts("projects", add_project)) out.projects = std::move(projects);
}

}  // namespace

std::string encode(const domain::api_key& source) {
    json::value permissions;
    if (source.limits.permissions) {
        auto& list = permissions.emplace_array();
        for (const auto action : *source.limits.permissions)
            list.emplace_back(domain::name(action));
    }
    json::value projects;
    if (source.limits.projects) {
        auto& list = projects.emplace_array();
        for (const auto& project : *source.limits.projects) list.emplace_back(project);
    }
    const json::object result{{"v", format_version},
                              {"id", source.id},
                              {"name", source.name},
                              {"subject", source.subject},
                              {"permissions", std::move(permissions)},
                              {"projects", std::move(projects)},
                              {"sha256", source.digest},
                              {"last_four", source.last_four},
                              {"created_at", base::to_rfc3339_micro(source.created_at)},
                              {"created_by", source.created_by},
                              {"created_by_key", source.created_by_key},
                              {"expires_at", to_json(source.expires_at)},
                              {"revoked_at", to_json(source.revoked_at)}};
    return json::serialize(result);
}

base::outcome<domain::api_key> decode_api_key(std::string_view text) {
    const auto value = json::try_parse(text);
    if (!value || !value->is_object()) {
        return base::fail(base::errc::corrupt, "the stored API key is not a JSON object");
    }
    const auto& object = value->get_object();
    if (json::number_at(object, "v") != format_version) {
        return base::fail(base::errc::corrupt, "the stored API key has another format");
    }
    reader source(object);
    domain::api_key key{.id = source.text("id"),
                        .name = source.text("name"),
                        .subject = source.text("subject"),
                        .digest = source.text("sha256"),
                        .last_four = source.text("last_four"),
                        .created_at = source.instant("created_at").value_or(base::instant{}),
                        .created_by = source.text("created_by"),
                        .created_by_key = source.text("created_by_key"),
                        .expires_at = source.instant("expires_at"),
                        .revoked_at = source.instant("revoked_at")};
    read_limits(source, key.limits);
    if (source.invalid_member().empty()) return key;
    return base::fail(base::errc::corrupt,
                      fmt::format("the stored API key has an invalid {}", source.invalid_member()));
}

}  // namespace app
