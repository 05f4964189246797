#include "main/oidc_access.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "aio/block_on.hpp"
#include "base/read_file.hpp"
#include "domain/user_rules.hpp"
#include "oidc/issuer_verifier.hpp"

namespace {

using base::errc;
using base::fail;

// The issuer of the options OIDC_ISSUER and so on.
base::outcome<oidc::issuer_options> single_issuer(const config::options& options) {
    auto rules = oidc::read_rules(options.oidc_roles);
    if (!rules) return base::pass(std::move(rules), "OIDC_ROLES");
    return oidc::issuer_options{.name = "default",
                                .url = options.oidc_issuer,
                                .client_id = options.oidc_client_id,
                                .client_secret = options.oidc_client_secret,
                                .audience = options.oidc_audience,
                                .user_prefix = "default.",
                                .groups_claim = options.oidc_groups_claim,
                                .rules = std::move(*rules)};
}

std::string context_of_authorities(const config::options& options) {
    return fmt::format("OIDC_CA_FILE: '{}'", options.oidc_ca_file);
}

// Errors: invalid (the file of the authorities).
aio::task<> check_authorities(config::options options) {
    auto authorities = read_issuer_authorities(options);
    if (!authorities) co_return base::pass(std::move(authorities));
    const auto fetcher = oidc::make_fetcher(co_await aio::this_executor(), std::move(*authorities));
    if (!fetcher) co_return base::pass(fetcher, context_of_authorities(options));
    co_return base::ok();
}

}  // namespace

base::outcome<std::vector<oidc::issuer_options>> read_issuer_options(
    const config::options& options) {
    if (!options.oidc_issuer.empty()) {
        auto single = single_issuer(options);
        if (!single) return base::pass(std::move(single));
        return std::vector{std::move(*single)};
    }
    if (options.oidc_issuers_file.empty()) return std::vector<oidc::issuer_options>{};
    const auto text = base::read_file(options.oidc_issuers_file);
    if (!text) {
        return fail(errc::invalid, fmt::format("OIDC_ISSUERS_FILE: '{}' cannot be read",
                                               options.oidc_issuers_file));
    }
    auto issuers = oidc::read_issuers(*text);
    if (!issuers) {
        return base::pass(std::move(issuers),
                          fmt::format("OIDC_ISSUERS_FILE: '{}'", options.oidc_issuers_file));
    }
    return issuers;
}

base::outcome<std::string> read_issuer_authorities(const config::options& options) {
    if (options.oidc_ca_file.empty()) return std::string();
    auto text = base::read_file(options.oidc_ca_file);
    if (text) return std::move(*text);
    return fail(errc::invalid,
                fmt::format("OIDC_CA_FILE: '{}' cannot be read", options.oidc_ca_file));
}

std::vector<std::string> check_issuer_options(const config::options& options) {
    std::vector<std::string> errors;
    const auto issuers = read_issuer_options(options);
    if (!issuers) errors.push_back(issuers.error().text);
    const auto usable = aio::block_on(check_authorities(options));
    if (!usable) errors.push_back(usable.error().text);
    return errors;
}

base::outcome<std::unique_ptr<oidc_access>> oidc_access::make(const config::options& options,
                                                              deps deps) {
    if (options.oidc_issuer.empty() && options.oidc_issuers_file.empty()) return nullptr;
    auto issuers = read_issuer_options(options);
    if (!issuers) return base::pass(std::move(issuers));
    auto authorities = read_issuer_authorities(options);
    if (!authorities) return base::pass(std::move(authorities));
    auto result = std::make_unique<oidc_access>();
    auto fetcher = oidc::make_fetcher(deps.executor, std::move(*authorities));
    if (!fetcher) return base::pass(std::move(fetcher), context_of_authorities(options));
    result->fetcher_ = std::move(*fetcher);
    const oidc::issuer::deps issuer_deps{.executor = deps.executor,
                                         .fetcher = *result->fetcher_,
                                         .clock = deps.clock,
                                         .log = deps.log};
    result->issuers_ = std::make_unique<oidc::issuer_set>(issuer_deps, std::move(*issuers));
    result->make_verifiers();
    if (!options.public_url.empty()) {
        result->provider_ = oidc::make_login_provider(
            issuer_deps, deps.used_logins, *result->issuers_, {.public_url = options.public_url});
    }
    return result;
}

void oidc_access::make_verifiers() {
    std::vector<entry> next;
    for (const auto& source : issuers_->issuers()) {
        const auto known = std::ranges::find(entries_, source, &entry::source);
        next.push_back(known != entries_.end() ? *known
                                               : entry{source, oidc::make_issuer_verifier(source)});
    }
    entries_ = std::move(next);
}

void oidc_access::use(std::vector<oidc::issuer_options> options) {
    issuers_->use(std::move(options));
    make_verifiers();
}

std::set<app::group_role> oidc_access::group_roles() const {
    std::set<app::group_role> result;
    for (const auto& issuer : issuers_->issuers()) {
        const auto& options = issuer->options();
        for (const auto& rule : options.rules) {
            // As the record of a user or a member has it.
            const auto role = rule.project.empty() ? domain::name(domain::platform_role::admin)
                                                   : std::string_view(rule.role);
            result.insert({.method = app::method_of_issuer(options.name),
                           .project = rule.project,
                           .role = std::string(role)});
        }
    }
    return result;
}

std::vector<std::shared_ptr<ports::token_verifier>> oidc_access::verifiers() const {
    std::vector<std::shared_ptr<ports::token_verifier>> result;
    result.reserve(entries_.size());
    for (const auto& entry : entries_) result.push_back(entry.verifier);
    return result;
}
