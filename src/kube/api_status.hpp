#pragma once
// What the API server says went wrong, as a failure: `reason` decides, then the HTTP code. Pure.
// The object: kubernetes.io/docs/reference/kubernetes-api/common-definitions/status.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace kube {

// An answer with this HTTP status and body, as the failure it stands for (see client.hpp). The body
// may be anything; `retry_after` is the header of that name.
base::failure failure_of_response(unsigned http_status, std::string_view body,
                                  std::string_view retry_after = {});

// The same for a Status object, as it comes in a watch's ERROR frame.
base::failure failure_of_status(const boost::json::object& status);

// Is `body` the API server's own word about a failed request, and not somebody else's error page?
bool is_failure_status(std::string_view body);

// "spec.pods[0].labels[a/b]" -> "/spec/pods/0/labels/a~1b" (RFC 6901).
std::string pointer_of_field(std::string_view field);

// Leaves out what an error message quotes of the refused object: it may be long, and a secret.
std::string without_quoted_values(std::string_view message);

}  // namespace kube
