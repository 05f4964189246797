#include "oidc/issuer_verifier.hpp"

#include <utility>

#include "json/json_access.hpp"
#include "oidc/claims_mapping.hpp"

namespace oidc {
namespace {

class issuer_verifier final : public ports::token_verifier {
  public:
    explicit issuer_verifier(std::shared_ptr<issuer> source) : source_(std::move(source)) {}

    [[nodiscard]] bool recognizes(std::string_view text) const override {
        const auto claims = token::unverified_claims(text);
        const auto& options = source_->options();
        return claims && !options.audience.empty() &&
               json::text_at(*claims, "iss") == options.url &&
               token::has_audience(*claims, options.audience);
    }

    aio::task<ports::verified_identity> verify(base::secret text) override {
        const auto source = source_;  // outlives a change of the issuers
        if (!recognizes(text.reveal())) {
            co_return base::fail(base::errc::denied, "of no known issuer");
        }
        auto claims = co_await source->verify_access_token(text.reveal());
        if (!claims) co_return base::pass(std::move(claims));
        auto identity = map_claims(claims->members, source->options());
        if (!identity) {
            co_return base::fail(base::errc::denied, "the token does not name its user");
        }
        co_return ports::verified_identity{
            .subject = std::move(identity->subject),
            .credential = "oidc:" + source->options().name,
            .expires_at = claims->expires_at,
            .roles = std::move(identity->roles),
            .is_administrator = identity->is_administrator,
            .managed_projects = std::move(identity->managed_projects),
            .manages_administrators = identity->manages_administrators};
    }

  private:
    std::shared_ptr<issuer> source_;
};

}  // namespace

std::shared_ptr<ports::token_verifier> make_issuer_verifier(std::shared_ptr<issuer> source) {
    return std::make_shared<issuer_verifier>(std::move(source));
}

}  // namespace oidc
