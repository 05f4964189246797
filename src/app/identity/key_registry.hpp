#pragma once
// The API keys in the document store, with a copy in memory that every thread may read. Lives on
// the control loop, except where a function says otherwise. Owned by the service.

#include <optional>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "app/identity/member_registry.hpp"
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
    };
    explicit key_registry(deps deps);

    // Reads every key. Errors: unavailable, corrupt.
    aio::task<> load();
    // Reads the keys that another process has created, changed or deleted. Errors: unavailable.
    aio::task<> refresh();
    // Deletes keys that were revoked or expired before `when`. Errors: unavailable.
    aio::task<> purge(base::instant when);

    aio::task<created_key> create_key(domain::api_key_request wanted,
                                      std::shared_ptr<const domain::principal> client) override;
    aio::task<void> revoke_key(std::string id) override;
    [[nodiscard]] std::shared_ptr<const api_key_index> keys() const override {
        return index_.load();
    }

    // Returns whether an active key has every permission. Thread: any.
    [[nodiscard]] bool has_administrator() const;
    // Makes `text` a key of the administrator that does not expire. A key that is stored already
    // stays as it is, so that a revoked key stays revoked. Errors: invalid (not the form of a key),
    // conflict (the id belongs to another key), unavailable, timed_out.
    aio::task<void> admit_admin_key(base::secret text);
    // Returns the text of a new key for admit_admin_key().
    static base::secret new_key_text();

    static constexpr std::chrono::days retention{30};  // of revoked and expired keys

  private:
    aio::task<void> store_new(domain::api_key record);
    // Reads one key from the store again.
    aio::task<> adopt(std::string id);
    // Adds or replaces the keys in one new index.
    void publish(std::vector<domain::api_key> records);
    // Gives the keys of a subject its present roles.
    void update_roles(const std::string& subject);
    [[nodiscard]] std::shared_ptr<const domain::principal> principal_of(
        const domain::api_key& key) const;
    void erase(const std::string& id);

    deps deps_;
    base::atomic_shared_ptr<const api_key_index> index_;
};

}  // namespace app
