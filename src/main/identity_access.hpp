#pragma once
// Tokens and logins of other systems, as the options say. Lives on the control loop; owned by the
// process.

#include <memory>

#include "app/identity/external_authenticator.hpp"
#include "app/identity/external_login.hpp"
#include "app/platform.hpp"
#include "config/config.hpp"
#include "kube/fwd.hpp"
#include "main/oidc_access.hpp"
#include "main/secret_rotation.hpp"

class identity_access {
  public:
    struct deps {
        aio::executor executor;
        const base::clock& clock;
        obs::log& log;
        kube::client& kube;
        app::platform platform;
        const ports::authenticator& own;  // the platform's own credentials
    };
    // Errors: invalid (an option or the file of issuers).
    static base::outcome<std::unique_ptr<identity_access>> make(const config::options& options,
                                                                const deps& deps);

    // Adds the files of issuers, their secrets and their authorities. A changed file is put into
    // use; one that is not valid leaves the present content in use. The object must outlive the
    // last check.
    void watch_files(const config::options& options, secret_rotation& out);

    [[nodiscard]] const ports::authenticator& authenticator() const noexcept;
    // nullptr: no credential needs a lookup.
    app::external_authenticator* external() noexcept { return external_.get(); }
    // nullptr without an issuer or without public-url.
    ports::identity_provider* provider() noexcept { return oidc_ ? oidc_->provider() : nullptr; }
    app::external_login* logins() noexcept { return logins_.get(); }

  private:
    identity_access(const ports::authenticator& own, app::group_rule_register& rules)
        : own_(own), rules_(rules) {}

    // Puts the issuers of the options into use. Errors: invalid; nothing has changed then.
    aio::task<> use_issuers(config::options options);
    // Errors: invalid; nothing has changed then.
    aio::task<> use_authorities(std::string ca_pem);
    void use_verifiers();
    void use_rules();

    const ports::authenticator& own_;
    app::group_rule_register& rules_;
    std::shared_ptr<ports::token_verifier> kubernetes_tokens_;  // nullptr: not accepted
    std::unique_ptr<oidc_access> oidc_;                         // nullptr without an issuer
    std::unique_ptr<app::external_login> logins_;               // nullptr without an issuer
    std::unique_ptr<app::external_authenticator> external_;     // nullptr without a verifier
};
