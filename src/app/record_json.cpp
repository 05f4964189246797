#include "app/record_json.hpp"

#include <fmt/format.h>

#include <functional>
#include <optional>

#include "base/time_text.hpp"
#include "domain/engines.hpp"
#include "json/json.hpp"

namespace app {
namespace {

using base::errc;

// 1: `topology` without groups, size and storage next to it. 2: topology.groups.
constexpr int format_version = 2;

// Reads the members of one object. Keeps the name of the first invalid member in `invalid_member`.
// An invalid member yields its default value.
class reader {
  public:
    reader(const json::value& source, std::string& invalid_member)
        : invalid_member_(invalid_member) {
        object_ = source.if_object();
        if (object_ == nullptr) report_invalid("the document");
    }

    std::string text(std::string_view key) {
        const auto* value = find(key);
        if (value == nullptr) return {};
        if (const auto* string = value->if_string()) return std::string(*string);
        report_invalid(key);
        return {};
    }
    std::int64_t integer(std::string_view key) {
        const auto* value = find(key);
        if (value == nullptr) return 0;
        if (const auto* number = value->if_int64()) return *number;
        report_invalid(key);
        return 0;
    }
    int small(std::string_view key) { return static_cast<int>(integer(key)); }
    bool flag(std::string_view key) {
        const auto* value = find(key);
        if (value == nullptr) return false;
        if (const auto* boolean = value->if_bool()) return *boolean;
        report_invalid(key);
        return false;
    }
    base::instant when(std::string_view key) {
        return optional_when(key).value_or(base::instant{});
    }
    std::optional<base::instant> optional_when(std::string_view key) {
        if (find(key) == nullptr) return std::nullopt;
        auto result = base::from_rfc3339(text(key));
        if (!result) report_invalid(key);
        return result;
    }
    template <class Enum>
    Enum word(std::string_view key, std::optional<Enum> (*parse)(std::string_view) noexcept) {
        const auto result = parse(text(key));
        if (!result) report_invalid(key);
        return result.value_or(Enum{});
    }
    domain::labels labels(std::string_view key) {
        domain::labels result;
        const auto* value = find(key);
        if (value == nullptr) return result;
        const auto* object = value->if_object();
        if (object == nullptr) {
            report_invalid(key);
            return result;
        }
        for (const auto& [name, text] : *object) {
            if (const auto* string = text.if_string()) {
                result.emplace(std::string(name), std::string(*string));
            } else {
                report_invalid(key);
            }
        }
        return result;
    }
    template <class Item>
    std::vector<Item> list(std::string_view key, Item (*read)(reader&)) {
        std::vector<Item> result;
        const auto* value = find(key);
        if (value == nullptr) return result;
        const auto* array = value->if_array();
        if (array == nullptr) {
            report_invalid(key);
            return result;
        }
        for (const auto& element : *array) {
            reader inner(element, invalid_member_);
            result.push_back(read(inner));
        }
        return result;
    }
    reader object(std::string_view key) {
        static const json::value none = json::object{};
        const auto* value = find(key);
        return {value == nullptr ? none : *value, invalid_member_};
    }
    [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
    void check_version() {
        if (integer("v") > format_version) report_invalid("v (written by a newer version)");
    }

    void report_invalid(std::string_view member) {
        if (invalid_member_.empty()) invalid_member_ = member;
    }

  private:
    const json::value* find(std::string_view key) const {
        return object_ == nullptr ? nullptr : object_->if_contains(key);
    }
    const json::object* object_ = nullptr;
    std::string& invalid_member_;
};

json::object to_json(const domain::labels& labels) {
    json::object result;
    for (const auto& [key, value] : labels) result[key] = value;
    return result;
}

json::object to_json(const domain::operation_step& step) {
    return {{"name", step.name}, {"phase", name(step.phase)}, {"message", step.message}};
}

json::object to_json(const domain::operation& source) {
    json::array steps;
    for (const auto& step : source.steps) steps.push_back(to_json(step));
    json::object result{{"v", format_version},
                        {"id", source.id},
                        {"kind", name(source.kind)},
                        {"database_id", source.database_id},
                        {"project", source.project},
                        {"phase", name(source.phase)},
                        {"progress", source.progress},
                        {"steps", std::move(steps)},
                        {"created_at", base::to_rfc3339_micro(source.created_at)},
                        {"error_code", source.error_code},
                        {"error_message", source.error_message},
                        {"requested_by", source.requested_by}};
    if (source.started_at) result["started_at"] = base::to_rfc3339_micro(*source.started_at);
    if (source.finished_at) result["finished_at"] = base::to_rfc3339_micro(*source.finished_at);
    if (!source.idempotency_key.empty()) {
        result["idempotency_key"] = source.idempotency_key;
        result["request_digest"] = source.request_digest;
    }
    if (!source.traceparent.empty()) result["traceparent"] = source.traceparent;
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

json::object to_json(const domain::schedule& plan) {
    json::array off;
    for (const auto& window : plan.off) {
        off.push_back(json::object{
            {"days", window.days}, {"begin_minutes", window.begin}, {"end_minutes", window.end}});
    }
    return {{"utc_offset_minutes", plan.utc_offset_minutes}, {"off", std::move(off)}};
}

domain::operation_step read_step(reader& source) {
    auto name = source.text("name");
    if (name == "apply_switch") name = "apply_pause";  // its name in format 1
    return {.name = std::move(name),
            .phase = source.word("phase", &domain::operation_phase_from),
            .message = source.text("message")};
}

domain::operation read_operation(reader& source) {
    source.check_version();
    return {.id = source.text("id"),
            .kind = source.word("kind", &domain::operation_kind_from),
            .database_id = source.text("database_id"),
            .project = source.text("project"),
            .phase = source.word("phase", &domain::operation_phase_from),
            .progress = source.small("progress"),
            .steps = source.list("steps", &read_step),
            .created_at = source.when("created_at"),
            .started_at = source.optional_when("started_at"),
            .finished_at = source.optional_when("finished_at"),
            .error_code = source.text("error_code"),
            .error_message = source.text("error_message"),
            .requested_by = source.text("requested_by"),
            .idempotency_key = source.text("idempotency_key"),
            .request_digest = source.text("request_digest"),
            .traceparent = source.text("traceparent")};
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
        if (shape.groups.empty()) source.report_invalid("groups");
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

domain::off_window read_window(reader& source) {
    const auto days = source.integer("days");
    if (days < 0 || days > 127) source.report_invalid("days");
    return {.days = static_cast<std::uint8_t>(days),
            .begin = source.small("begin_minutes"),
            .end = source.small("end_minutes")};
}

domain::schedule read_schedule(reader source) {
    domain::schedule plan{.utc_offset_minutes = source.small("utc_offset_minutes"),
                          .off = source.list("off", &read_window)};
    if (!domain::is_valid(plan)) source.report_invalid("schedule");
    return plan;
}

domain::database read_database(reader& source) {
    source.check_version();
    domain::database record;
    record.id = source.text("id");
    record.project = source.text("project");
    record.name = source.text("name");
    record.engine = source.text("engine");
    record.version = source.text("version");
    record.topology = read_topology(source, record.engine);
    record.deletion_protection = source.flag("deletion_protection");
    record.paused = source.flag("paused");
    record.monitoring = source.flag("monitoring");
    record.labels = source.labels("labels");
    if (source.has("schedule")) {
        record.schedule = read_schedule(source.object("schedule"));
        record.schedule_handled_until = source.when("schedule_handled_until");
    }
    record.deleted = source.flag("deleted");
    record.object_uid = source.text("object_uid");
    record.was_ready = source.flag("was_ready");
    record.operations = source.list("operations", &read_operation);
    record.created_at = source.when("created_at");
    record.updated_at = source.when("updated_at");
    return record;
}

domain::project read_project(reader& source) {
    source.check_version();
    domain::project record;
    record.name = source.text("name");
    if (record.name.empty()) source.report_invalid("name");
    record.display_name = source.text("display_name");
    record.labels = source.labels("labels");
    record.max_databases = source.integer("max_databases");
    record.max_cpu_millis = source.integer("max_cpu_millis");
    record.max_memory_bytes = source.integer("max_memory_bytes");
    record.max_storage_bytes = source.integer("max_storage_bytes");
    record.created_at = source.when("created_at");
    record.updated_at = source.when("updated_at");
    return record;
}

template <class Record>
base::outcome<Record> decode(std::string_view text, Record (*read)(reader&),
                             std::string_view kind) {
    boost::system::error_code error;
    const auto parsed = json::parse(text, error);
    if (error) {
        return base::fail(errc::corrupt, fmt::format("a stored {} is not JSON", kind));
    }
    std::string invalid_member;
    reader source(parsed, invalid_member);
    auto record = read(source);
    if (!invalid_member.empty()) {
        return base::fail(errc::corrupt,
                          fmt::format("a stored {} cannot be read at {}", kind, invalid_member));
    }
    return record;
}

}  // namespace

std::string encode(const domain::operation& source) {
    return json::serialize(to_json(source));
}

std::string encode(const domain::database& source) {
    json::array operations;
    for (const auto& operation : source.operations) operations.push_back(to_json(operation));
    json::object result{{"v", format_version},
                        {"id", source.id},
                        {"project", source.project},
                        {"name", source.name},
                        {"engine", source.engine},
                        {"version", source.version},
                        {"topology", to_json(source.topology)},
                        {"deletion_protection", source.deletion_protection},
                        {"paused", source.paused},
                        {"monitoring", source.monitoring},
                        {"labels", to_json(source.labels)},
                        {"deleted", source.deleted},
                        {"object_uid", source.object_uid},
                        {"was_ready", source.was_ready},
                        {"operations", std::move(operations)},
                        {"created_at", base::to_rfc3339_micro(source.created_at)},
                        {"updated_at", base::to_rfc3339_micro(source.updated_at)}};
    if (source.schedule) {
        result["schedule"] = to_json(*source.schedule);
        result["schedule_handled_until"] = base::to_rfc3339_micro(source.schedule_handled_until);
    }
    return json::serialize(result);
}

std::string encode(const domain::project& source) {
    const json::object result{{"v", format_version},
                              {"name", source.name},
                              {"display_name", source.display_name},
                              {"labels", to_json(source.labels)},
                              {"max_databases", source.max_databases},
                              {"max_cpu_millis", source.max_cpu_millis},
                              {"max_memory_bytes", source.max_memory_bytes},
                              {"max_storage_bytes", source.max_storage_bytes},
                              {"created_at", base::to_rfc3339_micro(source.created_at)},
                              {"updated_at", base::to_rfc3339_micro(source.updated_at)}};
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
