#include "api/json/request_json.hpp"

#include <fmt/format.h>

#include <optional>

#include "api/json/object_reader.hpp"
#include "api/request_query.hpp"
#include "app/identity/credential_text.hpp"
#include "base/json_pointer.hpp"
#include "domain/field_errors.hpp"
#include "json/duplicate_keys.hpp"
#include "json/json.hpp"

namespace api {
namespace {

void read_size(object_reader& source, std::optional<domain::size_request>& out) {
    const auto* value = source.any("size");
    if (value == nullptr) return;
    if (value->is_string()) {
        out.emplace().preset = std::string(value->get_string());
    } else if (const auto* inner = value->if_object()) {
        object_reader reader(*inner, source.path_of("size"), source.faults());
        auto& size = out.emplace();
        reader.read_or_null("preset", size.preset, std::nullopt);
        reader.read("cpu", size.cpu);
        reader.read("memory", size.memory);
        reader.finish();
    } else {
        source.fault(
            "size", "wrong_type",
            fmt::format("must be the name of a preset or an object, is {}", kind_of(*value)));
    }
}

void read_storage(object_reader& source, std::optional<domain::storage_request>& out) {
    const auto* inner = source.object("storage");
    if (inner == nullptr) return;
    object_reader reader(*inner, source.path_of("storage"), source.faults());
    auto& storage = out.emplace();
    reader.read("size", storage.size);
    reader.read_or_null("class", storage.storage_class, "");  // the cluster's default
    reader.read("type", storage.type);
    reader.finish();
}

void read_groups(object_reader& source, std::optional<std::vector<domain::group_request>>& out) {
    const auto* entries = source.array("groups");
    if (entries == nullptr) return;
    out.emplace();
    const auto path = source.path_of("groups");
    for (std::size_t i = 0; i < entries->size(); ++i) {
        auto& group = out->emplace_back();
        const auto pointer = base::pointer_to(path, std::to_string(i));
        const auto* inner = (*entries)[i].if_object();
        if (inner == nullptr) {
            source.fault_at(pointer, "wrong_type",
                            fmt::format("must be an object, is {}", kind_of((*entries)[i])));
            continue;
        }
        object_reader reader(*inner, pointer, source.faults());
        reader.read("role", group.role);
        reader.read("replicas", group.replicas);
        read_size(reader, group.size);
        read_storage(reader, group.storage);
        reader.finish();
    }
}

void read_shape(object_reader& source, std::optional<domain::topology_request>& topology,
                std::optional<domain::size_request>& size,
                std::optional<domain::storage_request>& storage) {
    if (const auto* inner = source.object("topology")) {
        object_reader reader(*inner, source.path_of("topology"), source.faults());
        auto& shape = topology.emplace();
        reader.read("mode", shape.mode);
        reader.read("replicas", shape.replicas);
        reader.read("shards", shape.shards);
        read_groups(reader, shape.groups);
        reader.finish();
    }
    read_size(source, size);
    read_storage(source, storage);
}

void read_windows(object_reader& source,
                  std::optional<std::vector<domain::off_window_request>>& out) {
    const auto* entries = source.array("off");
    if (entries == nullptr) return;
    out.emplace();
    const auto path = source.path_of("off");
    // One window too many is enough to report that there are too many.
    for (std::size_t i = 0; i < entries->size() && i <= domain::off_windows_max; ++i) {
        auto& window = out->emplace_back();
        const auto pointer = base::pointer_to(path, std::to_string(i));
        const auto* inner = (*entries)[i].if_object();
        if (inner == nullptr) {
            source.fault_at(pointer, "wrong_type",
                            fmt::format("must be an object, is {}", kind_of((*entries)[i])));
            continue;
        }
        object_reader reader(*inner, pointer, source.faults());
        reader.read("days", window.days);
        reader.read("from", window.begin);
        reader.read("to", window.end);
        reader.finish();
    }
}

void read_schedule(object_reader& source, domain::schedule_member& out) {
    const auto* value = source.any("schedule");
    if (value == nullptr) return;
    if (value->is_null()) {
        out.emplace();
        return;
    }
    const auto* inner = source.object("schedule");
    if (inner == nullptr) return;
    object_reader reader(*inner, source.path_of("schedule"), source.faults());
    auto& schedule = out.emplace().emplace();
    reader.read_or_null("utc_offset", schedule.utc_offset, domain::offset_text(0));
    read_windows(reader, schedule.off);
    reader.finish();
}

// The member of a body in which a refresh token is not misplaced.
constexpr std::string_view refresh_token_pointer = "/refresh_token";

bool is_misplaced(std::string_view text, std::string_view pointer) {
    if (!app::contains_credential(text)) return false;
    return pointer != refresh_token_pointer || !app::is_refresh_token(text);
}

// Returns the JSON pointer of the first member whose name or text contains an API key or a token.
// The pointer of a name ends at its object, so that it does not repeat the key.
std::optional<std::string> find_credential(const json::value& value, const std::string& pointer) {
    if (value.is_string()) {
        if (is_misplaced(value.get_string(), pointer)) return pointer;
    } else if (const auto* list = value.if_array()) {
        for (std::size_t i = 0; i < list->size(); ++i) {
            auto position =
                find_credential((*list)[i], base::pointer_to(pointer, std::to_string(i)));
            if (position) return position;
        }
    } else if (const auto* object = value.if_object()) {
        for (const auto& [name, member] : *object) {
            if (app::contains_credential(name)) return pointer;
            auto position = find_credential(member, base::pointer_to(pointer, name));
            if (position) return position;
        }
    }
    return std::nullopt;
}

// Errors: invalid (a credential in a text).
base::outcome<void> check_credentials(const json::value& value, std::string_view body) {
    // An escape may spell a part of it.
    if (!app::contains_credential(body) && !body.contains("\\u")) return base::ok();
    auto pointer = find_credential(value, "");
    if (!pointer) return base::ok();
    domain::field_errors errors({});
    errors.add(std::move(*pointer), "credential",
               "must not contain an API key or a token; revoke it if others can read this request");
    return std::move(errors).fail();
}

// Errors: bad_request (not JSON, too deep), invalid (a credential in a text).
base::outcome<json::value> parse_body(std::string_view body) {
    boost::system::error_code error;
    json::parse_options options;
    options.max_depth = 32;
    auto parsed = json::parse(body, error, {}, options);
    if (error) return bad_request("the body is not JSON: " + error.message());
    if (auto checked = check_credentials(parsed, body); !checked) {
        return base::pass(std::move(checked));
    }
    return parsed;
}

template <class Request>
base::outcome<Request> read_object(std::string_view body, void (*read)(object_reader&, Request&)) {
    auto parsed = parse_body(body);
    if (!parsed) return base::pass(std::move(parsed));
    if (!parsed->is_object()) {
        return bad_request(fmt::format("the body must be a JSON object, is {}", kind_of(*parsed)));
    }
    Request request;
    if (auto pointer = json::find_duplicate_key(body)) {
        request.unread.push_back({std::move(*pointer), "repeated_field", "duplicate field"});
    }
    object_reader reader(parsed->get_object(), "", request.unread);
    read(reader, request);
    reader.finish();
    return request;
}

void read_create_members(object_reader& source, domain::create_request& request) {
    source.read("project", request.project);
    source.read("name", request.name);
    source.read("engine", request.engine);
    source.read("version", request.version);
    read_shape(source, request.topology, request.size, request.storage);
    source.read("labels", request.labels);
    source.read("deletion_protection", request.deletion_protection);
    source.read("monitoring", request.monitoring);
    read_schedule(source, request.schedule);
}

void read_patch_members(object_reader& source, domain::patch_request& request) {
    read_shape(source, request.topology, request.size, request.storage);
    source.read("labels", request.labels);
    source.read("deletion_protection", request.deletion_protection);
    source.read("paused", request.paused);
    read_schedule(source, request.schedule);
    for (const auto* key : {"id", "project", "name", "engine", "version", "monitoring", "deleted",
                            "status", "revision", "created_at", "updated_at",
                            "next_schedule_change", "next_schedule_change_at"}) {
        const auto* value = source.any(key);
        if (value == nullptr) continue;
        request.immutable.emplace(
            key, value->is_string() ? std::string(value->get_string()) : json::serialize(*value));
    }
    source.any(
        "allowed_actions");  // of the caller, in the response to a GET; not a part of the record
}

void read_project_members(object_reader& source, domain::project_request& request) {
    source.read("name", request.name);
    source.read("display_name", request.display_name);
    source.read("labels", request.labels);
    if (const auto* inner = source.object("quota")) {
        object_reader reader(*inner, source.path_of("quota"), source.faults());
        reader.read("databases", request.max_databases);
        reader.read("cpu", request.max_cpu);
        reader.read("memory", request.max_memory);
        reader.read("storage", request.max_storage);
        reader.finish();
    }
}

void read_account_key_members(object_reader& source, domain::api_key_request& request) {
    source.read("name", request.name);
    source.read("permissions", request.permissions);
    source.read("projects", request.projects);
    source.read("databases", request.databases);
    source.read("cidrs", request.cidrs);
    source.read("expires_at", request.expires_at);
    source.read("max_unused_days", request.max_unused_days);
}

void read_api_key_members(object_reader& source, domain::api_key_request& request) {
    source.read("subject", request.subject);
    read_account_key_members(source, request);
}

void read_account_members(object_reader& source, domain::service_account_request& request) {
    source.read("name", request.name);
    source.read("description", request.description);
    source.read_or_null("project", request.project, "");
}

void read_account_patch_members(object_reader& source, domain::service_account_patch& request) {
    source.read("description", request.description);
    source.read("state", request.state);
}

void read_api_key_patch_members(object_reader& source, domain::api_key_patch& request) {
    source.read("name", request.name);
    source.read_or_null("permissions", request.permissions);
    source.read_or_null("projects", request.projects);
    source.read_or_null("databases", request.databases);
    source.read_or_null("cidrs", request.cidrs);
    source.read("expires_at", request.expires_at);
    source.read_or_null("max_unused_days", request.max_unused_days);
}

void read_rotation_members(object_reader& source, domain::rotation_request& request) {
    source.read("overlap_seconds", request.overlap_seconds);
}

void read_check_members(object_reader& source, domain::access_check_request& check) {
    source.read("permission", check.permission);
    source.read("project", check.project);
    source.read("database", check.database);
}

void read_only_check(object_reader& source, domain::access_checks_request& request) {
    read_check_members(source, request.checks.emplace_back());
}

void read_role_members(object_reader& source, domain::role_request& request) {
    source.read("name", request.name);
    source.read("description", request.description);
    source.read("permissions", request.permissions);
}

void read_member_members(object_reader& source, domain::member_request& request) {
    source.read("role", request.role);
}

void read_user_members(object_reader& source, domain::user_request& request) {
    source.read("name", request.name);
    source.read_or_null("email", request.email, "");
    source.read("role", request.role);
    source.read("password", request.password);
}

void read_user_patch_members(object_reader& source, domain::user_patch& request) {
    source.read_or_null("email", request.email, "");
    source.read("role", request.role);
    source.read("state", request.state);
}

void read_password_members(object_reader& source, domain::password_request& request) {
    source.read("current_password", request.current_password);
    source.read("password", request.password);
}

void read_log_level_members(object_reader& source, app::log_level_request& request) {
    const auto* value = source.any("log_level");
    request.restores_configured = value != nullptr && value->is_null();
    if (!request.restores_configured) source.read("log_level", request.log_level);
    source.read("duration", request.duration);
}

struct login_members {
    std::optional<std::string> username;
    std::optional<base::secret> password;
    std::optional<base::secret> refresh_token;
    std::vector<base::field_error> unread;
};

struct device_members {
    device_request wanted;
    std::vector<base::field_error> unread;
};

void read_device_members(object_reader& source, device_members& request) {
    source.read("issuer", request.wanted.issuer);
}

void read_device_token_members(object_reader& source, device_members& request) {
    source.read("issuer", request.wanted.issuer);
    source.read("device_code", request.wanted.device_code);
}

void read_login_members(object_reader& source, login_members& request) {
    source.read("username", request.username);
    source.read("password", request.password);
}

void read_refresh_members(object_reader& source, login_members& request) {
    source.read("refresh_token", request.refresh_token);
}

}  // namespace

base::outcome<domain::create_request> read_create(std::string_view body) {
    return read_object<domain::create_request>(body, &read_create_members);
}
base::outcome<domain::patch_request> read_patch(std::string_view body) {
    return read_object<domain::patch_request>(body, &read_patch_members);
}
base::outcome<domain::project_request> read_project(std::string_view body) {
    return read_object<domain::project_request>(body, &read_project_members);
}
base::outcome<domain::api_key_request> read_api_key(std::string_view body) {
    return read_object<domain::api_key_request>(body, &read_api_key_members);
}
base::outcome<domain::service_account_request> read_service_account(std::string_view body) {
    return read_object<domain::service_account_request>(body, &read_account_members);
}
base::outcome<domain::service_account_patch> read_service_account_patch(std::string_view body) {
    return read_object<domain::service_account_patch>(body, &read_account_patch_members);
}
base::outcome<domain::api_key_request> read_service_account_key(std::string_view body) {
    return read_object<domain::api_key_request>(body, &read_account_key_members);
}
base::outcome<domain::api_key_patch> read_api_key_patch(std::string_view body) {
    return read_object<domain::api_key_patch>(body, &read_api_key_patch_members);
}
base::outcome<domain::rotation_request> read_rotation(std::string_view body) {
    return read_object<domain::rotation_request>(body, &read_rotation_members);
}
base::outcome<domain::access_checks_request> read_access_checks(std::string_view body) {
    auto parsed = parse_body(body);
    if (!parsed) return base::pass(std::move(parsed));
    const auto* list = parsed->if_array();
    if (list == nullptr) {
        return bad_request(fmt::format("the body must be a JSON array, is {}", kind_of(*parsed)));
    }
    domain::access_checks_request request;
    if (auto pointer = json::find_duplicate_key(body)) {
        request.unread.push_back({std::move(*pointer), "repeated_field", "duplicate field"});
    }
    for (std::size_t i = 0; i < list->size() && i <= domain::access_checks_max; ++i) {
        auto& check = request.checks.emplace_back();
        const auto pointer = fmt::format("/{}", i);
        const auto* members = (*list)[i].if_object();
        if (members == nullptr) {
            domain::add_field_error(request.unread,
                                    {pointer, "wrong_type",
                                     fmt::format("must be an object, is {}", kind_of((*list)[i]))});
            continue;
        }
        object_reader reader(*members, pointer, request.unread);
        read_check_members(reader, check);
        reader.finish();
    }
    return request;
}
base::outcome<domain::access_checks_request> read_access_check(std::string_view body) {
    return read_object<domain::access_checks_request>(body, &read_only_check);
}
base::outcome<domain::role_request> read_role(std::string_view body) {
    return read_object<domain::role_request>(body, &read_role_members);
}
base::outcome<domain::member_request> read_member(std::string_view body) {
    return read_object<domain::member_request>(body, &read_member_members);
}
base::outcome<domain::user_request> read_user(std::string_view body) {
    return read_object<domain::user_request>(body, &read_user_members);
}
base::outcome<domain::user_patch> read_user_patch(std::string_view body) {
    return read_object<domain::user_patch>(body, &read_user_patch_members);
}
base::outcome<domain::password_request> read_password(std::string_view body) {
    return read_object<domain::password_request>(body, &read_password_members);
}

base::outcome<app::log_level_request> read_log_level(std::string_view body) {
    return read_object<app::log_level_request>(body, &read_log_level_members);
}

base::outcome<login_request> read_login(std::string_view body) {
    auto wanted = read_object<login_members>(body, &read_login_members);
    if (!wanted) return base::pass(std::move(wanted));
    domain::field_errors errors(std::move(wanted->unread));
    if (!wanted->username) errors.add("/username", "required", "must be the name of a user");
    if (!wanted->password) errors.add("/password", "required", "must be the password of the user");
    if (!errors.empty()) return std::move(errors).fail();
    return login_request{.username = std::move(*wanted->username),
                         .password = std::move(*wanted->password)};
}

base::outcome<base::secret> read_refresh(std::string_view body) {
    auto wanted = read_object<login_members>(body, &read_refresh_members);
    if (!wanted) return base::pass(std::move(wanted));
    domain::field_errors errors(std::move(wanted->unread));
    if (!wanted->refresh_token) {
        errors.add("/refresh_token", "required", "must be the refresh token of the session");
    }
    if (!errors.empty()) return std::move(errors).fail();
    return std::move(*wanted->refresh_token);
}

base::outcome<device_request> read_device(std::string_view body) {
    auto wanted = read_object<device_members>(body, &read_device_members);
    if (!wanted) return base::pass(std::move(wanted));
    domain::field_errors errors(std::move(wanted->unread));
    if (!errors.empty()) return std::move(errors).fail();
    return std::move(wanted->wanted);
}

base::outcome<device_request> read_device_token(std::string_view body) {
    auto wanted = read_object<device_members>(body, &read_device_token_members);
    if (!wanted) return base::pass(std::move(wanted));
    domain::field_errors errors(std::move(wanted->unread));
    if (!wanted->wanted.device_code) {
        errors.add("/device_code", "required", "must be the device_code of the login");
    }
    if (!errors.empty()) return std::move(errors).fail();
    return std::move(wanted->wanted);
}

}  // namespace api
