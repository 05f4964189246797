#pragma once
// The keys that sign and verify access tokens: either a shared secret of the options (HS256), or
// Ed25519 pairs in the document store, sealed with the platform key and rotated. Lives on the
// control loop, except where a function says otherwise. Owned by the service.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/task.hpp"
#include "app/identity/platform_key.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "base/clock.hpp"
#include "base/secret.hpp"
#include "obs/log.hpp"
#include "ports/document_store.hpp"
#include "token/jwt.hpp"

namespace app {

struct signing_options {
    base::secret secret{};           // of HS256; empty: Ed25519
    base::secret previous_secret{};  // verifies alone
    // Seals the pairs. Null without `secret`: one pair of this process alone, for tests.
    shared_sealer sealer{};
    std::string issuer = "kubedb-dbaas";  // also the audience
};

// Immutable.
struct signing_key_set {
    std::vector<token::jwt_key> keys;             // all of them verify
    std::size_t signer = 0;                       // index of the one that signs
    std::shared_ptr<const std::string> document;  // JSON Web Key Set of the public keys
};

// The time of a stored key decides its use, so that all processes agree without messages.
struct stored_signing_key {
    std::string id;
    base::instant created_at{};
};
struct key_schedule {
    std::size_t signer = 0;            // index of the key that signs
    std::vector<std::size_t> retired;  // verify nothing any more
    bool needs_new = false;
};
// `keys` in the order of their creation, not empty. A new key signs after publish_delay, so that
// every reader of the key set knows it. Its predecessor retires when its last token has expired.
// Pure.
key_schedule schedule_of(const std::vector<stored_signing_key>& keys, base::instant now);

class signing_keys {
  public:
    struct deps {
        ports::document_store& store;
        const base::clock& clock;
        obs::log& log;
    };
    // Errors: invalid (the secret is too short).
    static base::outcome<std::unique_ptr<signing_keys>> make(deps deps, signing_options options);

    // Signs with another shared secret from now on. The one before and `previous` verify as well;
    // `previous` may be empty. Errors: invalid (a secret is too short), unsupported (there was no
    // shared secret at the start). Nothing changes after an error.
    base::outcome<void> use_secret(base::secret secret, base::secret previous);
    // Reads the stored keys, and makes or deletes some if their time has come. Nothing for a shared
    // secret. Errors: unavailable, denied (another platform key), corrupt.
    aio::task<> refresh();
    // Thread: any.
    [[nodiscard]] std::shared_ptr<const signing_key_set> keys() const { return set_.load(); }
    [[nodiscard]] const std::string& issuer() const noexcept { return options_.issuer; }

    static constexpr std::chrono::days rotation_period{30};
    static constexpr std::chrono::hours publish_delay{1};
    static constexpr std::chrono::hours retirement_delay{1};

  private:
    struct loaded_key {
        stored_signing_key record;
        token::jwt_key key;
        std::string sealed;
    };
    signing_keys(deps deps, signing_options options);
    static base::outcome<std::shared_ptr<signing_key_set>> make_set(
        const std::vector<base::secret>& secrets);
    aio::task<std::vector<loaded_key>> read();
    aio::task<> add(std::size_t number);
    void publish(const std::vector<loaded_key>& loaded, const key_schedule& schedule);

    deps deps_;
    signing_options options_;
    base::atomic_shared_ptr<const signing_key_set> set_;
};

}  // namespace app
