#pragma once
// Starts, continues and ends the sessions of users. Sessions are in the store alone; a request with
// an access token reads none of them. Lives on the control loop. Owned by the service.

#include <string>

#include "app/identity/ended_sessions.hpp"
#include "app/identity/session_record.hpp"
#include "app/identity/signing_keys.hpp"
#include "app/identity/user_registry.hpp"
#include "app/session_commands.hpp"

namespace app {

class session_manager final : public session_commands {
  public:
    struct deps {
        ports::document_store& store;
        user_registry& users;
        password_pool& passwords;
        signing_keys& keys;
        ended_sessions& ended;
        const base::clock& clock;
        obs::log& log;
    };
    explicit session_manager(deps deps) : deps_(deps) {}

    // Deletes the sessions that have expired. Errors: unavailable.
    aio::task<> purge();

    aio::task<issued_tokens> log_in(std::string username, base::secret password) override;
    aio::task<issued_tokens> start_session(external_identity identity) override;
    aio::task<issued_tokens> refresh(base::secret refresh_token, session_owner& owner) override;
    aio::task<void> end_session(std::string session) override;
    aio::task<void> end_sessions(std::string user, shared_principal client) override;
    [[nodiscard]] std::shared_ptr<const std::string> key_set() const override {
        return deps_.keys.keys()->document;
    }

  private:
    aio::task<issued_tokens> start(shared_user user, std::string method);
    // Deletes the oldest sessions of the user beyond sessions_max - 1.
    aio::task<> make_room(std::string subject);
    aio::task<session_record> read(std::string id);
    // Stores the successor of the presented token. Errors: precondition (another request was
    // first), unavailable.
    aio::task<issued_tokens> rotate(session_record session, token::refresh_token presented);
    [[nodiscard]] issued_tokens tokens_of(const session_record& session,
                                          const token::refresh_token& refresh) const;

    deps deps_;
};

}  // namespace app
