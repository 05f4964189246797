#pragma once
// Secrets in use whose stored digest does not have the newest server key. The digest of a secret is
// known while a request is authenticated alone, so the threads of requests note it here, and the
// control loop stores it with the newest server key later. Owned by key_registry.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "app/key_commands.hpp"
#include "token/digest_key.hpp"

namespace app {

class digest_moves {
  public:
    // The SHA-256 of the secrets of one key.
    struct secrets {
        std::optional<token::sha256_digest> present;
        std::optional<token::sha256_digest> previous;  // of a rotated key
    };
    enum class secret_kind : std::uint8_t { present, previous };

    // Sets the server key that every digest shall have; null: note() does nothing. Control loop.
    void set_target(std::shared_ptr<const token::digest_key> target) {
        target_.store(target.get(), std::memory_order_relaxed);
        owner_ = std::move(target);
    }
    // Notes a secret that was accepted. Costs one comparison if its digest has the target key.
    // Never waits: a later use notes what another thread prevents. Thread: any.
    void note(const known_key& key, secret_kind kind, const token::sha256_digest& digest) {
        const auto* target = target_.load(std::memory_order_relaxed);
        const auto& stored = kind == secret_kind::present ? key.digest : *key.previous_digest;
        if (target == nullptr || stored.key.get() == target) return;
        const std::unique_lock lock(mutex_, std::try_to_lock);
        if (!lock) return;
        auto& entry = noted_[key.record->id];
        (kind == secret_kind::present ? entry.present : entry.previous) = digest;
    }
    // Returns the noted secrets by the id of their key, and forgets them. Control loop.
    [[nodiscard]] std::map<std::string, secrets> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(noted_, {});
    }

  private:
    std::atomic<const token::digest_key*> target_{nullptr};  // for comparisons alone
    std::shared_ptr<const token::digest_key> owner_;         // so that its address stays in use
    std::mutex mutex_;
    std::map<std::string, secrets> noted_;  // at most one entry for each stored key
};

}  // namespace app
