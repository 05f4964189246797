#pragma once
// The API keys in the document store, with a copy in memory that every thread may read. Lives on
// the control loop, except where a function says otherwise. Owned by the service.

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "app/document_registry.hpp"
#include "app/identity/digest_keys.hpp"
#include "app/identity/digest_moves.hpp"
#include "app/identity/key_uses.hpp"
#include "app/identity/member_registry.hpp"
#include "app/identity/service_account_registry.hpp"
#include "app/identity/user_registry.hpp"
#include "app/key_commands.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "base/clock.hpp"
#include "obs/log.hpp"
#include "ports/document_store.hpp"

namespace app {

class key_registry final : public key_commands {
  public:
    struct deps {
        ports::document_store& store;
        member_registry& members;  // the roles of the subjects
        const base::clock& clock;
        obs::log& log;
        user_registry* users = nullptr;  // the platform roles of the subjects; nullptr: no users
        service_account_registry* accounts = nullptr;  // nullptr: no service accounts
        digest_keys* digests = nullptr;                // nullptr: the stored digests have no key
        domain::api_key_policy policy{};
    };
    explicit key_registry(deps deps);

    // Reads every key and its last use. Errors: unavailable, corrupt.
    aio::task<> load();
    // Compares the collection with the store once. Errors: unavailable, corrupt.
    aio::task<> refresh() { return registry_.refresh(); }
    // Returns the collection for record_feed.
    [[nodiscard]] replicated_collection& collection() noexcept { return registry_; }
    // Returns the last uses.
    [[nodiscard]] key_uses& uses() noexcept { return uses_; }
    // Gives the digests of earlier releases, and those of secrets that were used, the newest digest
    // key: a bounded number in each call. Nothing until the digest key is settled. Call it once a
    // minute. Errors: unavailable, timed_out.
    aio::task<> upgrade_digests();
    // Returns where authenticators note the use of secrets.
    [[nodiscard]] digest_moves& moves() noexcept { return moves_; }
    // Rejects digests without a digest key from now on, and does not upgrade them: a writer of the
    // store can make such a digest.
    void reject_bare_digests();
    [[nodiscard]] bool accepts_bare_digests() const noexcept { return accepts_bare_digests_; }
    // Returns the number of digests of valid secrets by the id of their digest key. The id of
    // digests without a key is empty.
    [[nodiscard]] std::map<std::string, std::size_t> count_digests() const;
    // Revokes the keys, and ends the previous secrets of rotated keys, whose digests have this
    // digest key. Returns the number of revoked keys. Errors: unavailable, timed_out.
    aio::task<std::size_t> revoke_digests(std::string digest_key);
    // Deletes keys that were revoked or expired before `when`. Keeps keys that do not expire, so
    // that a revoked one stays revoked while its file exists. Deletes the uses of deleted keys.
    // Errors: unavailable.
    aio::task<> purge(base::instant when);

    aio::task<created_key> create_key(domain::api_key_request wanted,
                                      std::shared_ptr<const domain::principal> client) override;
    // Creates a key of a subject that the client may act for. Errors: as create_key().
    aio::task<created_key> create_key_of(std::string subject, domain::api_key_request wanted,
                                         std::shared_ptr<const domain::principal> client);
    aio::task<std::shared_ptr<const domain::api_key>> patch_key(
        std::string id, domain::api_key_patch wanted, revisions allowed,
        std::shared_ptr<const domain::principal> client) override;
    aio::task<created_key> rotate_key(std::string id, domain::rotation_request wanted,
                                      std::shared_ptr<const domain::principal> client) override;
    aio::task<void> revoke_key(std::string id) override;
    // Revokes every key of the subject, also keys that another process has just created. Errors:
    // unavailable, timed_out, corrupt.
    aio::task<> revoke_subject(std::string subject);
    // Revokes the keys that the subject has created for itself without a key, and those that they
    // have created. A new user must not inherit what an earlier one of the name created with the
    // token of an issuer. Errors: unavailable, timed_out, corrupt.
    aio::task<> revoke_own_keys(std::string subject);
    [[nodiscard]] std::shared_ptr<const api_key_index> keys() const override {
        return index_.load();
    }

    [[nodiscard]] base::instant uses_known_until() const noexcept override {
        return base::instant(base::instant::duration(known_until_.load(std::memory_order_relaxed)));
    }
    // Sets the end of the last comparison of the uses with the store. Call it once a minute.
    void set_uses_known_until(base::instant when) noexcept {
        known_until_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
    }

    // Returns whether a usable key has every permission. Thread: any.
    [[nodiscard]] bool has_administrator() const;
    // Makes `text` a key of the administrator that does not expire. A key that is stored already
    // stays as it is, so that a revoked key stays revoked. Errors: invalid (not the form of a key),
    // conflict (the id belongs to another key), unavailable, timed_out.
    aio::task<void> admit_admin_key(base::secret text);
    // Returns the text of a new key for admit_admin_key().
    static base::secret new_key_text();

    static constexpr std::chrono::days retention{30};  // of revoked and expired keys
    static constexpr std::size_t upgrades_max = 200;   // in one call

  private:
    aio::task<void> store_new(domain::api_key record);
    // Reads the newest keys and revokes those that are affected. Errors: unavailable, timed_out,
    // corrupt.
    aio::task<> revoke_where(std::function<bool(const domain::api_key&)> is_affected);
    // Reads whether the user and the key of a request are still valid, and whether the key still
    // has these limits. Errors: denied (they are not), unavailable, corrupt.
    aio::task<void> check_creator(std::shared_ptr<const domain::principal> client,
                                  domain::credential_limits limits);
    // The id and the time limits of the key of a principal. Empty without a key.
    struct own_key {
        std::string id;
        std::optional<base::instant> expires_at{};
        std::optional<std::chrono::days> unused_max{};
    };
    [[nodiscard]] own_key own_key_of(const domain::principal& client) const;
    // Follows the keys that created the record and each other, while `has_parent` returns true.
    // Returns the oldest one that is known.
    [[nodiscard]] const domain::api_key& root_of(const domain::api_key& record,
                                                 bool (*has_parent)(const domain::api_key&)) const;
    // Returns the subject that counts as the creator of a key: who created the first key of the
    // service account, if an account has created this one.
    [[nodiscard]] const std::string& owner_of(const domain::api_key& record) const;
    // Returns whether the client may create one more key. Errors: limit.
    [[nodiscard]] base::outcome<void> check_room(const domain::principal& client) const;
    // Sets the digest of a new secret.
    void set_digest(domain::api_key& record, const token::sha256_digest& digest) const;
    // Returns the record with digests of the settled digest key: digests without a key, and those
    // of `used` secrets.
    [[nodiscard]] domain::api_key upgraded_record(domain::api_key record,
                                                  const digest_moves::secrets& used = {}) const;
    // Returns a digest that no secret has if its key is not known.
    [[nodiscard]] token::stored_digest stored_digest_of(const std::string& hex,
                                                        const std::string& key_id) const;
    // The same, also if digests without a key are rejected.
    [[nodiscard]] token::stored_digest accepted_digest_of(const std::string& hex,
                                                          const std::string& key_id) const;
    // Admits the key of a file whose record exists.
    aio::task<void> admit_stored(std::string id, token::sha256_digest digest);
    // Adds, replaces or erases the keys in one new index.
    void publish(const std::vector<std::string>& ids);
    void publish_all();
    // Gives the keys of a subject its present roles and state.
    void update_subject(const std::string& subject);
    [[nodiscard]] bool is_active(const std::string& subject) const;
    [[nodiscard]] std::shared_ptr<const domain::principal> principal_of(
        const domain::api_key& key) const;

    deps deps_;
    document_registry<domain::api_key> registry_;
    key_uses uses_;
    digest_moves moves_;
    bool accepts_bare_digests_ = true;
    std::atomic<base::instant::rep> known_until_{0};
    base::atomic_shared_ptr<const api_key_index> index_;
};

}  // namespace app
