#pragma once
// Kubernetes' Status bodies: how the API server says that something is wrong, or done. Pure.
// kubernetes.io/docs/reference/kubernetes-api/common-definitions/status

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace apiserver {

namespace json = boost::json;

struct cause {
    std::string reason;  // "FieldValueRequired"
    std::string message;
    std::string field;  // "spec.version"
};

struct refusal {
    unsigned code = 400;
    std::string reason;  // "NotFound"
    std::string message;
    json::object details{};
    json::object metadata{};  // of the Status itself
};

http::response json_response(unsigned status, std::string text);
http::response json_response(unsigned status, const json::value& body);
http::response to_response(const refusal& why);
// What a DELETE answers when nothing is left.
json::object success(std::string_view name, std::string_view group, std::string_view plural,
                     std::string_view uid);

refusal not_found(std::string_view group, std::string_view plural, std::string_view name);
refusal already_exists(std::string_view group, std::string_view plural, std::string_view name);
refusal conflict(std::string_view group, std::string_view plural, std::string_view name,
                 std::string_view why);
refusal bad_request(std::string message);
refusal gone(std::string message);
refusal invalid(std::string_view group, std::string_view kind, std::string_view name,
                const std::vector<cause>& causes);
// Options in the query that contradict each other.
refusal invalid_options(std::string_view kind, std::string_view field, std::string_view message);
refusal unsupported_media_type(std::string_view accepted);
refusal method_not_allowed();
refusal not_acceptable();
refusal unavailable(std::string message);
refusal internal_error(std::string message);
// The reason that goes with a status code ("RequestEntityTooLarge").
std::string_view reason_of(unsigned code);

// "postgreses.kubedb.com" or "pods".
std::string qualified(std::string_view plural, std::string_view group);

}  // namespace apiserver
