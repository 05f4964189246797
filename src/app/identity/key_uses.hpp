#pragma once
// The last uses of all API keys, in memory and in the document store. A use is written with a delay
// and at most once in write_interval, so that requests cause no writes. Other processes adopt it
// through record_feed. A crash loses at most the uses of the last write_interval. Lives on the
// control loop. Owned by key_registry.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/document_registry.hpp"
#include "app/key_use.hpp"

namespace app {

struct key_use_record {
    std::string id;  // of the key
    domain::api_key_use last{};
    ports::revision revision = 0;
    bool operator==(const key_use_record&) const = default;
};

class key_uses {
  public:
    explicit key_uses(ports::document_store& store);

    // Reads every record. A record that cannot be read counts as no use. Errors: unavailable.
    aio::task<> load() { return registry_.load(); }
    // Compares the collection with the store once. Errors: unavailable.
    aio::task<> refresh() { return registry_.refresh(); }
    // Returns the collection for record_feed.
    [[nodiscard]] replicated_collection& collection() noexcept { return registry_; }
    // Returns the use of a key; the same object for the same id.
    std::shared_ptr<key_use> use_of(const std::string& id);

    // Writes each use that is newer than the stored one by write_interval, or at all if
    // `writes_all`. Errors: unavailable, timed_out.
    aio::task<> flush(bool writes_all);
    // Deletes the uses of keys that are not in `ids`, which are sorted. Errors: unavailable.
    aio::task<> keep_only(std::vector<std::string> ids);

    static constexpr std::chrono::minutes write_interval{5};

  private:
    document_registry<key_use_record> registry_;
    std::map<std::string, std::shared_ptr<key_use>> uses_;
};

}  // namespace app
