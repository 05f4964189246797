#pragma once
// ports::token_verifier for the access tokens of an issuer. Lives on the loop of the issuer.

#include <memory>

#include "oidc/issuer.hpp"
#include "ports/token_verifier.hpp"

namespace oidc {

std::shared_ptr<ports::token_verifier> make_issuer_verifier(std::shared_ptr<issuer> source);

}  // namespace oidc
