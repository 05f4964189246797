#pragma once
// Authentication by tokens of other systems, next to the platform's own credentials. A token is
// verified once by another system and then accepted from memory, without I/O. authenticate() is
// usable on every thread; the rest lives on the control loop. Owned by main.

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "aio/semaphore.hpp"
#include "app/member_commands.hpp"
#include "app/role_commands.hpp"
#include "app/user_commands.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "base/clock.hpp"
#include "base/secret.hpp"
#include "obs/log.hpp"
#include "ports/authenticator.hpp"
#include "ports/token_verifier.hpp"
#include "token/digest.hpp"

namespace app {

struct external_authenticator_options {
    // A token is verified again after this time, so that a deleted account loses its access.
    std::chrono::seconds verification_lifetime{300};
    // A rejected token is not verified again before.
    std::chrono::seconds rejection_lifetime{10};
    std::chrono::milliseconds lookup_timeout{5000};
    std::size_t tokens_max = 4096;  // in memory; also of rejected ones
    // Of each verifier, so that one that does not respond leaves the others alone.
    std::size_t lookups_max = 16;   // at the same time
    std::size_t waiting_max = 256;  // further lookups fail with unavailable
};

class external_authenticator final : public ports::authenticator, public ports::credential_lookup {
  public:
    struct deps {
        aio::executor executor;           // of the control loop
        const ports::authenticator& own;  // the platform's own credentials
        const member_commands& members;   // the roles of the subjects
        const role_commands& roles;       // the permissions of custom roles
        const user_commands& users;
        const base::clock& clock;
        obs::log& log;
    };
    external_authenticator(deps deps, external_authenticator_options options);

    using verifier_list = std::vector<std::shared_ptr<ports::token_verifier>>;
    // Puts the verifiers into use instead of the present ones. A verified token of a verifier that
    // is not among them is unknown from then on.
    void use(const verifier_list& verifiers);

    // Verifies tokens again before they are too old, until cancelled.
    aio::task<> run();

    [[nodiscard]] base::outcome<std::shared_ptr<const domain::principal>> authenticate(
        const ports::authentication_request& request) const override;
    aio::task<> look_up(std::string authorization) override;

  private:
    struct verified_token {
        ports::verified_identity identity;
        const ports::token_verifier* verifier = nullptr;
        base::instant verified_at{};
        bool is_due = false;  // run() verifies it again
        // The principal, and the indexes from which it was made.
        shared_principal caller{};
        std::weak_ptr<const member_index> members{};
        std::weak_ptr<const role_index> roles{};
        std::weak_ptr<const user_index> users{};
    };
    struct rejected_token {
        std::string text;
        base::instant until{};
    };
    // One verifier and its lookups.
    struct lane {
        lane(const aio::executor& executor, std::shared_ptr<ports::token_verifier> source,
             std::size_t lookups_max)
            : verifier(std::move(source)), slots(executor, lookups_max) {}
        std::shared_ptr<ports::token_verifier> verifier;
        aio::semaphore slots;
        std::size_t waiting = 0;
    };
    using outcome = base::outcome<shared_principal>;
    using lane_list = std::vector<std::shared_ptr<lane>>;

    // Returns null if no verifier recognizes the text. Thread: any.
    [[nodiscard]] std::shared_ptr<lane> lane_of(std::string_view text) const;
    // Returns the decision from memory; nothing if the token is unknown or was verified too long
    // ago.
    [[nodiscard]] std::optional<outcome> recall(std::string_view text) const;
    [[nodiscard]] outcome principal_of(verified_token& token) const;  // with the lock
    // Adds the roles that the platform has granted to the subject.
    void add_member_roles(const ports::verified_identity& identity, domain::role_map& roles) const;
    aio::task<> look_up_once(std::shared_ptr<lane> owner, base::secret text);
    aio::task<> verify(std::shared_ptr<lane> owner, base::secret text);
    // Does nothing if the verifier is not in use any more.
    void remember(const token::sha256_digest& digest, const lane& owner,
                  ports::verified_identity identity);
    void reject(const token::sha256_digest& digest, std::string text);
    // Accepts a known token again although its verifier is away. Returns false if it is unknown or
    // has expired.
    bool extend(const token::sha256_digest& digest);
    void forget_expired();  // with the lock

    deps deps_;
    external_authenticator_options options_;
    base::atomic_shared_ptr<const lane_list> lanes_;
    // Lanes that are not in use any more: another thread must not destroy them.
    lane_list retired_;
    // Lookups of one token wait for each other.
    std::map<token::sha256_digest, std::shared_ptr<aio::semaphore>> lookups_;

    mutable std::mutex mutex_;  // guards the members below
    mutable std::map<token::sha256_digest, verified_token> verified_;
    std::map<token::sha256_digest, rejected_token> rejected_;
    mutable std::vector<base::secret> due_;
};

}  // namespace app
