#include "main/identity_access.hpp"

#include "kube/kube_client.hpp"
#include "kubedb/kubedb_token_verifier.hpp"

base::outcome<std::unique_ptr<identity_access>> identity_access::make(
    const config::options& options, const deps& deps) {
    std::unique_ptr<identity_access> result(
        new identity_access(deps.own, deps.platform.group_rules));
    auto issuers = oidc_access::make(options, {.executor = deps.executor,
                                               .clock = deps.clock,
                                               .log = deps.log,
                                               .used_logins = deps.platform.used_logins});
    if (!issuers) return base::pass(std::move(issuers), "OpenID issuers");
    result->oidc_ = std::move(*issuers);
    result->use_rules();
    if (!result->oidc_ && !options.kubernetes_tokens) return result;
    auto& external = result->external_;
    external = std::make_unique<app::external_authenticator>(
        app::external_authenticator::deps{.executor = deps.executor,
                                          .own = deps.own,
                                          .members = deps.platform.members,
                                          .roles = deps.platform.roles,
                                          .users = deps.platform.users,
                                          .clock = deps.clock,
                                          .log = deps.log},
        app::external_authenticator_options{});
    if (options.kubernetes_tokens) {
        result->kubernetes_tokens_ =
            kubedb::make_token_verifier(deps.kube, deps.log, options.kubernetes_token_audience);
    }
    if (result->oidc_) {
        result->logins_ = std::make_unique<app::external_login>(
            app::external_login::deps{.users = deps.platform.users,
                                      .members = deps.platform.members,
                                      .roles = deps.platform.roles,
                                      .sessions = deps.platform.sessions,
                                      .rules = deps.platform.group_rules,
                                      .reads = deps.platform.reads,
                                      .log = deps.log});
    }
    result->use_verifiers();
    return result;
}

void identity_access::use_verifiers() {
    app::external_authenticator::verifier_list verifiers;
    if (kubernetes_tokens_) verifiers.push_back(kubernetes_tokens_);
    if (oidc_) {
        for (auto& verifier : oidc_->verifiers()) verifiers.push_back(std::move(verifier));
    }
    external_->use(verifiers);
}

void identity_access::use_rules() {
    rules_.use(oidc_ ? oidc_->group_roles() : std::set<app::group_role>());
}

aio::task<> identity_access::use_issuers(config::options options) {
    auto issuers = read_issuer_options(options);
    if (!issuers) co_return base::pass(std::move(issuers));
    oidc_->use(std::move(*issuers));
    use_verifiers();
    use_rules();
    // The service tries again if the store does not respond.
    (void)co_await rules_.run_once();
    co_return base::ok();
}

aio::task<> identity_access::use_authorities(std::string ca_pem) {
    co_return oidc_->use_authorities(std::move(ca_pem));
}

void identity_access::watch_files(const config::options& options, secret_rotation& out) {
    if (!oidc_) return;
    if (!options.oidc_issuers_file.empty()) {
        auto content = read_secret(options.oidc_issuers_file);
        out.add("oidc-issuers-file", {options.oidc_issuers_file},
                {content ? std::move(*content) : base::secret()},
                [this, options](const std::vector<base::secret>&) { return use_issuers(options); });
    }
    if (!options.oidc_ca_file.empty()) {
        auto content = read_secret(options.oidc_ca_file);
        out.add("oidc-ca-file", {options.oidc_ca_file},
                {content ? std::move(*content) : base::secret()},
                [this](const std::vector<base::secret>& contents) {
                    return use_authorities(contents.front().reveal());
                });
    }
    if (!options.oidc_client_secret_file.empty()) {
        out.add("oidc-client-secret-file", {options.oidc_client_secret_file},
                {options.oidc_client_secret},
                [this, options](const std::vector<base::secret>& contents) {
                    auto changed = options;
                    changed.oidc_client_secret = contents.front();
                    return use_issuers(std::move(changed));
                });
    }
}

const ports::authenticator& identity_access::authenticator() const noexcept {
    return external_ ? *external_ : own_;
}
