#pragma once
// Authentication by the Authorization header: an API key or an access token. Owned by the service;
// usable on every thread.

#include "app/identity/key_authenticator.hpp"
#include "app/identity/token_authenticator.hpp"
#include "base/ascii.hpp"
#include "token/api_key.hpp"

namespace app {

class bearer_authenticator final : public ports::authenticator {
  public:
    bearer_authenticator(const key_authenticator& keys, const token_authenticator& tokens)
        : keys_(keys), tokens_(tokens) {}

    [[nodiscard]] base::outcome<std::shared_ptr<const domain::principal>> authenticate(
        const ports::authentication_request& request) const override {
        constexpr std::string_view scheme = "Bearer ";
        const auto header = request.authorization;
        const bool is_token = base::equals_ignore_case(header.substr(0, scheme.size()), scheme) &&
                              !header.substr(scheme.size()).starts_with(token::api_key_prefix) &&
                              header.contains('.');
        if (is_token) return tokens_.authenticate(request);
        return keys_.authenticate(request);
    }

  private:
    const key_authenticator& keys_;
    const token_authenticator& tokens_;
};

}  // namespace app
