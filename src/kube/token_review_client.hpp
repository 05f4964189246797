#pragma once
// Reviews tokens of the cluster by TokenReview of authentication.k8s.io/v1. Lives on the client's
// loop. RBAC, in no namespace: create on tokenreviews.

#include <string>

#include "aio/task.hpp"
#include "base/secret.hpp"
#include "kube/fwd.hpp"

namespace kube {

// Returns the user of a token that is valid for the audience, such as
// "system:serviceaccount:shop:ci". The client must outlive the task. Errors: those of kube::client;
// denied only if the API server does not accept the token. A rejection of the reviewer itself is
// unavailable. The texts contain no part of the token.
aio::task<std::string> review_token(client& client, base::secret token, std::string audience);

}  // namespace kube
