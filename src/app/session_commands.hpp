#pragma once
// Sessions of users, as the api module uses them: a login gives a short access token and a refresh
// token for the next one. The commands run on the control loop.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "aio/task.hpp"
#include "app/user_commands.hpp"
#include "base/secret.hpp"

namespace app {

struct issued_tokens {
    std::string subject;
    std::string session;  // id
    base::secret access_token;
    std::chrono::seconds expires_in{};  // of the access token
    base::secret refresh_token;
};

// An identity that another system has verified, such as an OpenID provider.
struct external_identity {
    std::string subject;  // name of an existing user
    std::string method;   // "oidc:ISSUER"; part of the session record and the log
};

// The session of a refresh token, for the audit log.
struct session_owner {
    std::string subject;  // empty: the token belongs to no session
    std::string session;  // id
};

// Returns the token that a page repeats in each write of a browser session. It depends on the
// access token, which the page cannot read. Thread-safe.
std::string csrf_token_of(std::string_view access_token);

class session_commands {
  public:
    virtual ~session_commands() = default;
    // Starts a session for the right password. Takes the same time for an unknown user. Errors:
    // denied (invalid_login: unknown or disabled user, or a wrong password), unavailable (also
    // login_queue_full), timed_out.
    virtual aio::task<issued_tokens> log_in(std::string username, base::secret password) = 0;
    // Starts a session without a password. Errors: denied (invalid_login: unknown or disabled
    // user), unavailable, timed_out.
    virtual aio::task<issued_tokens> start_session(external_identity identity) = 0;
    // Returns new tokens. The previous refresh token returns the same successor for
    // refresh_overlap, or until the successor is used. An earlier one ends the session. Sets
    // `owner` if the token is or was one of a session, also before an error. Errors: denied
    // (invalid_refresh_token), unavailable, timed_out.
    virtual aio::task<issued_tokens> refresh(base::secret refresh_token, session_owner& owner) = 0;
    // Ends one session in all processes. Succeeds if it has ended already. Errors: unavailable,
    // timed_out.
    virtual aio::task<void> end_session(std::string session) = 0;
    // Ends every session of the user in all processes. Errors: not_found, unavailable, timed_out.
    virtual aio::task<void> end_sessions(std::string user, shared_principal client) = 0;
    // Returns the JSON Web Key Set of the keys that verify access tokens. Thread: any.
    [[nodiscard]] virtual std::shared_ptr<const std::string> key_set() const = 0;

    static constexpr std::chrono::minutes access_lifetime{15};
    static constexpr std::chrono::days refresh_idle_max{7};
    static constexpr std::chrono::days session_lifetime_max{30};
    static constexpr std::chrono::seconds refresh_overlap{30};
    static constexpr std::size_t sessions_max = 100;  // of a user; a new one ends the oldest
};

}  // namespace app
