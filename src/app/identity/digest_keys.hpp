#pragma once
// The server keys of the digests of API keys, in the document store and sealed with the platform
// key. A key keeps its value; each digest names its key, so that another one can follow. The
// existence of a key in the store is the decision that records have keyed digests: ADR 17. Lives on
// the control loop. Owned by identity_registries.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "app/document_registry.hpp"
#include "app/identity/platform_key.hpp"
#include "base/clock.hpp"
#include "obs/log.hpp"
#include "token/digest_key.hpp"

namespace app {

struct digest_key_record {
    std::string id;
    base::instant created_at{};
    std::string sealed;
    std::shared_ptr<const token::digest_key> key;  // what `sealed` contains
    ports::revision revision = 0;
    bool operator==(const digest_key_record& other) const noexcept {
        return id == other.id && created_at == other.created_at && sealed == other.sealed &&
               revision == other.revision;
    }
};

class digest_keys {
  public:
    using shared_record = std::shared_ptr<const digest_key_record>;
    struct deps {
        ports::document_store& store;
        const base::clock& clock;
        obs::log& log;
        shared_sealer sealer;  // null: there are no keys, and digests stay the SHA-256 itself
    };
    explicit digest_keys(deps deps);

    // Reads every key. Errors: unavailable, corrupt (also another platform key, or none).
    aio::task<> load() { return registry_.load(); }
    // Returns the collection for record_feed.
    [[nodiscard]] replicated_collection& collection() noexcept { return registry_; }
    // Calls `observer` after each change of the keys.
    void on_change(std::function<void()> observer) { observer_ = std::move(observer); }

    // Makes the first key. Nothing if there is one, or without a sealer. Errors: unavailable,
    // timed_out.
    aio::task<> add_first();
    // Makes a key that new digests have from now on, and returns its id. Errors: unsupported
    // (without a sealer), limit (keys_max), conflict (another process adds one), unavailable,
    // timed_out.
    aio::task<std::string> add();
    // Errors: not_found, conflict (new digests have the key, or a replica may not know its
    // successor yet).
    [[nodiscard]] base::outcome<void> check_removal(const std::string& id) const;
    // Deletes a key. The digests that have it match no secret any more. Errors: as check_removal(),
    // unavailable, timed_out.
    aio::task<> remove(std::string id);
    // Makes the first key after `replicas_read_it` was true for settle_time. Seals the keys again
    // after a change of the platform key. Call it once a minute. Errors: unavailable, timed_out.
    aio::task<> refresh(bool replicas_read_it);

    // Returns the key for new secrets; null if there is none.
    [[nodiscard]] shared_record newest() const;
    // Returns the key for the digests of secrets that are in use, which other replicas must never
    // miss: null until newest() is publish_delay old.
    [[nodiscard]] shared_record settled() const;
    // Returns null if there is none.
    [[nodiscard]] std::shared_ptr<const token::digest_key> find(const std::string& id) const;
    // Returns the keys by id, oldest first.
    [[nodiscard]] const std::map<std::string, shared_record>& records() const noexcept {
        return registry_.records();
    }

    // A release can be undone for as long.
    static constexpr std::chrono::hours settle_time{1};
    static constexpr std::chrono::minutes publish_delay{10};
    static constexpr std::size_t keys_max = 16;

  private:
    [[nodiscard]] base::outcome<digest_key_record> decode(const ports::document& document) const;
    [[nodiscard]] digest_key_record make_record(std::string id) const;
    aio::task<> seal_again();

    deps deps_;
    document_registry<digest_key_record> registry_;
    std::function<void()> observer_ = [] {};
    std::optional<base::steady_time> readable_since_;
};

}  // namespace app
