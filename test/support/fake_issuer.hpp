#pragma once
// An OpenID issuer behind an oidc::fetcher: discovery, keys, the token endpoint with PKCE, and the
// device grant. A test authorizes logins, changes the keys and makes it fail.

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/base64.hpp"
#include "http/message.hpp"
#include "oidc/fetcher.hpp"
#include "test/support/issuer_key.hpp"
#include "token/digest.hpp"

namespace fakes {

class fake_issuer final : public oidc::fetcher {
  public:
    explicit fake_issuer(std::string url, const base::clock& clock)
        : url_(std::move(url)), clock_(clock) {}

    issuer_key key = issuer_key::make_p256("k1");
    std::optional<base::errc> failure{};  // of every request
    bool is_hanging = false;
    unsigned status = 200;                               // of every response
    std::string further_metadata{};                      // members, with a comma in front
    std::string further_claims{};                        // of id tokens, with a comma in front
    std::string audience = "client1";                    // of id tokens
    std::string nonce{};                                 // of the next id tokens
    std::string device_state = "authorization_pending";  // "": authorized
    std::string date{};                                  // the header Date of the documents
    std::map<std::string, int> requests;                 // by path
    http::headers last_headers;

    [[nodiscard]] const std::string& url() const noexcept { return url_; }
    // The person logs in: returns the code for the request to the authorization endpoint.
    std::string authorize(const std::string& request_url) {
        const auto items = http::parse_query(request_url.substr(request_url.find('?') + 1));
        for (const auto& [name, value] : *items) parameters[name] = value;
        nonce = parameters["nonce"];
        code_ = "code" + std::to_string(++codes_);
        challenge_ = parameters["code_challenge"];
        return code_;
    }
    std::map<std::string, std::string> parameters;  // of the last authorization request

    [[nodiscard]] std::string claims(std::string_view aud, std::string_view more = {}) const {
        const auto now =
            std::chrono::floor<std::chrono::seconds>(clock_.utc_now()).time_since_epoch().count();
        return fmt::format(R"({{"iss":"{}","aud":"{}","sub":"ada","iat":{},"exp":{}{}}})", url_,
                           aud, now, now + 600, more);
    }

    aio::task<http::response> send(oidc::fetch_request request) override {
        const auto path = request.url.substr(std::min(request.url.size(), url_.size()));
        ++requests[path];
        last_headers = request.headers;
        if (is_hanging) {
            auto ended = co_await aio::until_cancelled();
            co_return base::pass(std::move(ended));
        }
        if (failure) co_return base::fail(*failure, "the issuer is away");
        if (status != 200) co_return http::response{.status = status};
        if (path == "/.well-known/openid-configuration") co_return ok(metadata());
        if (path == "/keys") co_return ok(key_set_of(key.public_jwk()));
        std::map<std::string, std::string> form;
        for (const auto& [name, value] : *http::parse_query(request.body)) form[name] = value;
        if (path == "/device") {
            co_return ok(fmt::format(
                R"({{"device_code":"d1","user_code":"ABCD","verification_uri":"{}/activate","expires_in":600}})",
                url_));
        }
        co_return respond_to_grant(form);
    }

  private:
    [[nodiscard]] http::response ok(std::string body, unsigned code = 200) const {
        http::response response{.status = code, .body = http::body(std::move(body))};
        if (!date.empty()) response.headers.add("Date", date);
        return response;
    }
    [[nodiscard]] std::string metadata() const {
        return fmt::format(
            R"({{"issuer":"{0}","authorization_endpoint":"{0}/authorize","token_endpoint":"{0}/token",)"
            R"("device_authorization_endpoint":"{0}/device","jwks_uri":"{0}/keys"{1}}})",
            url_, further_metadata);
    }
    http::response respond_to_grant(std::map<std::string, std::string>& form) {
        if (form["grant_type"] == "authorization_code") {
            const auto digest = token::sha256(form["code_verifier"]);
            const auto challenge = base::to_base64_url(
                std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
            if (form["code"] != code_ || challenge != challenge_) {
                return ok(R"({"error":"invalid_grant"})", 400);
            }
            code_ = "used";
        } else if (!device_state.empty()) {
            return ok(fmt::format(R"({{"error":"{}"}})", device_state), 400);
        }
        const auto more = nonce.empty() ? further_claims
                                        : fmt::format(R"(,"nonce":"{}"{})", nonce, further_claims);
        return ok(
            fmt::format(R"({{"id_token":"{}"}})", key.sign_typed("JWT", claims(audience, more))));
    }

    std::string url_;
    const base::clock& clock_;
    std::string code_;
    std::string challenge_;
    int codes_ = 0;
};

}  // namespace fakes
