#include "app/identity/api_key_json.hpp"

#include <fmt/format.h>

#include "base/time_text.hpp"
#include "json/json_access.hpp"

namespace app {
namespace {

// Version 2 adds databases, cidrs and the previous secret, version 3 the keys of the digests,
// version 4 the limit of the time without use. A key is written in the first version that has its
// members, so that earlier releases can read it.
constexpr int format_version = 4;

int version_of(const domain::api_key& key) noexcept {
    if (key.max_unused) return 4;
    if (!key.digest_key.empty() || !key.previous_digest_key.empty()) return 3;
    const bool is_version_2 =
        key.limits.databases || key.limits.networks || !key.previous_digest.empty();
    return is_version_2 ? 2 : 1;
}

template <class Items, class Text>
json::value list_of(const std::optional<Items>& items, Text text_of) {
    if (!items) return nullptr;
    json::array result;
    for (const auto& item : *items) result.emplace_back(text_of(item));
    return result;
}

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
    std::int64_t number(std::string_view key) {
        const auto value = json::number_at(source_, key);
        if (!value) report_invalid(key);
        return value.value_or(0);
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

void read_version_2(reader& source, domain::api_key& out) {
    std::set<std::string, std::less<>> databases;
    const auto add_database = [&](std::string_view text) {
        databases.emplace(text);
        return true;
    };
    if (source.texts("databases", add_database)) out.limits.databases = std::move(databases);
    std::vector<base::ip_network> networks;
    const auto add_network = [&](std::string_view text) {
        const auto network = base::parse_ip_network(text);
        if (network) networks.push_back(*network);
        return network.has_value();
    };
    if (source.texts("cidrs", add_network)) out.limits.networks = std::move(networks);
    out.previous_digest = source.text("previous_sha256");
    out.previous_until = source.instant("previous_until");
}

void read_version_3(reader& source, domain::api_key& out) {
    out.digest_key = source.text("digest_key");
    out.previous_digest_key = source.text("previous_digest_key");
}

void read_version_4(reader& source, domain::api_key& out) {
    const auto days = source.number("max_unused_days");
    const auto since = source.instant("max_unused_since");
    if (!since) source.report_invalid("max_unused_since");
    if (days < 1 || days > domain::api_key_unused_max.count()) {
        source.report_invalid("max_unused_days");
    }
    out.max_unused = domain::unused_limit{.duration = std::chrono::days(days),
                                          .since = since.value_or(base::instant{})};
}

}  // namespace

std::string encode(const domain::api_key& source) {
    const auto name_of = [](domain::permission action) { return domain::name(action); };
    const auto same = [](const std::string& text) { return json::string(text); };
    const auto version = version_of(source);
    json::object result{{"v", version},
                        {"id", source.id},
                        {"name", source.name},
                        {"subject", source.subject},
                        {"permissions", list_of(source.limits.permissions, name_of)},
                        {"projects", list_of(source.limits.projects, same)},
                        {"sha256", source.digest},
                        {"last_four", source.last_four},
                        {"created_at", base::to_rfc3339_micro(source.created_at)},
                        {"created_by", source.created_by},
                        {"created_by_key", source.created_by_key},
                        {"expires_at", to_json(source.expires_at)},
                        {"revoked_at", to_json(source.revoked_at)}};
    if (version >= 2) {
        const auto network_text = [](const base::ip_network& network) {
            return json::string(base::to_text(network));
        };
        result["databases"] = list_of(source.limits.databases, same);
        result["cidrs"] = list_of(source.limits.networks, network_text);
        result["previous_sha256"] = source.previous_digest;
        result["previous_until"] = to_json(source.previous_until);
    }
    if (version >= 3) {  // "sha256" is then the HMAC of the digest
        result["digest_key"] = source.digest_key;
        result["previous_digest_key"] = source.previous_digest_key;
    }
    if (version >= 4) {
        result["max_unused_days"] = source.max_unused->duration.count();
        result["max_unused_since"] = base::to_rfc3339_micro(source.max_unused->since);
    }
    return json::serialize(result);
}

base::outcome<domain::api_key> decode_api_key(std::string_view text) {
    const auto value = json::try_parse(text);
    if (!value || !value->is_object()) {
        return base::fail(base::errc::corrupt, "the stored API key is not a JSON object");
    }
    const auto& object = value->get_object();
    const auto version = json::number_at(object, "v");
    if (!version || *version < 1 || *version > format_version) {
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
    if (*version >= 2) read_version_2(source, key);
    if (*version >= 3) read_version_3(source, key);
    if (*version >= 4) read_version_4(source, key);
    if (source.invalid_member().empty()) return key;
    return base::fail(base::errc::corrupt,
                      fmt::format("the stored API key has an invalid {}", source.invalid_member()));
}

}  // namespace app
