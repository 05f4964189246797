#pragma once
// Converts errors of the API server to failures, by `reason` first, then by the HTTP code. Pure.
// Object: kubernetes.io/docs/reference/kubernetes-api/common-definitions/status.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "json/json.hpp"

namespace kube {

// Returns the failure of a response (see kube_client.hpp). Accepts any body. `retry_after` is the
// header of that name.
base::failure failure_of_response(unsigned http_status, std::string_view body,
                                  std::string_view retry_after = {});

// Returns the failure of a Status object, for example from the ERROR event of a watch.
base::failure failure_of_status(const json::object& status);

// Returns whether `body` is a Status of the API server and not the error page of a proxy.
bool is_failure_status(std::string_view body);

// "spec.pods[0].labels[a/b]" -> "/spec/pods/0/labels/a~1b" (RFC 6901).
std::string pointer_of_field(std::string_view field);

// Removes quoted object values from an error message. They can be long and can contain secrets.
std::string without_quoted_values(std::string_view message);

}  // namespace kube
