#pragma once
// The API keys of the platform, as the api module uses them. The commands run on the control loop.
// The published index may be read on every thread, without I/O.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "app/key_use.hpp"
#include "base/secret.hpp"
#include "domain/api_key_rules.hpp"
#include "token/digest_key.hpp"

namespace app {

// One key and its principal; immutable, except for its last use.
struct known_key {
    std::shared_ptr<const domain::api_key> record;
    token::stored_digest digest;
    std::optional<token::stored_digest> previous_digest{};  // of a rotated key
    std::shared_ptr<const domain::principal> caller;
    bool is_subject_active = true;   // false: a disabled user or service account
    std::shared_ptr<key_use> use{};  // of every version of the key

    // Returns nothing if no use is known.
    [[nodiscard]] std::optional<base::instant> last_used_at() const { return use->last_used_at(); }
    [[nodiscard]] domain::api_key_state state(base::instant now) const {
        return domain::state_of(*record, last_used_at(), now);
    }
};
// Every key by id, also expired and revoked ones.
using api_key_index = std::map<std::string, known_key, std::less<>>;

struct created_key {
    std::shared_ptr<const domain::api_key> record;
    base::secret text;               // the only copy
    key_use::shared_use last_use{};  // null: none is known
};

class key_commands {
  public:
    using revisions = std::optional<std::vector<std::int64_t>>;
    virtual ~key_commands() = default;
    // Errors: invalid (fields), denied (domain::validate; the client is a Kubernetes service
    // account; its credential has ended), limit (keys_max, keys_of_creator_max), unavailable,
    // timed_out. After the last two a key may exist whose text is lost.
    virtual aio::task<created_key> create_key(domain::api_key_request wanted,
                                              std::shared_ptr<const domain::principal> client) = 0;
    // Changes a key. `allowed`: the revisions that the key may have; nothing: any. Errors: invalid
    // (fields), denied (domain::validate), not_found, precondition (another revision), unavailable,
    // timed_out.
    virtual aio::task<std::shared_ptr<const domain::api_key>> patch_key(
        std::string id, domain::api_key_patch wanted, revisions allowed,
        std::shared_ptr<const domain::principal> client) = 0;
    // Gives a key another secret. The present one stays valid for the overlap, the one before ends.
    // Errors: as patch_key(), conflict (expired). After unavailable and timed_out the new secret
    // may be lost.
    virtual aio::task<created_key> rotate_key(std::string id, domain::rotation_request wanted,
                                              std::shared_ptr<const domain::principal> client) = 0;
    // Revokes a key. Succeeds if it is revoked already. Errors: not_found, unavailable, timed_out.
    virtual aio::task<void> revoke_key(std::string id) = 0;
    // Thread: any.
    [[nodiscard]] virtual std::shared_ptr<const api_key_index> keys() const = 0;
    // Returns the time until which the uses in other processes are known. Thread: any.
    [[nodiscard]] virtual base::instant uses_known_until() const noexcept = 0;

    static constexpr std::size_t keys_max = 10'000;
    // Of these, the last ones are for administrators, so that others cannot use up all.
    static constexpr std::size_t keys_of_administrators = 1'000;
    // By a subject that is no administrator, for itself and for service accounts.
    static constexpr std::size_t keys_of_creator_max = 500;
    // The delay with which the use of a key is known in every process: the time until it is written
    // and read, with a margin for a slow store.
    static constexpr std::chrono::minutes use_delay_max{15};
};

}  // namespace app
