#include "devcluster/apiserver/representation.hpp"

#include <fmt/format.h>

#include "base/time_text.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

// The age in the format of kubectl: 5s, 3m, 7h, 12d.
std::string age_text(std::string_view since, base::instant now) {
    const auto when = base::from_rfc3339(since);
    if (!when) return "<unknown>";
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - *when).count();
    if (seconds < 120) return fmt::format("{}s", std::max<std::int64_t>(0, seconds));
    if (seconds < 3 * 3600) return fmt::format("{}m", seconds / 60);
    if (seconds < 48 * 3600) return fmt::format("{}h", seconds / 3600);
    return fmt::format("{}d", seconds / 86400);
}

const json::value* value_at(const json::object& object, std::string_view path) {
    const json::value* now = nullptr;
    const json::object* in = &object;
    while (path.starts_with('.')) {
        path.remove_prefix(1);
        const auto dot = path.find('.');
        now = in == nullptr ? nullptr : in->if_contains(path.substr(0, dot));
        if (now == nullptr || dot == std::string_view::npos) return now;
        in = now->if_object();
        path.remove_prefix(dot);
    }
    return now;
}

json::value cell(const printer_column& column, const json::object& object, base::instant now) {
    const auto* value = value_at(object, column.path);
    if (value == nullptr) return nullptr;
    if (column.type == "date" && value->is_string()) return {age_text(value->get_string(), now)};
    return *value;
}

json::object metadata_only(const json::object& object) {
    const auto* metadata = object_at(&object, "metadata");
    return {{"kind", "PartialObjectMetadata"},
            {"apiVersion", "meta.k8s.io/v1"},
            {"metadata", metadata == nullptr ? json::object() : *metadata}};
}

json::object column_definition(std::string_view name, std::string_view type,
                               std::string_view format) {
    return {
        {"name", name}, {"type", type}, {"format", format}, {"description", ""}, {"priority", 0}};
}

}  // namespace

std::optional<object_format> accepted_format(std::string_view accept) {
    if (trimmed(accept).empty()) return object_format::whole;
    while (!accept.empty()) {
        const auto comma = accept.find(',');
        auto one = trimmed(accept.substr(0, comma));
        accept.remove_prefix(comma == std::string_view::npos ? accept.size() : comma + 1);
        const auto media = trimmed(one.substr(0, one.find(';')));
        const bool is_json =
            media == "application/json" || media == "*/*" || media == "application/*";
        if (!is_json) continue;
        if (one.find("as=Table") != std::string_view::npos) return object_format::table;
        if (one.find("as=PartialObjectMetadata") != std::string_view::npos) {
            return object_format::metadata;
        }
        if (one.find("as=") == std::string_view::npos) return object_format::whole;
    }
    return std::nullopt;
}

json::object in_version(const resource_type& type, json::object stored) {
    if (type.is_stored_as_is()) return stored;
    stored["apiVersion"] = type.api_version();
    if (!type.rules) return stored;
    const auto metadata = stored["metadata"];
    json::value value = std::move(stored);
    type.rules->prune(value);
    type.rules->set_defaults(value);
    value.get_object()["metadata"] = metadata;
    return std::move(value.get_object());
}

void append_object(std::string& out, const representation& form, std::string_view stored) {
    if (form.is_verbatim()) {
        out += stored;
        return;
    }
    boost::system::error_code error;
    auto parsed = json::parse(stored, error);
    if (error || !parsed.is_object()) return;
    auto object = in_version(*form.type, std::move(parsed.get_object()));
    out += json::serialize(form.format == object_format::whole ? object : metadata_only(object));
}

http::response object_response(const type_pointer& type, unsigned status,
                               const stored_object& object,
                               const std::vector<std::string>& warnings) {
    std::string text;
    append_object(text, {type, object_format::whole}, object.text());
    auto response = json_response(status, std::move(text));
    for (const auto& each : warnings) {
        response.headers.add("Warning", "299 - " + json::serialize(json::string(each)));
    }
    return response;
}

json::object to_table(const table_options& options, const std::vector<json::object>& objects) {
    json::array columns{column_definition("Name", "string", "name")};
    for (const auto& each : options.type->columns) {
        columns.push_back(
            column_definition(each.name, each.type == "date" ? "string" : each.type, ""));
    }
    if (options.type->columns.empty()) columns.push_back(column_definition("Age", "string", ""));
    json::array rows;
    for (const auto& object : objects) {
        json::array cells{meta(object, "name")};
        for (const auto& each : options.type->columns)
            cells.push_back(cell(each, object, options.now));
        if (options.type->columns.empty()) {
            cells.push_back(json::string(age_text(meta(object, "creationTimestamp"), options.now)));
        }
        json::object row{{"cells", std::move(cells)}};
        if (options.include_object == "Object") {
            row["object"] = object;
        } else if (options.include_object != "None") {
            row["object"] = metadata_only(object);
        }
        rows.push_back(std::move(row));
    }
    return {{"kind", "Table"},
            {"apiVersion", "meta.k8s.io/v1"},
            {"metadata", options.list_metadata},
            {"columnDefinitions", std::move(columns)},
            {"rows", std::move(rows)}};
}

}  // namespace apiserver
