#include "devcluster/apiserver/status_response.hpp"

#include <fmt/format.h>

namespace apiserver {

std::string qualified(std::string_view plural, std::string_view group) {
    return group.empty() ? std::string(plural) : fmt::format("{}.{}", plural, group);
}

http::response json_response(unsigned status, std::string text) {
    return {.status = status,
            .headers = {{"Content-Type", "application/json"}},
            .body = http::body(std::move(text))};
}

http::response json_response(unsigned status, const json::value& body) {
    return json_response(status, json::serialize(body));
}

namespace {

json::object details_of(std::string_view group, std::string_view kind, std::string_view name) {
    json::object details;
    if (!name.empty()) details["name"] = name;
    if (!group.empty()) details["group"] = group;
    details["kind"] = kind;
    return details;
}

}  // namespace

http::response to_response(const status_error& error) {
    json::object body{{"kind", "Status"},           {"apiVersion", "v1"},
                      {"metadata", error.metadata}, {"status", "Failure"},
                      {"message", error.message},   {"reason", error.reason}};
    if (!error.details.empty()) body["details"] = error.details;
    body["code"] = error.code;
    auto response = json_response(error.code, body);
    if (error.code == 429 || error.code == 503) response.headers.add("Retry-After", "1");
    return response;
}

json::object success(std::string_view name, std::string_view group, std::string_view plural,
                     std::string_view uid) {
    auto details = details_of(group, plural, name);
    details["uid"] = uid;
    return {{"kind", "Status"},
            {"apiVersion", "v1"},
            {"metadata", json::object{}},
            {"status", "Success"},
            {"details", std::move(details)}};
}

status_error not_found(std::string_view group, std::string_view plural, std::string_view name) {
    return {404, "NotFound", fmt::format("{} \"{}\" not found", qualified(plural, group), name),
            details_of(group, plural, name)};
}

status_error already_exists(std::string_view group, std::string_view plural,
                            std::string_view name) {
    return {409, "AlreadyExists",
            fmt::format("{} \"{}\" already exists", qualified(plural, group), name),
            details_of(group, plural, name)};
}

status_error conflict(std::string_view group, std::string_view plural, std::string_view name,
                      std::string_view detail) {
    return {409, "Conflict",
            fmt::format("Operation cannot be fulfilled on {} \"{}\": {}", qualified(plural, group),
                        name, detail),
            details_of(group, plural, name)};
}

status_error bad_request(std::string message) {
    return {400, "BadRequest", std::move(message)};
}

status_error gone(std::string message) {
    return {410, "Expired", std::move(message)};
}

status_error invalid(std::string_view group, std::string_view kind, std::string_view name,
                     const std::vector<cause>& causes) {
    std::string text;
    json::array list;
    for (const auto& each : causes) {
        text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", each.field, each.message);
        list.push_back(json::object{
            {"reason", each.reason}, {"message", each.message}, {"field", each.field}});
    }
    if (causes.size() > 1) text = "[" + text + "]";
    auto details = details_of(group, kind, name);
    details["causes"] = std::move(list);
    return {422, "Invalid",
            fmt::format("{} \"{}\" is invalid: {}", qualified(kind, group), name, text),
            std::move(details)};
}

status_error unsupported_media_type(std::string_view accepted) {
    return {415, "UnsupportedMediaType",
            fmt::format("the body of the request was in an unknown format - accepted media types "
                        "include: {}",
                        accepted)};
}

status_error invalid_options(std::string_view kind, std::string_view field,
                             std::string_view message) {
    const std::vector<cause> causes{
        {"FieldValueForbidden", fmt::format("Forbidden: {}", message), std::string(field)}};
    return invalid("meta.k8s.io", kind, "", causes);
}

status_error method_not_allowed() {
    return {405, "MethodNotAllowed",
            "the server does not allow this method on the requested resource"};
}

status_error not_acceptable() {
    return {406, "NotAcceptable",
            "only the following media types are accepted: application/json, "
            "application/json;as=Table;v=v1;g=meta.k8s.io, "
            "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"};
}

status_error unavailable(std::string message) {
    return {503, "ServiceUnavailable", std::move(message)};
}

status_error internal_error(std::string message) {
    return {500, "InternalError", "Internal error occurred: " + std::move(message)};
}

std::string_view reason_of(unsigned code) {
    static constexpr std::pair<unsigned, std::string_view> reasons[] = {
        {400, "BadRequest"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "NotFound"},
        {405, "MethodNotAllowed"},
        {406, "NotAcceptable"},
        {409, "Conflict"},
        {410, "Expired"},
        {413, "RequestEntityTooLarge"},
        {415, "UnsupportedMediaType"},
        {422, "Invalid"},
        {429, "TooManyRequests"},
        {500, "InternalError"},
        {503, "ServiceUnavailable"},
        {504, "Timeout"}};
    for (const auto& [number, reason] : reasons) {
        if (number == code) return reason;
    }
    return "Unknown";
}

}  // namespace apiserver
