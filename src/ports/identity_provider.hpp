#pragma once
// Logins at other systems: the authorization code flow of browsers and the device grant of command
// lines. Adapter: oidc. Fake: test/support/fake_identity_provider.hpp. Thread: the adapter's loop,
// except where a function says otherwise.

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aio/task.hpp"
#include "base/secret.hpp"
#include "domain/access.hpp"

namespace ports {

struct login_start {
    std::string url;         // the browser goes there
    base::secret pre_login;  // the browser keeps it in a cookie until the callback
};

// The query parameters of a callback, and the value of the cookie.
struct login_callback {
    base::secret code{};
    std::string state{};
    std::string issuer{};  // `iss` (RFC 9207)
    std::string error{};
    base::secret pre_login{};
};

struct device_start {
    base::secret device_code;
    std::string user_code;
    std::string verification_uri;
    std::string verification_uri_complete;  // may be empty
    std::chrono::seconds expires_in{};
    std::chrono::seconds interval{5};  // between two polls
};

// A person whom an issuer has authenticated.
struct external_user {
    std::string subject;
    std::string email;   // may be empty
    std::string method;  // "oidc:ISSUER"
    bool is_administrator = false;
    domain::role_names roles{};  // in the order of the rules; a role need not exist
    // The projects whose roles the issuer decides. A role that is not in `roles` has ended.
    std::set<std::string, std::less<>> managed_projects{};
    bool manages_administrators = false;
};

// The reason of a callback that was used before.
inline constexpr std::string_view login_used_reason = "login_used";

class identity_provider {
  public:
    identity_provider() = default;
    identity_provider(const identity_provider&) = delete;
    identity_provider& operator=(const identity_provider&) = delete;
    virtual ~identity_provider() = default;

    // The names of the issuers. Thread: any.
    [[nodiscard]] virtual std::vector<std::string> issuers() const = 0;
    // Errors of all functions: not_found (the issuer), unavailable.
    virtual aio::task<login_start> start_login(std::string issuer) = 0;
    // Accepts each login once, on all replicas. Errors: also denied (any check of the callback or
    // of the id token; login_used_reason for a second use).
    virtual aio::task<external_user> finish_login(std::string issuer, login_callback callback) = 0;
    // Errors: also unsupported (the issuer has no device grant).
    virtual aio::task<device_start> start_device(std::string issuer) = 0;
    // Errors: also denied; `reason` is that of RFC 8628: "authorization_pending", "slow_down",
    // "access_denied", "expired_token".
    virtual aio::task<external_user> finish_device(std::string issuer,
                                                   base::secret device_code) = 0;
};

}  // namespace ports
