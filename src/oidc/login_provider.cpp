#include "oidc/login_provider.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/base64.hpp"
#include "json/json_access.hpp"
#include "oidc/claims_mapping.hpp"
#include "oidc/login_state.hpp"
#include "token/digest.hpp"

namespace oidc {
namespace {

using base::errc;
using base::fail;

constexpr std::chrono::seconds poll_interval{5};
constexpr std::size_t polls_max = 4096;
constexpr std::string_view device_grant = "urn:ietf:params:oauth:grant-type:device_code";
constexpr std::size_t code_bytes_max = 4096;

using form = std::vector<std::pair<std::string_view, std::string>>;

std::string encode(const form& members) {
    std::string text;
    for (const auto& [name, value] : members) {
        text += fmt::format("{}{}={}", text.empty() ? "" : "&", name, http::encode_percent(value));
    }
    return text;
}

std::unexpected<base::failure> deny(std::string_view reason) {
    return fail(errc::denied, fmt::format("the login was not completed: {}", reason),
                std::string(reason));
}

// The failure of a request to an issuer, for the caller of the platform.
std::unexpected<base::failure> away(const base::failure& failure) {
    constexpr std::chrono::seconds retry_after{5};
    if (failure.code == errc::cancelled) return std::unexpected(failure);
    auto result = fail(errc::unavailable, "the issuer does not respond as it must; try again",
                       "issuer_unavailable");
    result.error().retry_after = retry_after;
    return result;
}

// The errors of an issuer that a client of the device grant must see. Others are "invalid_grant".
std::string_view known_error(std::string_view error) {
    constexpr std::array<std::string_view, 4> errors{"authorization_pending", "slow_down",
                                                     "access_denied", "expired_token"};
    const auto known = std::ranges::find(errors, error);
    return known == errors.end() ? std::string_view("invalid_grant") : *known;
}

class login_provider final : public ports::identity_provider {
  public:
    login_provider(issuer::deps deps, ports::login_register& used, const issuer_set& issuers,
                   login_options options)
        : deps_(std::move(deps)), used_(used), issuers_(issuers), options_(std::move(options)) {}

    [[nodiscard]] std::vector<std::string> issuers() const override { return *issuers_.names(); }

    aio::task<ports::login_start> start_login(std::string name) override {
        const auto source = issuers_.find(name);
        if (source == nullptr) co_return no_such_issuer(name);
        const auto metadata = co_await source->metadata();
        if (!metadata) co_return away(metadata.error());
        const auto now = deps_.clock.utc_now();
        auto pre_login = make_pre_login(now);
        const auto values = derive_login(pre_login, name, now);
        const auto& endpoint = (*metadata)->authorization_endpoint;
        const form parameters{{"response_type", "code"},
                              {"client_id", source->options().client_id},
                              {"redirect_uri", redirect_uri(name)},
                              {"scope", source->options().scope},
                              {"state", values->state},
                              {"nonce", values->nonce},
                              {"code_challenge", challenge_of(values->verifier)},
                              {"code_challenge_method", "S256"}};
        co_return ports::login_start{
            .url = endpoint + (endpoint.contains('?') ? "&" : "?") + encode(parameters),
            .pre_login = std::move(pre_login)};
    }

    aio::task<ports::external_user> finish_login(std::string name,
                                                 ports::login_callback callback) override {
        const auto source = issuers_.find(name);
        if (source == nullptr) co_return no_such_issuer(name);
        const auto values = derive_login(callback.pre_login, name, deps_.clock.utc_now());
        if (!values) co_return co_await deny_without_login(callback.state);
        if (!token::equals_secretly(values->state, callback.state)) co_return deny("state");
        const auto metadata = co_await source->metadata();
        if (!metadata) co_return away(metadata.error());
        // Before the other checks: a state is used also if they fail.
        const auto is_first = co_await used_.use(register_id_of(callback.state));
        if (!is_first) co_return base::pass(is_first);
        if (!*is_first) co_return login_used();
        const bool has_issuer = !callback.issuer.empty();
        if (has_issuer ? callback.issuer != source->options().url : (*metadata)->sends_issuer) {
            co_return deny("issuer");
        }
        if (!callback.error.empty()) {
            co_return deny(callback.error == "access_denied" ? "access_denied" : "issuer_error");
        }
        const auto& code = callback.code.reveal();
        if (code.empty() || code.size() > code_bytes_max) co_return deny("code");
        auto claims = co_await exchange(*source, **metadata,
                                        {{"grant_type", "authorization_code"},
                                         {"code", code},
                                         {"redirect_uri", redirect_uri(name)},
                                         {"code_verifier", values->verifier.reveal()}});
        if (!claims) co_return base::pass(std::move(claims));
        if (!token::equals_secretly(values->nonce, json::text_at(claims->members, "nonce"))) {
            co_return deny("nonce");
        }
        co_return user_of(*claims, source->options());
    }

    aio::task<ports::device_start> start_device(std::string name) override {
        const auto source = issuers_.find(name);
        if (source == nullptr) co_return no_such_issuer(name);
        const auto metadata = co_await source->metadata();
        if (!metadata) co_return away(metadata.error());
        if ((*metadata)->device_endpoint.empty()) {
            co_return fail(errc::unsupported, "the issuer has no device grant", "no_device_grant");
        }
        const auto response = co_await post(*source, (*metadata)->device_endpoint,
                                            {{"scope", source->options().scope}});
        if (!response) co_return base::pass(response);
        const auto& [status, document] = *response;
        const auto lifetime = json::number_at(document, "expires_in").value_or(0);
        const auto interval = json::number_at(document, "interval").value_or(0);
        constexpr std::int64_t interval_max = 60;
        constexpr std::int64_t lifetime_max = 3600;
        ports::device_start result{
            .device_code = base::secret(std::string(json::text_at(document, "device_code"))),
            .user_code = std::string(json::text_at(document, "user_code")),
            .verification_uri = std::string(json::text_at(document, "verification_uri")),
            .verification_uri_complete =
                std::string(json::text_at(document, "verification_uri_complete")),
            .expires_in = std::chrono::seconds(std::clamp<std::int64_t>(lifetime, 0, lifetime_max)),
            .interval = std::chrono::seconds(
                std::clamp<std::int64_t>(interval, poll_interval.count(), interval_max))};
        if (status != 200 || result.device_code.empty() || result.user_code.empty() ||
            !is_safe_url(result.verification_uri)) {
            co_return fail(errc::unavailable, "the issuer rejects the device grant");
        }
        co_return result;
    }

    aio::task<ports::external_user> finish_device(std::string name,
                                                  base::secret device_code) override {
        const auto source = issuers_.find(name);
        if (source == nullptr) co_return no_such_issuer(name);
        const auto& code = device_code.reveal();
        if (code.empty() || code.size() > code_bytes_max) co_return deny("invalid_grant");
        if (!may_poll(code)) co_return deny("slow_down");
        const auto metadata = co_await source->metadata();
        if (!metadata) co_return away(metadata.error());
        auto claims =
            co_await exchange(*source, **metadata,
                              {{"grant_type", std::string(device_grant)}, {"device_code", code}});
        if (!claims) co_return base::pass(std::move(claims));
        co_return user_of(*claims, source->options());
    }

  private:
    struct parsed_response {
        unsigned status = 0;
        json::object document;
    };

    static std::unexpected<base::failure> no_such_issuer(std::string_view name) {
        return fail(errc::not_found, fmt::format("there is no issuer '{}'", name));
    }
    [[nodiscard]] std::string redirect_uri(std::string_view name) const {
        return options_.public_url + callback_path_of(name);
    }

    // The id is in the store, and the state is a secret of the browser until it is used.
    static std::string register_id_of(std::string_view state) {
        return token::to_hex(token::sha256(state));
    }
    static std::unexpected<base::failure> login_used() {
        return fail(errc::denied,
                    "the callback was used before, and each login is valid once; start another "
                    "login",
                    std::string(ports::login_used_reason));
    }
    // A browser that loads the URL of a completed login again has no cookie any more.
    aio::task<ports::external_user> deny_without_login(std::string state) {
        constexpr std::size_t state_bytes_max = 128;
        if (state.empty() || state.size() > state_bytes_max) co_return deny("no_login");
        const auto is_used = co_await used_.is_used(register_id_of(state));
        if (!is_used) co_return base::pass(is_used);
        if (*is_used) co_return login_used();
        co_return deny("no_login");
    }

    // Sends a form with the credentials of the client.
    aio::task<parsed_response> post(issuer& source, std::string url, form members) {
        const auto& options = source.options();
        oidc::fetch_request request{
            .verb = http::method::post,
            .url = std::move(url),
            .headers = {{"Content-Type", "application/x-www-form-urlencoded"}}};
        members.emplace_back("client_id", options.client_id);
        if (!options.client_secret.empty()) {  // RFC 6749, 2.3.1
            request.headers.add(
                "Authorization",
                "Basic " + base::to_base64(http::encode_percent(options.client_id) + ":" +
                                           http::encode_percent(options.client_secret.reveal())));
        }
        request.body = encode(members);
        auto response = co_await deps_.fetcher.send(std::move(request));
        if (!response) co_return away(response.error());
        auto value = json::try_parse(response->body.to_string());
        if (!value || !value->is_object() || response->status >= 500) {
            co_return away({.code = errc::unavailable});
        }
        co_return parsed_response{.status = response->status,
                                  .document = std::move(value->get_object())};
    }

    // Exchanges a grant for an id token, and verifies it.
    aio::task<token::issuer_claims> exchange(issuer& source, issuer_metadata metadata,
                                             form members) {
        const auto response =
            co_await post(source, std::move(metadata.token_endpoint), std::move(members));
        if (!response) co_return base::pass(response);
        if (response->status != 200) {
            const auto error = json::text_at(response->document, "error");
            if (error == "invalid_client" || error == "unauthorized_client") {
                deps_.log.warning("issuer_rejects_the_client", {{"issuer", source.options().name}});
            }
            co_return deny(known_error(error));
        }
        std::string id_token(json::text_at(response->document, "id_token"));
        auto claims = co_await source.verify_id_token(std::move(id_token));
        if (claims || claims.error().code != errc::denied) co_return claims;
        deps_.log.warning("id_token_rejected",
                          {{"issuer", source.options().name}, {"reason", claims.error().reason}});
        co_return deny("id_token");
    }

    static base::outcome<ports::external_user> user_of(const token::issuer_claims& claims,
                                                       const issuer_options& options) {
        auto identity = map_claims(claims.members, options);
        if (!identity) return deny("no_user_claim");
        return ports::external_user{.subject = std::move(identity->subject),
                                    .email = std::move(identity->email),
                                    .method = "oidc:" + options.name,
                                    .is_administrator = identity->is_administrator,
                                    .roles = std::move(identity->roles),
                                    .managed_projects = std::move(identity->managed_projects),
                                    .manages_administrators = identity->manages_administrators};
    }

    // Returns false if the last poll of the code is less than the interval ago.
    bool may_poll(std::string_view code) {
        const auto now = deps_.clock.now();
        std::erase_if(polls_, [&](const auto& poll) { return now - poll.second >= poll_interval; });
        if (polls_.size() >= polls_max) return false;
        return polls_.try_emplace(token::sha256(code), now).second;
    }

    issuer::deps deps_;
    ports::login_register& used_;
    const issuer_set& issuers_;
    login_options options_;
    std::map<token::sha256_digest, base::steady_time> polls_;
};

}  // namespace

std::string callback_path_of(std::string_view issuer) {
    return fmt::format("/api/v1/auth/oidc/{}/callback", issuer);
}

std::unique_ptr<ports::identity_provider> make_login_provider(issuer::deps deps,
                                                              ports::login_register& used,
                                                              const issuer_set& issuers,
                                                              login_options options) {
    return std::make_unique<login_provider>(std::move(deps), used, issuers, std::move(options));
}

}  // namespace oidc
