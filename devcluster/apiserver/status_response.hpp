#pragma once
// Kubernetes' Status bodies for errors and completed deletions. Pure.
// kubernetes.io/docs/reference/kubernetes-api/common-definitions/status

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/message.hpp"
#include "json/json.hpp"

namespace apiserver {

struct cause {
    std::string reason;  // "FieldValueRequired"
    std::string message;
    std::string field;  // "spec.version"
};

struct status_error {
    unsigned code = 400;
    std::string reason;  // "NotFound"
    std::string message;
    json::object details{};
    json::object metadata{};  // of the Status object
};

// The result of a write: a response with the object, or an error.
using write_result = std::variant<http::response, status_error>;

http::response json_response(unsigned status, std::string text);
http::response json_response(unsigned status, const json::value& body);
http::response to_response(const status_error& error);
// The body of a DELETE response if the object is deleted.
json::object success(std::string_view name, std::string_view group, std::string_view plural,
                     std::string_view uid);

status_error not_found(std::string_view group, std::string_view plural, std::string_view name);
status_error already_exists(std::string_view group, std::string_view plural, std::string_view name);
status_error conflict(std::string_view group, std::string_view plural, std::string_view name,
                      std::string_view detail);
status_error bad_request(std::string message);
status_error gone(std::string message);
status_error invalid(std::string_view group, std::string_view kind, std::string_view name,
                     const std::vector<cause>& causes);
// Contradictory options in the query.
status_error invalid_options(std::string_view kind, std::string_view field,
                             std::string_view message);
status_error unsupported_media_type(std::string_view accepted);
status_error method_not_allowed();
status_error not_acceptable();
status_error unavailable(std::string message);
status_error internal_error(std::string message);
// The reason of a status code ("RequestEntityTooLarge").
std::string_view reason_of(unsigned code);

// "postgreses.kubedb.com" or "pods".
std::string qualified(std::string_view plural, std::string_view group);

}  // namespace apiserver
