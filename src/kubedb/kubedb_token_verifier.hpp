#pragma once
// ports::token_verifier for the tokens of Kubernetes service accounts. Lives on the client's loop.

#include <memory>
#include <string>

#include "kube/fwd.hpp"
#include "obs/log.hpp"
#include "ports/token_verifier.hpp"

namespace kubedb {

// The subject of an identity is the user of the service account. Recognizes bound tokens alone,
// which have an audience and expire. The client and the log must outlive the verifier.
std::unique_ptr<ports::token_verifier> make_token_verifier(kube::client& client, obs::log& log,
                                                           std::string audience);

}  // namespace kubedb
