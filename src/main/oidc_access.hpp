#pragma once
// The OpenID issuers from the options. Lives on the control loop; owned by the process.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/group_rule_register.hpp"
#include "config/config.hpp"
#include "oidc/issuer_set.hpp"
#include "oidc/login_provider.hpp"
#include "ports/token_verifier.hpp"

// Returns the issuers of the options and of the file that they name. Errors: invalid.
base::outcome<std::vector<oidc::issuer_options>> read_issuer_options(
    const config::options& options);
// Returns the authorities of the issuers' certificates; empty: the system's. Errors: invalid.
base::outcome<std::string> read_issuer_authorities(const config::options& options);
// Returns an error for each option of the issuers that cannot be used, such as a file that is
// unreadable or invalid: "OIDC_ISSUERS_FILE: '/etc/issuers.json': issuer 'corp': client_id …". No
// text repeats a secret. Sends nothing. Blocks.
std::vector<std::string> check_issuer_options(const config::options& options);

class oidc_access {
  public:
    struct deps {
        aio::executor executor;
        const base::clock& clock;
        obs::log& log;
        ports::login_register& used_logins;
    };
    // Returns nullptr without an issuer. Errors: invalid (an option or the file of issuers).
    static base::outcome<std::unique_ptr<oidc_access>> make(const config::options& options,
                                                            deps deps);

    // Puts the issuers into use instead of the present ones.
    void use(std::vector<oidc::issuer_options> options);
    // Trusts the authorities in requests from now on. Errors: invalid; nothing has changed then.
    base::outcome<void> use_authorities(std::string ca_pem) {
        return fetcher_->use_authorities(std::move(ca_pem));
    }
    // Accept access tokens, each of one issuer.
    [[nodiscard]] std::vector<std::shared_ptr<ports::token_verifier>> verifiers() const;
    // Returns the roles that the rules of the issuers give.
    [[nodiscard]] std::set<app::group_role> group_roles() const;
    // nullptr without public-url.
    ports::identity_provider* provider() noexcept { return provider_.get(); }

  private:
    struct entry {
        std::shared_ptr<oidc::issuer> source;
        std::shared_ptr<ports::token_verifier> verifier;
    };
    void make_verifiers();

    std::unique_ptr<oidc::issuer_fetcher> fetcher_;
    std::unique_ptr<oidc::issuer_set> issuers_;
    std::vector<entry> entries_;
    std::unique_ptr<ports::identity_provider> provider_;
};
