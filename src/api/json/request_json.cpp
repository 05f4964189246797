#include "api/json/request_json.hpp"

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <optional>
#include <set>

#include "api/request_query.hpp"
#include "base/json_pointer.hpp"
#include "domain/field_errors.hpp"
#include "json/duplicate_keys.hpp"
#include "json/json.hpp"

namespace api {
namespace {

std::string_view kind_of(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return "null";
        case json::kind::bool_:
            return "a boolean";
        case json::kind::int64:
        case json::kind::uint64:
        case json::kind::double_:
            return "a number";
        case json::kind::string:
            return "a string";
        case json::kind::array:
            return "an array";
        case json::kind::object:
            return "an object";
    }
    return "";
}

// JSON has no integers: 3.0 and 3e0 are 3.
std::optional<std::int64_t> whole_number(const json::value& value) {
    if (value.is_int64()) return value.get_int64();
    constexpr double exact_max = 9007199254740992.0;  // 2^53
    if (!value.is_double() || std::abs(value.get_double()) > exact_max) return std::nullopt;
    const double number = value.get_double();
    if (number != std::trunc(number)) return std::nullopt;
    return static_cast<std::int64_t>(number);
}

// Reads one object of a request member by member. finish() reports the other members.
class object_reader {
  public:
    object_reader(const json::object& members, std::string path,
                  std::vector<base::field_error>& faults)
        : members_(members), path_(std::move(path)), faults_(faults) {}
    object_reader(const object_reader&) = delete;
    object_reader& operator=(const object_reader&) = delete;

    // Reports an error for each member that was not read. Called once, after the last read.
    void finish() {
        for (const auto& [key, value] : members_) {
            if (!read_keys_.contains(key)) {
                fault(key, "unknown_field", "unknown field");
            }
        }
    }

    void read(std::string_view key, std::optional<std::string>& out) {
        if (const auto* value = find(key, "a string", &json::value::is_string)) {
            out = std::string(value->get_string());
        }
    }
    // Reads null as `meaning`.
    void read_or_null(std::string_view key, std::optional<std::string>& out,
                      std::optional<std::string> meaning) {
        const auto* value = any(key);
        if (value != nullptr && value->is_null()) {
            out = std::move(meaning);
        } else {
            read(key, out);
        }
    }
    void read(std::string_view key, std::optional<bool>& out) {
        if (const auto* value = find(key, "a boolean", &json::value::is_bool))
            out = value->get_bool();
    }
    void read(std::string_view key, std::optional<std::int64_t>& out) {
        const auto* value = any(key);
        if (value == nullptr) return;
        out = whole_number(*value);
        if (!out) {
            fault(key, "wrong_type", fmt::format("must be an integer, is {}", kind_of(*value)));
        }
    }
    // Labels, or the changes to labels in a merge patch. In a patch, null deletes a label.
    template <class Labels>
        requires std::same_as<Labels, domain::labels> || std::same_as<Labels, domain::label_changes>
    void read(std::string_view key, std::optional<Labels>& out) {
        constexpr bool accepts_null = std::same_as<Labels, domain::label_changes>;
        const auto* value = find(key, "an object", &json::value::is_object);
        if (value == nullptr) return;
        out.emplace();
        for (const auto& [name, text] : value->get_object()) {
            if (text.is_string()) {
                out->emplace(std::string(name), std::string(text.get_string()));
            } else if (accepts_null && text.is_null()) {
                out->emplace(std::string(name), typename Labels::mapped_type());
            } else {
                fault_at(base::pointer_to(path_of(key), name), "wrong_type",
                         fmt::format("must be a string{}, is {}", accepts_null ? " or null" : "",
                                     kind_of(text)));
            }
        }
    }
    void read(std::string_view key, std::optional<std::vector<std::string>>& out) {
        const auto* list = array(key);
        if (list == nullptr) return;
        out.emplace();
        for (const auto& item : *list) {
            if (item.is_string()) {
                out->emplace_back(item.get_string());
            } else {
                fault_at(fmt::format("{}/{}", path_of(key), out->size()), "wrong_type",
                         fmt::format("must be a string, is {}", kind_of(item)));
                return;
            }
        }
    }
    // The member as an object, or null.
    const json::object* object(std::string_view key) {
        const auto* value = find(key, "an object", &json::value::is_object);
        return value == nullptr ? nullptr : &value->get_object();
    }
    // The member as an array, or null.
    const json::array* array(std::string_view key) {
        const auto* value = find(key, "an array", &json::value::is_array);
        return value == nullptr ? nullptr : &value->get_array();
    }
    // Any value; for members with several shapes.
    const json::value* any(std::string_view key) {
        read_keys_.insert(std::string(key));
        return members_.if_contains(key);
    }
    void fault(std::string_view key, std::string code, std::string message) {
        fault_at(path_of(key), std::move(code), std::move(message));
    }
    void fault_at(std::string pointer, std::string code, std::string message) {
        domain::add_field_error(faults_, {std::move(pointer), std::move(code), std::move(message)});
    }
    [[nodiscard]] std::string path_of(std::string_view key) const {
        return base::pointer_to(path_, key);
    }
    std::vector<base::field_error>& faults() { return faults_; }

  private:
    const json::value* find(std::string_view key, std::string_view wanted,
                            bool (json::value::*is_wanted)() const noexcept) {
        const auto* value = any(key);
        if (value == nullptr) return nullptr;
        if ((value->*is_wanted)()) return value;
        fault(key, "wrong_type", fmt::format("must be {}, is {}", wanted, kind_of(*value)));
        return nullptr;
    }
    const json::object& members_;
    std::string path_;
    std::vector<base::field_error>& faults_;
    std::set<std::string, std::less<>> read_keys_;
};

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

template <class Request>
base::outcome<Request> read_object(std::string_view body, void (*read)(object_reader&, Request&)) {
    boost::system::error_code error;
    json::parse_options options;
    options.max_depth = 32;
    const auto parsed = json::parse(body, error, {}, options);
    if (error) {
        return bad_request("the body is not JSON: " + error.message());
    }
    if (!parsed.is_object()) {
        return bad_request(fmt::format("the body must be a JSON object, is {}", kind_of(parsed)));
    }
    Request request;
    if (auto pointer = json::find_duplicate_key(body)) {
        request.unread.push_back({std::move(*pointer), "repeated_field", "duplicate field"});
    }
    object_reader reader(parsed.get_object(), "", request.unread);
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
}

void read_patch_members(object_reader& source, domain::patch_request& request) {
    read_shape(source, request.topology, request.size, request.storage);
    source.read("labels", request.labels);
    source.read("deletion_protection", request.deletion_protection);
    source.read("paused", request.paused);
    for (const auto* key : {"id", "project", "name", "engine", "version", "monitoring", "deleted",
                            "status", "revision", "created_at", "updated_at"}) {
        const auto* value = source.any(key);
        if (value == nullptr) continue;
        request.immutable.emplace(
            key, value->is_string() ? std::string(value->get_string()) : json::serialize(*value));
    }
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

void read_api_key_members(object_reader& source, domain::api_key_request& request) {
    source.read("name", request.name);
    source.read("subject", request.subject);
    source.read("permissions", request.permissions);
    source.read("projects", request.projects);
    source.read("expires_at", request.expires_at);
}

void read_member_members(object_reader& source, domain::member_request& request) {
    source.read("role", request.role);
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
base::outcome<domain::member_request> read_member(std::string_view body) {
    return read_object<domain::member_request>(body, &read_member_members);
}

}  // namespace api
