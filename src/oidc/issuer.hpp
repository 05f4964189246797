#pragma once
// One issuer: its discovery document and its keys, fetched on demand and kept. Lives on the loop of
// the fetcher.

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aio/semaphore.hpp"
#include "base/clock.hpp"
#include "obs/log.hpp"
#include "oidc/fetcher.hpp"
#include "oidc/issuer_metadata.hpp"
#include "oidc/issuer_options.hpp"
#include "token/issuer_jwt.hpp"

namespace oidc {

class issuer {
  public:
    struct deps {
        aio::executor executor;
        oidc::fetcher& fetcher;
        const base::clock& clock;
        obs::log& log;
    };
    issuer(deps deps, issuer_options options);

    [[nodiscard]] const issuer_options& options() const noexcept { return options_; }
    // Returns the discovery document. Errors: unavailable.
    aio::task<std::shared_ptr<const issuer_metadata>> metadata();
    // Verifies an id token for the client. Errors: denied, unavailable.
    aio::task<token::issuer_claims> verify_id_token(std::string text);
    // Verifies an access token for the audience of the options. Errors: denied, unavailable.
    aio::task<token::issuer_claims> verify_access_token(std::string text);

    // An unknown key id fetches the keys again, but not more often.
    static constexpr std::chrono::seconds unknown_key_interval{60};
    // Keys that are older are fetched again at the next use. If that fails, they stay in use.
    static constexpr std::chrono::minutes keys_lifetime{10};
    static constexpr std::chrono::hours metadata_lifetime{24};
    // The time between two attempts after a failure.
    static constexpr std::chrono::seconds retry_interval{5};

  private:
    using key_list = std::vector<token::verification_key>;

    struct expectation {
        std::string audience;
        std::span<const std::string_view> types;
    };
    aio::task<token::issuer_claims> verify(std::string text, expectation expected);
    [[nodiscard]] base::outcome<token::issuer_claims> verify_now(std::string_view text,
                                                                 const expectation& expected) const;
    // Fetches the keys if they are older than `age_max`.
    aio::task<> fetch_keys(std::chrono::seconds age_max);
    aio::task<std::shared_ptr<const issuer_metadata>> metadata_in_turn();
    aio::task<std::string> fetch(std::string url);
    [[nodiscard]] bool is_paused() const;
    void note_failure(std::string_view activity, const base::failure& failure);

    deps deps_;
    issuer_options options_;
    aio::semaphore turn_;  // one fetch at a time
    std::shared_ptr<const issuer_metadata>
        metadata_;  // shared with logins in flight; null: unknown
    base::steady_time metadata_at_{};
    key_list keys_;
    std::optional<base::steady_time> keys_at_;
    std::optional<base::steady_time> failed_at_;
};

}  // namespace oidc
