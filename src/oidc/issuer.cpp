#include "oidc/issuer.hpp"

#include <utility>

namespace oidc {
namespace {

using base::errc;
using base::fail;

constexpr std::array<std::string_view, 2> id_types{"jwt", ""};
constexpr std::array<std::string_view, 1> access_types{"at+jwt"};
constexpr std::array<std::string_view, 2> untyped_access_types{"at+jwt", "jwt"};

}  // namespace

issuer::issuer(deps deps, issuer_options options)
    : deps_(std::move(deps)), options_(std::move(options)), turn_(deps_.executor, 1) {}

bool issuer::is_paused() const {
    return failed_at_ && deps_.clock.now() - *failed_at_ < retry_interval;
}

void issuer::note_failure(std::string_view activity, const base::failure& failure) {
    if (failure.code == errc::cancelled) return;
    failed_at_ = deps_.clock.now();
    deps_.log.warning("issuer_not_usable",
                      {{"issuer", options_.name}, {"activity", activity}, {"error", failure.text}});
}

aio::task<std::string> issuer::fetch(std::string url) {
    if (is_paused()) co_return fail(errc::unavailable, "the issuer has just failed");
    auto response = co_await deps_.fetcher.send({.url = std::move(url)});
    if (!response) co_return base::pass(std::move(response));
    if (response->status != 200) {
        co_return fail(errc::unavailable,
                       "the issuer responds with status " + std::to_string(response->status));
    }
    co_return response->body.to_string();
}

aio::task<std::shared_ptr<const issuer_metadata>> issuer::metadata_in_turn() {
    const auto now = deps_.clock.now();
    if (metadata_ && now - metadata_at_ < metadata_lifetime) co_return metadata_;
    auto text = co_await fetch(metadata_url_of(options_.url));
    auto parsed = text ? read_metadata(*text, options_.url)
                       : base::outcome<issuer_metadata>(base::pass(std::move(text)));
    if (parsed) {
        metadata_ = std::make_shared<const issuer_metadata>(std::move(*parsed));
        metadata_at_ = now;
        co_return metadata_;
    }
    auto failure = std::move(parsed).error();
    if (!is_paused()) note_failure("discovery", failure);
    if (metadata_ && failure.code != errc::cancelled) co_return metadata_;
    if (failure.code != errc::cancelled) failure.code = errc::unavailable;
    co_return std::unexpected(std::move(failure));
}

aio::task<std::shared_ptr<const issuer_metadata>> issuer::metadata() {
    const auto permit = co_await turn_.acquire();
    if (!permit) co_return base::pass(permit);
    co_return co_await metadata_in_turn();
}

aio::task<> issuer::fetch_keys(std::chrono::seconds age_max) {
    const auto permit = co_await turn_.acquire();
    if (!permit) co_return base::pass(permit);
    const auto now = deps_.clock.now();
    if (keys_at_ && now - *keys_at_ < age_max) co_return base::ok();
    const auto document = co_await metadata_in_turn();
    if (!document) co_return base::pass(document);
    auto text = co_await fetch((*document)->keys_url);
    auto keys =
        text ? token::read_key_set(*text) : base::outcome<key_list>(base::pass(std::move(text)));
    if (!keys) {
        if (!is_paused()) note_failure("keys", keys.error());
        co_return fail(keys.error().code == errc::cancelled ? errc::cancelled : errc::unavailable,
                       "the keys of the issuer are not available");
    }
    keys_ = std::move(*keys);
    keys_at_ = now;
    co_return base::ok();
}

base::outcome<token::issuer_claims> issuer::verify_now(std::string_view text,
                                                       const expectation& expected) const {
    return token::verify_issuer_jwt(text, {.keys = keys_,
                                           .issuer = options_.url,
                                           .audience = expected.audience,
                                           .types = expected.types,
                                           .now = deps_.clock.utc_now()});
}

aio::task<token::issuer_claims> issuer::verify(std::string text, expectation expected) {
    auto fetched = co_await fetch_keys(keys_lifetime);
    // Keys that were fetched before stay in use while the issuer is away.
    if (!fetched && (!keys_at_ || fetched.error().code == errc::cancelled)) {
        co_return base::pass(std::move(fetched));
    }
    auto claims = verify_now(text, expected);
    if (claims || claims.error().reason != "key") co_return claims;
    // The issuer may have new keys.
    fetched = co_await fetch_keys(unknown_key_interval);
    if (!fetched) co_return base::pass(std::move(fetched));
    co_return verify_now(text, expected);
}

aio::task<token::issuer_claims> issuer::verify_id_token(std::string text) {
    auto claims =
        co_await verify(std::move(text), {.audience = options_.client_id, .types = id_types});
    if (!claims) co_return claims;
    // OpenID Connect Core, 3.1.3.7: with several audiences, `azp` must be this client.
    const auto& members = claims->members;
    const auto* audience = members.if_contains("aud");
    const bool has_several =
        audience != nullptr && audience->is_array() && audience->get_array().size() > 1;
    const auto* party = members.if_contains("azp");
    const bool is_ours = party != nullptr && party->is_string() &&
                         std::string_view(party->get_string()) == options_.client_id;
    if ((has_several || party != nullptr) && !is_ours) {
        co_return fail(errc::denied, "the token is not valid", "authorized_party");
    }
    co_return claims;
}

aio::task<token::issuer_claims> issuer::verify_access_token(std::string text) {
    if (options_.audience.empty()) {
        co_return fail(errc::denied, "access tokens of the issuer are not accepted");
    }
    co_return co_await verify(
        std::move(text), {.audience = options_.audience,
                          .types = options_.accepts_untyped_tokens
                                       ? std::span<const std::string_view>(untyped_access_types)
                                       : std::span<const std::string_view>(access_types)});
}

}  // namespace oidc
