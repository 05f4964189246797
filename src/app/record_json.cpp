#include "app/record_json.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <functional>
#include <optional>

#include "base/time_text.hpp"
#include "domain/engines.hpp"

namespace app {
namespace {

namespace json = boost::json;
using base::errc;

// 1: `topology` without groups, size and storage next to it. 2: topology.groups.
constexpr int format_version = 2;

// Reads members of one object; the first fault is kept and everything after it yields defaults.
class reader {
  public:
    reader(const json::value& from, std::string& fault) : fault_(fault) {
        object_ = from.if_object();
        if (object_ == nullptr) complain("the document");
    }

    std::string text(std::string_view key) {
        const auto* value = find(key);
        if (value == nullptr) return {};
        if (const auto* found = value->if_string()) return std::string(*found);
        complain(key);
        return {};
    }
    std::int64_t integer(std::string_view key) {
        const auto* value = find(key);
        if (value == nullptr) return 0;
        if (const auto* found = value->if_int64()) return *found;
        complain(key);
        return 0;
    }
    int small(std::string_view key) { return static_cast<int>(integer(key)); }
    bool flag(std::string_view key) {
        const auto* value = find(key);
        if (value == nullptr) return false;
        if (const auto* found = value->if_bool()) return *found;
        complain(key);
        return false;
    }
    base::instant when(std::string_view key) {
        return optional_when(key).value_or(base::instant{});
    }
    std::optional<base::instant> optional_when(std::string_view key) {
        if (find(key) == nullptr) return std::nullopt;
        auto found = base::from_rfc3339(text(key));
        if (!found) complain(key);
        return found;
    }
    template <class Enum>
    Enum word(std::string_view key, std::optional<Enum> (*from)(std::string_view) noexcept) {
        const auto found = from(text(key));
        if (!found) complain(key);
        return found.value_or(Enum{});
    }
    domain::labels labels(std::string_view key) {
        domain::labels result;
        const auto* value = find(key);
        if (value == nullptr) return result;
        const auto* object = value->if_object();
        if (object == nullptr) {
            complain(key);
            return result;
        }
        for (const auto& [name, text] : *object) {
            if (const auto* found = text.if_string()) {
                result.emplace(std::string(name), std::string(*found));
            } else {
                complain(key);
            }
        }
        return result;
    }
    template <class Item>
    std::vector<Item> list(std::string_view key, Item (*from)(reader&)) {
        std::vector<Item> result;
        const auto* value = find(key);
        if (value == nullptr) return result;
        const auto* array = value->if_array();
        if (array == nullptr) {
            complain(key);
            return result;
        }
        for (const auto& each : *array) {
            reader inner(each, fault_);
            result.push_back(from(inner));
        }
        return result;
    }
    reader object(std::string_view key) {
        static const json::value none = json::object{};
        const auto* value = find(key);
        return {value == nullptr ? none : *value, fault_};
    }
    [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
    void check_version() {
        if (integer("v") > format_version) complain("v (written by a newer version)");
    }

    void complain(std::string_view what) {
        if (fault_.empty()) fault_ = what;
    }

  private:
    const json::value* find(std::string_view key) const {
        return object_ == nullptr ? nullptr : object_->if_contains(key);
    }
    const json::object* object_ = nullptr;
    std::string& fault_;
};

json::object to_json(const domain::labels& labels) {
    json::object result;
    for (const auto& [key, value] : labels) result[key] = value;
    return result;
}

json::object to_json(const domain::operation_step& step) {
    return {{"name", step.name}, {"phase", name(step.phase)}, {"message", step.message}};
}

json::object to_json(const domain::operation& from) {
    json::array steps;
    for (const auto& step : from.steps) steps.push_back(to_json(step));
    json::object result{{"v", format_version},
                        {"id", from.id},
                        {"kind", name(from.kind)},
                        {"database_id", from.database_id},
                        {"project", from.project},
                        {"phase", name(from.phase)},
                        {"progress", from.progress},
                        {"steps", std::move(steps)},
                        {"created_at", base::to_rfc3339_micro(from.created_at)},
                        {"error_code", from.error_code},
                        {"error_message", from.error_message},
                        {"requested_by", from.requested_by}};
    if (from.started_at) result["started_at"] = base::to_rfc3339_micro(*from.started_at);
    if (from.finished_at) result["finished_at"] = base::to_rfc3339_micro(*from.finished_at);
    if (!from.idempotency_key.empty()) {
        result["idempotency_key"] = from.idempotency_key;
        result["request_digest"] = from.request_digest;
    }
    return result;
}

json::object to_json(const domain::topology& shape) {
    json::array groups;
    for (const auto& group : shape.groups) {
        groups.push_back(json::object{{"role", group.role},
                                      {"replicas", group.replicas},
                                      {"cpu_millis", group.size.cpu_millis},
                                      {"memory_bytes", group.size.memory_bytes},
                                      {"storage",
                                       {{"bytes", group.storage.bytes},
                                        {"class", group.storage.storage_class},
                                        {"type", name(group.storage.type)}}}});
    }
    return {{"mode", name(shape.mode)}, {"shards", shape.shards}, {"groups", std::move(groups)}};
}

domain::operation_step read_step(reader& from) {
    auto name = from.text("name");
    if (name == "apply_switch") name = "apply_pause";  // its name in format 1
    return {.name = std::move(name),
            .phase = from.word("phase", &domain::operation_phase_from),
            .message = from.text("message")};
}

domain::operation read_operation(reader& from) {
    from.check_version();
    return {.id = from.text("id"),
            .kind = from.word("kind", &domain::operation_kind_from),
            .database_id = from.text("database_id"),
            .project = from.text("project"),
            .phase = from.word("phase", &domain::operation_phase_from),
            .progress = from.small("progress"),
            .steps = from.list("steps", &read_step),
            .created_at = from.when("created_at"),
            .started_at = from.optional_when("started_at"),
            .finished_at = from.optional_when("finished_at"),
            .error_code = from.text("error_code"),
            .error_message = from.text("error_message"),
            .requested_by = from.text("requested_by"),
            .idempotency_key = from.text("idempotency_key"),
            .request_digest = from.text("request_digest")};
}

domain::storage read_storage(reader source) {
    return {.bytes = source.integer("bytes"),
            .storage_class = source.text("class"),
            .type = source.word("type", &domain::storage_type_from)};
}

domain::node_group read_group(reader& source) {
    return {.role = source.text("role"),
            .replicas = source.small("replicas"),
            .size = {.cpu_millis = source.integer("cpu_millis"),
                     .memory_bytes = source.integer("memory_bytes")},
            .storage = read_storage(source.object("storage"))};
}

// Documents of format 1 have the data group only, spread over the record. The groups that the
// platform created next to it had the engine's default values.
domain::topology read_topology(reader& record, const std::string& engine) {
    auto source = record.object("topology");
    domain::topology shape{.mode = source.word("mode", &domain::topology_mode_from),
                           .shards = source.small("shards")};
    if (source.has("groups")) {
        shape.groups = source.list("groups", &read_group);
        if (shape.groups.empty()) source.complain("groups");
        return shape;
    }
    shape.groups = {{.replicas = source.small("replicas"),
                     .size = {.cpu_millis = record.integer("cpu_millis"),
                              .memory_bytes = record.integer("memory_bytes")},
                     .storage = read_storage(record.object("storage"))}};
    const auto* rules = domain::find_engine(engine);
    if (rules != nullptr) domain::complete_groups(shape, *rules);
    return shape;
}

domain::database read_database(reader& from) {
    from.check_version();
    domain::database record;
    record.id = from.text("id");
    record.project = from.text("project");
    record.name = from.text("name");
    record.engine = from.text("engine");
    record.version = from.text("version");
    record.topology = read_topology(from, record.engine);
    record.deletion_protection = from.flag("deletion_protection");
    record.paused = from.flag("paused");
    record.monitoring = from.flag("monitoring");
    record.labels = from.labels("labels");
    record.deleted = from.flag("deleted");
    record.object_uid = from.text("object_uid");
    record.was_ready = from.flag("was_ready");
    record.operations = from.list("operations", &read_operation);
    record.created_at = from.when("created_at");
    record.updated_at = from.when("updated_at");
    return record;
}

domain::project read_project(reader& from) {
    from.check_version();
    domain::project record;
    record.name = from.text("name");
    record.display_name = from.text("display_name");
    record.labels = from.labels("labels");
    record.max_databases = from.integer("max_databases");
    record.max_cpu_millis = from.integer("max_cpu_millis");
    record.max_memory_bytes = from.integer("max_memory_bytes");
    record.max_storage_bytes = from.integer("max_storage_bytes");
    record.created_at = from.when("created_at");
    record.updated_at = from.when("updated_at");
    return record;
}

template <class Record>
base::outcome<Record> decode(std::string_view text, Record (*read)(reader&),
                             std::string_view what) {
    boost::system::error_code error;
    const auto parsed = json::parse(text, error);
    if (error) {
        return base::fail(errc::corrupt, fmt::format("a stored {} is not JSON", what));
    }
    std::string fault;
    reader from(parsed, fault);
    auto record = read(from);
    if (!fault.empty()) {
        return base::fail(errc::corrupt,
                          fmt::format("a stored {} cannot be read at {}", what, fault));
    }
    return record;
}

}  // namespace

std::string encode(const domain::operation& record) {
    return json::serialize(to_json(record));
}

std::string encode(const domain::database& from) {
    json::array operations;
    for (const auto& each : from.operations) operations.push_back(to_json(each));
    const json::object result{{"v", format_version},
                              {"id", from.id},
                              {"project", from.project},
                              {"name", from.name},
                              {"engine", from.engine},
                              {"version", from.version},
                              {"topology", to_json(from.topology)},
                              {"deletion_protection", from.deletion_protection},
                              {"paused", from.paused},
                              {"monitoring", from.monitoring},
                              {"labels", to_json(from.labels)},
                              {"deleted", from.deleted},
                              {"object_uid", from.object_uid},
                              {"was_ready", from.was_ready},
                              {"operations", std::move(operations)},
                              {"created_at", base::to_rfc3339_micro(from.created_at)},
                              {"updated_at", base::to_rfc3339_micro(from.updated_at)}};
    return json::serialize(result);
}

std::string encode(const domain::project& from) {
    const json::object result{{"v", format_version},
                              {"name", from.name},
                              {"display_name", from.display_name},
                              {"labels", to_json(from.labels)},
                              {"max_databases", from.max_databases},
                              {"max_cpu_millis", from.max_cpu_millis},
                              {"max_memory_bytes", from.max_memory_bytes},
                              {"max_storage_bytes", from.max_storage_bytes},
                              {"created_at", base::to_rfc3339_micro(from.created_at)},
                              {"updated_at", base::to_rfc3339_micro(from.updated_at)}};
    return json::serialize(result);
}

base::outcome<domain::database> decode_database(std::string_view text) {
    return decode(text, &read_database, "database");
}
base::outcome<domain::project> decode_project(std::string_view text) {
    return decode(text, &read_project, "project");
}
base::outcome<domain::operation> decode_operation(std::string_view text) {
    return decode(text, &read_operation, "operation");
}

}  // namespace app
