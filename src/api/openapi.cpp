#include <fmt/format.h>

#include <boost/json.hpp>

#include "api/api.hpp"
#include "api/handler.hpp"
#include "api/routes.hpp"

namespace api {
namespace {

namespace json = boost::json;

// The documents of the API. Paths are made from the table of routes, so that none is forgotten.
constexpr std::string_view schemas = R"json({
"Anything": {"type": "object"},
"Labels": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 32},
"Instant": {"type": ["string", "null"], "format": "date-time"},
"Topology": {"type": "object", "properties": {
  "mode": {"type": "string", "enum": ["standalone", "replicated", "cluster"]},
  "replicas": {"type": "integer"}, "shards": {"type": "integer"}}, "additionalProperties": false},
"SizeRequest": {"oneOf": [{"type": "string", "description": "A preset: micro, small, ..."},
  {"type": "object", "properties": {"preset": {"type": "string"}, "cpu": {"type": "string"},
   "memory": {"type": "string"}}, "additionalProperties": false}]},
"StorageRequest": {"type": "object", "properties": {"size": {"type": "string"},
  "class": {"type": "string"}, "type": {"type": "string", "enum": ["durable", "ephemeral"]}},
  "additionalProperties": false},
"CreateDatabase": {"type": "object", "required": ["project", "name", "engine"], "properties": {
  "project": {"type": "string"}, "name": {"type": "string", "maxLength": 40, "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"},
  "engine": {"type": "string"}, "version": {"type": "string"},
  "topology": {"$ref": "#/components/schemas/Topology"},
  "size": {"$ref": "#/components/schemas/SizeRequest"},
  "storage": {"$ref": "#/components/schemas/StorageRequest"},
  "labels": {"$ref": "#/components/schemas/Labels"},
  "deletion_protection": {"type": "boolean"}, "monitoring": {"type": "boolean"}},
  "additionalProperties": false,
  "examples": [{"project": "default", "name": "orders", "engine": "postgres", "size": "small"}]},
"PatchDatabase": {"type": "object", "properties": {
  "topology": {"$ref": "#/components/schemas/Topology"},
  "size": {"$ref": "#/components/schemas/SizeRequest"},
  "storage": {"$ref": "#/components/schemas/StorageRequest"},
  "labels": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
  "deletion_protection": {"type": "boolean"}, "paused": {"type": "boolean"}}},
"Status": {"type": "object", "required": ["phase", "reason", "message", "since", "observed_at", "replicas", "endpoints", "conditions"], "properties": {
  "phase": {"type": "string", "enum": ["provisioning", "running", "updating", "degraded", "paused", "restoring", "deleting", "failed", "unknown"]},
  "reason": {"type": "string"}, "message": {"type": "string"},
  "since": {"$ref": "#/components/schemas/Instant"}, "observed_at": {"$ref": "#/components/schemas/Instant"},
  "replicas": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"},
    "role": {"type": "string"}, "ready": {"type": "boolean"}, "restarts": {"type": "integer"}}}},
  "endpoints": {"type": "array", "items": {"type": "object", "properties": {"purpose": {"type": "string"},
    "host": {"type": "string"}, "port": {"type": "integer"}}}},
  "conditions": {"type": "array", "items": {"type": "object"}}}},
"Database": {"type": "object", "required": ["id", "project", "name", "engine", "version", "topology", "size", "storage", "labels", "revision", "status"], "properties": {
  "id": {"type": "string"}, "project": {"type": "string"}, "name": {"type": "string"},
  "engine": {"type": "string"}, "version": {"type": "string"},
  "topology": {"$ref": "#/components/schemas/Topology"},
  "size": {"type": "object", "properties": {"preset": {"type": ["string", "null"]}, "cpu": {"type": "string"}, "memory": {"type": "string"}}},
  "storage": {"type": "object", "properties": {"size": {"type": "string"}, "class": {"type": ["string", "null"]}, "type": {"type": "string"}}},
  "deletion_protection": {"type": "boolean"}, "paused": {"type": "boolean"}, "monitoring": {"type": "boolean"},
  "labels": {"$ref": "#/components/schemas/Labels"}, "deleted": {"type": "boolean"}, "revision": {"type": "integer"},
  "created_at": {"$ref": "#/components/schemas/Instant"}, "updated_at": {"$ref": "#/components/schemas/Instant"},
  "status": {"$ref": "#/components/schemas/Status"}}},
"Operation": {"type": "object", "required": ["id", "kind", "database_id", "phase", "progress", "steps"], "properties": {
  "id": {"type": "string"}, "kind": {"type": "string", "enum": ["create", "update", "pause", "resume", "recreate", "remove"]},
  "database_id": {"type": "string"}, "project": {"type": "string"},
  "phase": {"type": "string", "enum": ["queued", "running", "succeeded", "failed", "cancelled", "superseded"]},
  "progress": {"type": "integer", "minimum": 0, "maximum": 100},
  "steps": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}, "phase": {"type": "string"}, "message": {"type": "string"}}}},
  "created_at": {"$ref": "#/components/schemas/Instant"}, "started_at": {"$ref": "#/components/schemas/Instant"}, "finished_at": {"$ref": "#/components/schemas/Instant"},
  "error": {"type": ["object", "null"], "properties": {"code": {"type": "string"}, "message": {"type": "string"}}},
  "requested_by": {"type": "string"}}},
"Accepted": {"type": "object", "required": ["database", "operation"], "properties": {
  "database": {"$ref": "#/components/schemas/Database"},
  "operation": {"oneOf": [{"$ref": "#/components/schemas/Operation"}, {"type": "null"}]}}},
"Metrics": {"type": "object", "required": ["database_id", "engine", "status", "last_updated", "age_seconds", "interval_seconds", "metrics", "engine_metrics"], "properties": {
  "database_id": {"type": "string"}, "engine": {"type": "string"},
  "status": {"type": "string", "enum": ["fresh", "stale", "pending", "unavailable"]}, "reason": {"type": "string"},
  "last_updated": {"$ref": "#/components/schemas/Instant"}, "age_seconds": {"type": ["integer", "null"]},
  "interval_seconds": {"type": "integer"}, "metrics": {"type": "object"},
  "engine_metrics": {"type": "object", "additionalProperties": {"type": ["number", "null"]}}}},
"MetricsHistory": {"type": "object", "required": ["metric", "unit", "step_seconds", "points"], "properties": {
  "metric": {"type": "string"}, "unit": {"type": "string"}, "step_seconds": {"type": "integer"},
  "points": {"type": "array", "items": {"type": "array", "items": {"type": ["string", "number", "null"]}, "minItems": 2, "maxItems": 2}}}},
"Credentials": {"type": "object", "required": ["username", "password", "host", "port", "database", "uri", "env"], "properties": {
  "username": {"type": "string"}, "password": {"type": "string"}, "host": {"type": "string"}, "port": {"type": "integer"},
  "database": {"type": "string"}, "uri": {"type": "string"}, "env": {"type": "object", "additionalProperties": {"type": "string"}}}},
"Event": {"type": "object", "properties": {"type": {"type": "string"}, "reason": {"type": "string"}, "message": {"type": "string"}, "object": {"type": "string"}, "count": {"type": "integer"}}},
"Engine": {"type": "object", "properties": {"engine": {"type": "string"}, "display_name": {"type": "string"}, "installed": {"type": "boolean"}}},
"Version": {"type": "object", "properties": {"name": {"type": "string"}, "version": {"type": "string"}, "deprecated": {"type": "boolean"}}},
"ProjectRequest": {"type": "object", "properties": {"name": {"type": "string"}, "display_name": {"type": "string"},
  "labels": {"$ref": "#/components/schemas/Labels"},
  "quota": {"type": "object", "properties": {"databases": {"type": "integer"}, "cpu": {"type": "string"}, "memory": {"type": "string"}, "storage": {"type": "string"}}, "additionalProperties": false}},
  "additionalProperties": false},
"Project": {"type": "object", "required": ["name", "quota", "revision"], "properties": {"name": {"type": "string"}, "display_name": {"type": "string"},
  "labels": {"$ref": "#/components/schemas/Labels"}, "quota": {"type": "object"}, "revision": {"type": "integer"}}},
"Liveness": {"type": "object", "properties": {"status": {"const": "alive"}}},
"Readiness": {"type": "object", "required": ["status", "database", "redis", "background_services"], "properties": {
  "status": {"type": "string", "enum": ["ready", "not_ready"]}, "database": {"type": "string"}, "redis": {"type": "string"},
  "background_services": {"type": "object"}}},
"Problem": {"type": "object", "required": ["type", "title", "status", "code", "detail", "request_id", "errors", "retryable"], "properties": {
  "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "code": {"type": "string"},
  "detail": {"type": "string"}, "request_id": {"type": "string"}, "retryable": {"type": "boolean"},
  "errors": {"type": "array", "items": {"type": "object", "properties": {"pointer": {"type": "string"}, "code": {"type": "string"}, "message": {"type": "string"}}}}}}
})json";

json::object parameter(std::string_view name, std::string_view where, bool required,
                       std::string_view help, std::string_view type = "string") {
    return {{"name", name},
            {"in", where},
            {"required", required},
            {"description", help},
            {"schema", {{"type", type}}}};
}

json::array parameters_of(const route& to) {
    json::array list;
    const auto open = to.pattern.find('{');
    if (open != std::string_view::npos) {
        const auto name = to.pattern.substr(open + 1, to.pattern.find('}') - open - 1);
        list.push_back(parameter(name, "path", true, "Which one"));
    }
    const auto query = [&list](std::string_view name, std::string_view help,
                               std::string_view type = "string") {
        list.push_back(parameter(name, "query", false, help, type));
    };
    if (to.id == operation_id::list_databases) {
        for (const auto name : {"project", "engine", "name", "status", "label", "q"}) {
            query(name, "Filter");
        }
        query("sort", "name, created_at or updated_at; - in front for descending");
    }
    const bool pages = to.id == operation_id::list_databases ||
                       to.id == operation_id::list_operations ||
                       to.id == operation_id::list_database_operations;
    if (pages) {
        query("limit", "Items per page, 1 to 500", "integer");
        query("cursor", "next_cursor of the page before");
    }
    if (to.id == operation_id::list_operations || to.id == operation_id::list_database_operations) {
        query("phase", "Filter");
    }
    if (to.id == operation_id::get_metrics_history) {
        list.push_back(parameter("metric", "query", true, "Like connections.current"));
        query("from", "RFC 3339; an hour ago");
        query("to", "RFC 3339; now");
        query("step", "Seconds, 1 to 86400", "integer");
    }
    const bool writes = to.verb != http::method::get;
    if (writes) {
        query("dry_run", "Check everything, write nothing", "boolean");
        list.push_back(parameter("Idempotency-Key", "header", false,
                                 "A repetition with the same key gets the first answer"));
    }
    if (to.verb == http::method::patch || to.verb == http::method::del) {
        list.push_back(parameter("If-Match", "header", false, "The ETag that was seen"));
    }
    return list;
}

json::object content(std::string_view media, json::value schema) {
    json::object result;
    result[media] = {{"schema", std::move(schema)}};
    return result;
}

json::object reference(std::string_view name) {
    return {{"$ref", fmt::format("#/components/schemas/{}", name)}};
}

json::object answer_of(const route& to) {
    json::object result{{"description", to.summary}};
    if (to.answer.empty()) {
        if (to.status != 204) {
            const auto media = to.id == operation_id::stream ? "text/event-stream"
                               : to.id == operation_id::docs ? "text/html"
                                                             : "text/plain";
            result["content"] = content(media, json::object{{"type", "string"}});
        }
    } else if (to.answer.ends_with("List")) {
        const auto item = to.answer.substr(0, to.answer.size() - 4);
        result["content"] =
            content("application/json",
                    json::object{{"type", "object"},
                                 {"required", {"items", "next_cursor", "total"}},
                                 {"properties",
                                  {{"items", {{"type", "array"}, {"items", reference(item)}}},
                                   {"next_cursor", {{"type", {"string", "null"}}}},
                                   {"total", {{"type", "integer"}}}}}});
    } else {
        result["content"] = content("application/json", reference(to.answer));
    }
    return result;
}

json::object operation_of(const route& to) {
    json::object responses;
    responses[std::to_string(to.status)] = answer_of(to);
    if (to.status == 202) responses["200"] = answer_of(to);  // nothing to do, or a dry run
    if (to.id == operation_id::create_project) responses["200"] = answer_of(to);
    const json::object refused{
        {"description", "A problem document (RFC 9457)"},
        {"content", content("application/problem+json", reference("Problem"))}};
    if (to.id == operation_id::ready) {
        responses["503"] = answer_of(to);
    }
    if (to.id == operation_id::get_database || to.id == operation_id::get_metrics ||
        to.id == operation_id::get_status || to.id == operation_id::get_project) {
        responses["304"] = {{"description", "Not modified"}};
    }
    if (to.pattern.starts_with("/api/")) responses["default"] = refused;
    json::object result{{"operationId", to.name},
                        {"summary", to.summary},
                        {"parameters", parameters_of(to)},
                        {"responses", std::move(responses)}};
    if (!to.body.empty()) {
        const auto media =
            to.verb == http::method::patch ? "application/merge-patch+json" : "application/json";
        auto body = content("application/json", reference(to.body));
        body[media] = {{"schema", reference(to.body)}};
        result["requestBody"] = {{"required", true}, {"content", std::move(body)}};
    }
    return result;
}

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '&':
                result += "&amp;";
                break;
            default:
                result += c;
        }
    }
    return result;
}

}  // namespace

std::string openapi_document() {
    json::object paths;
    for (const auto& each : all_routes()) {
        auto& item = paths[each.pattern];
        if (!item.is_object()) item.emplace_object();
        std::string verb(http::name(each.verb));
        for (char& c : verb) c = static_cast<char>(c + 32);
        item.get_object()[verb] = operation_of(each);
    }
    const json::object document{
        {"openapi", "3.1.0"},
        {"info",
         {{"title", "KubeDB DBaaS Platform"},
          {"version", "1"},
          {"description",
           "Databases as a service on KubeDB. Reads are answered from the platform's cache. Errors "
           "are problem documents (RFC 9457) that name every faulty field."},
          {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
        {"servers", json::array{json::object{{"url", "/"}}}},
        {"paths", std::move(paths)},
        {"components", {{"schemas", json::parse(schemas)}}}};
    return json::serialize(document);
}

std::string docs_page() {
    std::string page =
        "<!doctype html><html lang=en><meta charset=utf-8><title>KubeDB DBaaS Platform: API</title>"
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 "
        "1rem}"
        "code,pre{font-family:ui-monospace,monospace;background:#f4f4f4;padding:.1em .3em}"
        "pre{padding:1em;overflow:auto}details{border-top:1px solid #ddd;padding:.4rem 0}"
        "summary{cursor:pointer}b.m{display:inline-block;width:5rem;color:#06c}"
        "table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;vertical-align:top}</style>"
        "<h1>KubeDB DBaaS Platform</h1><p>The machine-readable description is "
        "<a href=/api/v1/openapi.json>openapi.json</a> (OpenAPI 3.1). Errors are problem documents "
        "(RFC 9457) that name every faulty field.</p><h2>Routes</h2>";
    const auto known = json::parse(schemas).as_object();
    for (const auto& each : all_routes()) {
        fmt::format_to(std::back_inserter(page),
                       "<details><summary><b class=m>{}</b><code>{}</code> {}</summary><table>",
                       http::name(each.verb), escaped(each.pattern), escaped(each.summary));
        for (const auto& one : parameters_of(each)) {
            const auto& entry = one.as_object();
            fmt::format_to(std::back_inserter(page), "<tr><td><code>{}</code><td>{}<td>{}",
                           escaped(entry.at("name").as_string()),
                           escaped(entry.at("in").as_string()),
                           escaped(entry.at("description").as_string()));
        }
        page += "</table>";
        if (!each.body.empty()) {
            fmt::format_to(std::back_inserter(page), "<p>Body: <a href=#{0}>{0}</a></p>",
                           each.body);
        }
        if (!each.answer.empty()) {
            const auto item = each.answer.ends_with("List")
                                  ? each.answer.substr(0, each.answer.size() - 4)
                                  : each.answer;
            fmt::format_to(std::back_inserter(page), "<p>Answer {0}: <a href=#{1}>{2}</a></p>",
                           each.status, item, each.answer);
        }
        page += "</details>";
    }
    page += "<h2>Documents</h2>";
    for (const auto& [name, schema] : known) {
        fmt::format_to(std::back_inserter(page), "<h3 id={0}>{0}</h3><pre>{1}</pre>",
                       std::string_view(name), escaped(json::serialize(schema)));
    }
    return page + "</html>";
}

}  // namespace api
