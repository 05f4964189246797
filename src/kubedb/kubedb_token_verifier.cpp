#include "kubedb/kubedb_token_verifier.hpp"

#include <optional>
#include <utility>

#include "domain/text_rules.hpp"
#include "json/json_access.hpp"
#include "kube/token_review_client.hpp"
#include "token/issuer_jwt.hpp"

namespace kubedb {
namespace {

using base::errc;

struct claimed_account {
    std::string subject;
    base::instant expires_at{};
};

// Returns nothing unless the claims are those of a bound token for the audience.
std::optional<claimed_account> read_claims(std::string_view text, std::string_view audience) {
    const auto claims = token::unverified_claims(text);
    if (!claims || !token::has_audience(*claims, audience)) return std::nullopt;
    constexpr std::int64_t seconds_max = 253402300800;  // the year 10000
    const auto expires_at = json::number_at(*claims, "exp");
    const auto subject = json::text_at(*claims, "sub");
    if (!expires_at || *expires_at < 0 || *expires_at >= seconds_max) return std::nullopt;
    if (!domain::is_service_account(subject)) return std::nullopt;
    return claimed_account{.subject = std::string(subject),
                           .expires_at = base::instant(std::chrono::seconds(*expires_at))};
}

class token_verifier final : public ports::token_verifier {
  public:
    token_verifier(kube::client& client, obs::log& log, std::string audience)
        : client_(client), log_(log), audience_(std::move(audience)) {}

    [[nodiscard]] bool recognizes(std::string_view text) const override {
        return read_claims(text, audience_).has_value();
    }

    aio::task<ports::verified_identity> verify(base::secret text) override {
        const auto claimed = read_claims(text.reveal(), audience_);
        if (!claimed)
            co_return base::fail(errc::denied, "the token is not one of a service account");
        auto user = co_await kube::review_token(client_, std::move(text), audience_);
        if (!user) {
            if (user.error().code != errc::denied && user.error().code != errc::cancelled) {
                log_.warning("token_review_failed",
                             {{"error", user.error().text}, {"reason", user.error().reason}});
            }
            co_return base::pass(std::move(user));
        }
        if (*user != claimed->subject) {
            co_return base::fail(errc::denied, "the token belongs to another user");
        }
        co_return ports::verified_identity{.subject = std::move(*user),
                                           .credential = "kubernetes",
                                           .expires_at = claimed->expires_at};
    }

  private:
    kube::client& client_;
    obs::log& log_;
    std::string audience_;
};

}  // namespace

std::unique_ptr<ports::token_verifier> make_token_verifier(kube::client& client, obs::log& log,
                                                           std::string audience) {
    return std::make_unique<token_verifier>(client, log, std::move(audience));
}

}  // namespace kubedb
