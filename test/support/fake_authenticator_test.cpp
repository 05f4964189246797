#include "test/support/fake_authenticator.hpp"

#include "test/support/authenticator_contract.hpp"

namespace fakes {
namespace {

authenticator_world named_principals() {
    auto authenticator = std::make_unique<fake_authenticator>();
    authenticator->add({.subject = "ann"});
    authenticator->add({.subject = "root", .is_administrator = true});
    return {.authenticator = std::move(authenticator),
            .valid = {"Bearer ann", "Bearer root"},
            .invalid = {"", "Bearer bob", "Basic YW5uOg=="}};
}

authenticator_world anonymous_principal() {
    auto authenticator = std::make_unique<fake_authenticator>();
    authenticator->add_anonymous({.subject = "local-admin", .is_administrator = true});
    return {.authenticator = std::move(authenticator), .valid = {""}, .invalid = {"Bearer bob"}};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(fake, authenticator_contract,
                         ::testing::Values(named_principals, anonymous_principal));

}  // namespace fakes
