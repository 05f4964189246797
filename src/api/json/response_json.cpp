#include "api/json/response_json.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/quantity.hpp"
#include "base/time_text.hpp"
#include "domain/engines.hpp"
#include "domain/scheduled_pause.hpp"

namespace api {
namespace {

void write_time(json::writer& out, std::string_view key, const std::optional<base::instant>& when) {
    out.key(key);
    if (when && *when != base::instant{}) {
        out.text(base::to_rfc3339(*when));
    } else {
        out.null();
    }
}

void write_labels(json::writer& out, std::string_view key, const domain::labels& labels) {
    out.key(key).begin_object();
    for (const auto& [name, value] : labels) out.member(name, value);
    out.end_object();
}

void write_size(json::writer& out, const domain::size& size) {
    const auto* preset = domain::preset_of(size);
    out.key("size").begin_object().key("preset");
    if (preset != nullptr) {
        out.text(preset->name);
    } else {
        out.null();
    }
    out.member("cpu", base::format_millis(size.cpu_millis));
    out.member("memory", base::bytes_text(size.memory_bytes)).end_object();
}

void write_storage(json::writer& out, const domain::storage& storage) {
    out.key("storage").begin_object();
    out.member("size", base::bytes_text(storage.bytes)).key("class");
    if (storage.storage_class.empty()) {
        out.null();
    } else {
        out.text(storage.storage_class);
    }
    out.member("type", domain::name(storage.type)).end_object();
}

// The short form, which describes the data group, and all groups.
void write_shape(json::writer& out, const domain::topology& shape) {
    const auto& data = shape.data();
    out.key("topology").begin_object().member("mode", domain::name(shape.mode));
    out.member("replicas", data.replicas).member("shards", shape.shards);
    out.key("groups").begin_array();
    for (const auto& group : shape.groups) {
        out.begin_object().member("role", group.role).member("replicas", group.replicas);
        write_size(out, group.size);
        write_storage(out, group.storage);
        out.end_object();
    }
    out.end_array().end_object();
    write_size(out, data.size);
    write_storage(out, data.storage);
}

// Every value is a function of the record, so that the entity changes with its revision alone.
void write_schedule(json::writer& out, const domain::database& record) {
    out.key("schedule");
    if (record.schedule) {
        out.begin_object();
        out.member("utc_offset", domain::offset_text(record.schedule->utc_offset_minutes));
        out.key("off").begin_array();
        for (const auto& window : record.schedule->off) {
            out.begin_object().key("days").begin_array();
            for (std::size_t day = 0; day < domain::day_names.size(); ++day) {
                if ((window.days >> day & 1U) != 0) out.text(domain::day_names[day]);
            }
            out.end_array().member("from", domain::time_text(window.begin));
            out.member("to", domain::time_text(window.end)).end_object();
        }
        out.end_array().end_object();
    } else {
        out.null();
    }
    const auto planned = domain::planned_edge(record);
    write_time(out, "next_schedule_change_at",
               planned ? std::optional(planned->time) : std::nullopt);
    out.key("next_schedule_change");
    if (planned) {
        out.text(domain::name(planned->action));
    } else {
        out.null();
    }
}

std::string_view group_of(const domain::metric_description& metric) {
    const auto dot = metric.name.find('.');
    return dot == std::string_view::npos ? std::string_view() : metric.name.substr(0, dot);
}

// "connections.current" is member "current" of "connections"; a metric without a dot stands alone.
void write_groups(json::writer& out, const domain::metric_values& values) {
    const auto all = domain::all_metrics();
    for (std::size_t first = 0; first < all.size(); ++first) {
        const auto group = group_of(all[first]);
        if (group.empty()) {
            if (values.has(all[first].id)) out.key(all[first].name).number(values[all[first].id]);
            continue;
        }
        const auto is_of_group = [&](const auto& each) { return group_of(each) == group; };
        if (std::any_of(all.begin(), all.begin() + std::ptrdiff_t(first), is_of_group)) continue;
        const bool is_empty = std::ranges::none_of(
            all, [&](const auto& each) { return is_of_group(each) && values.has(each.id); });
        if (is_empty) continue;
        out.key(group).begin_object();
        for (const auto& each : all) {
            if (!is_of_group(each) || !values.has(each.id)) continue;
            out.key(each.name.substr(group.size() + 1)).number(values[each.id]);
        }
        out.end_object();
    }
}

// Returns whether another database, or another client, owns the object of this name.
bool is_of_other(const app::database_view& view) {
    return view.observed && view.observed->exists &&
           view.observed->owner_database_id != view.record->id &&
           !domain::is_ours(*view.record, *view.observed);
}

}  // namespace

void write_status(json::writer& out, const app::database_view& view) {
    const auto& status = view.status;
    out.begin_object().member("phase", domain::name(status.phase));
    out.member("reason", status.reason).member("message", status.message);
    write_time(out, "since", status.since);
    const auto* observed = is_of_other(view) ? nullptr : view.observed.get();
    write_time(out, "observed_at",
               observed == nullptr ? std::nullopt : std::optional(observed->observed_at));
    out.key("replicas").begin_array();
    if (observed != nullptr) {
        for (const auto& each : observed->members) {
            out.begin_object().member("name", each.name).member("role", each.role);
            out.member("ready", each.ready).member("restarts", each.restarts).end_object();
        }
    }
    out.end_array().key("endpoints").begin_array();
    if (observed != nullptr) {
        for (const auto& each : observed->endpoints) {
            out.begin_object().member("purpose", each.purpose).member("host", each.host);
            out.member("port", each.port).end_object();
        }
    }
    out.end_array().key("conditions").begin_array();
    if (observed != nullptr) {
        for (const auto& each : observed->conditions) {
            out.begin_object().member("type", each.type).member("status", each.status);
            out.member("reason", each.reason).member("message", each.message);
            write_time(out, "last_transition", each.last_transition);
            out.end_object();
        }
    }
    out.end_array().end_object();
}

void write(json::writer& out, const app::database_view& view) {
    const auto& record = *view.record;
    out.begin_object().member("id", record.id).member("project", record.project);
    out.member("name", record.name).member("engine", record.engine);
    out.member("version", record.version);
    write_shape(out, record.topology);
    out.member("deletion_protection", record.deletion_protection);
    out.member("paused", record.paused).member("monitoring", record.monitoring);
    write_labels(out, "labels", record.labels);
    write_schedule(out, record);
    out.member("deleted", record.deleted).member("revision", record.revision);
    write_time(out, "created_at", record.created_at);
    write_time(out, "updated_at", record.updated_at);
    out.key("status");
    write_status(out, view);
    out.end_object();
}

void write(json::writer& out, const domain::operation& operation) {
    out.begin_object().member("id", operation.id).member("kind", domain::name(operation.kind));
    out.member("database_id", operation.database_id).member("project", operation.project);
    out.member("phase", domain::name(operation.phase)).member("progress", operation.progress);
    out.key("steps").begin_array();
    for (const auto& step : operation.steps) {
        out.begin_object().member("name", step.name).member("phase", domain::name(step.phase));
        out.member("message", step.message).end_object();
    }
    out.end_array();
    write_time(out, "created_at", operation.created_at);
    write_time(out, "started_at", operation.started_at);
    write_time(out, "finished_at", operation.finished_at);
    out.key("error");
    if (operation.error_code.empty() && operation.error_message.empty()) {
        out.null();
    } else {
        out.begin_object().member("code", operation.error_code);
        out.member("message", operation.error_message).end_object();
    }
    out.member("requested_by", operation.requested_by).end_object();
}

void write(json::writer& out, const domain::project& project) {
    out.begin_object().member("name", project.name);
    out.member("display_name", project.display_name);
    write_labels(out, "labels", project.labels);
    out.key("quota").begin_object().member("databases", project.max_databases);
    out.member("cpu", base::format_millis(project.max_cpu_millis));
    out.member("memory", base::bytes_text(project.max_memory_bytes));
    out.member("storage", base::bytes_text(project.max_storage_bytes)).end_object();
    out.member("revision", project.revision);
    write_time(out, "created_at", project.created_at);
    write_time(out, "updated_at", project.updated_at);
    out.end_object();
}

void write(json::writer& out, const domain::event& event) {
    out.begin_object().member("type", event.type).member("reason", event.reason);
    out.member("message", event.message).member("object", event.object);
    out.member("count", event.count);
    write_time(out, "first_seen", event.first_seen);
    write_time(out, "last_seen", event.last_seen);
    out.end_object();
}

void write(json::writer& out, const ports::credentials& login) {
    out.begin_object().member("username", login.username);
    out.member("password", login.password.reveal()).member("host", login.host);
    out.member("port", login.port).member("database", login.database);
    out.member("uri", login.uri.reveal()).key("env").begin_object();
    for (const auto& [name, value] : login.environment) out.member(name, value.reveal());
    out.end_object().end_object();
}

metrics_document encode_metrics(const app::database_view& view) {
    metrics_document document;
    document.text.reserve(2048);
    json::writer out(document.text);
    out.begin_object().member("database_id", view.record->id);
    out.member("engine", view.record->engine);
    document.split_at = document.text.size();
    write_time(out, "last_updated",
               view.sample ? std::optional(view.sample->observed_at) : std::nullopt);
    out.member("interval_seconds", static_cast<std::int64_t>(view.metrics_interval.count()));
    out.key("metrics").begin_object();
    if (view.sample) write_groups(out, view.sample->values);
    out.end_object().key("engine_metrics").begin_object();
    if (view.sample) {
        for (const auto& [name, value] : view.sample->engine_metrics) out.key(name).number(value);
    }
    out.end_object().end_object();
    return document;
}

sample_age age_of_sample(const app::database_view& view, base::instant now) {
    sample_age age{
        .state = view.metrics, .reason = view.metrics_reason, .message = view.metrics_message};
    if (!view.sample) return age;
    const auto duration =
        std::chrono::duration_cast<std::chrono::seconds>(now - view.sample->observed_at);
    age.seconds = std::max<std::int64_t>(0, duration.count());
    if (age.state == app::metrics_state::fresh && duration > 3 * view.metrics_interval) {
        age.state = app::metrics_state::stale;
        age.reason = "no_recent_sample";
    }
    return age;
}

std::string encode_age(const sample_age& age) {
    std::string text = fmt::format(",\"status\":\"{}\",\"reason\":", app::name(age.state));
    json::writer(text).text(age.reason);
    text += ",\"message\":";
    json::writer(text).text(age.message);
    text += ",\"age_seconds\":";
    text += age.seconds ? std::to_string(*age.seconds) : "null";
    return text;
}

}  // namespace api
