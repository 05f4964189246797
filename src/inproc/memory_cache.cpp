#include "inproc/memory_cache.hpp"

#include <list>
#include <mutex>
#include <unordered_map>

namespace inproc {
namespace {

constexpr std::size_t value_bytes_max = 1024 * 1024;
constexpr std::size_t keys_max = 1000;

class memory_cache final : public ports::cache {
  public:
    memory_cache(const base::clock& clock, cache_options options)
        : clock_(clock), options_(options) {}

    aio::task<std::optional<std::string>> get(std::string key) override {
        const std::lock_guard lock(mutex_);
        co_return get_now(key);
    }

    aio::task<std::vector<std::optional<std::string>>> get_many(
        std::vector<std::string> keys) override {
        if (keys.size() > keys_max) {
            co_return base::fail(base::errc::limit, "a batch must have at most 1,000 keys");
        }
        std::vector<std::optional<std::string>> values;
        values.reserve(keys.size());
        const std::lock_guard lock(mutex_);
        for (const auto& key : keys) values.push_back(get_now(key));
        co_return values;
    }

    aio::task<void> put(std::string key, std::string value,
                        std::chrono::seconds time_to_live) override {
        const std::lock_guard lock(mutex_);
        co_return put_now(std::move(key), std::move(value), time_to_live);
    }

    aio::task<bool> put_if_absent(std::string key, std::string value,
                                  std::chrono::seconds time_to_live) override {
        const std::lock_guard lock(mutex_);
        if (value.size() <= value_bytes_max && find(key) != entries_.end()) co_return false;
        auto put = put_now(std::move(key), std::move(value), time_to_live);
        if (!put) co_return base::pass(std::move(put));
        co_return true;
    }

    aio::task<void> remove(std::string key) override {
        const std::lock_guard lock(mutex_);
        const auto it = entries_.find(key);
        if (it != entries_.end()) erase(it->second);
        co_return base::ok();
    }

    [[nodiscard]] bool is_connected() const noexcept override { return true; }
    [[nodiscard]] bool is_embedded() const noexcept override { return true; }

  private:
    struct entry {
        std::string key;
        std::string value;
        base::steady_time expires;
    };
    using position = std::list<entry>::iterator;

    std::unordered_map<std::string, position>::iterator find(const std::string& key) {
        const auto it = entries_.find(key);
        if (it == entries_.end() || it->second->expires > clock_.now()) return it;
        erase(it->second);
        return entries_.end();
    }

    std::optional<std::string> get_now(const std::string& key) {
        const auto it = find(key);
        if (it == entries_.end()) return std::nullopt;
        order_.splice(order_.begin(), order_, it->second);
        return it->second->value;
    }

    base::outcome<void> put_now(std::string key, std::string value,
                                std::chrono::seconds time_to_live) {
        if (value.size() > value_bytes_max) {
            return base::fail(base::errc::limit, "a cached value must have at most 1 MiB");
        }
        if (const auto it = entries_.find(key); it != entries_.end()) erase(it->second);
        bytes_ += key.size() + value.size();
        order_.push_front({.key = std::move(key),
                           .value = std::move(value),
                           .expires = clock_.now() + time_to_live});
        entries_[order_.front().key] = order_.begin();
        while (bytes_ > options_.bytes_max && order_.size() > 1) erase(std::prev(order_.end()));
        return {};
    }

    void erase(position entry) {
        bytes_ -= entry->key.size() + entry->value.size();
        entries_.erase(entry->key);
        order_.erase(entry);
    }

    const base::clock& clock_;
    cache_options options_;
    std::mutex mutex_;
    std::list<entry> order_;  // most recently used first
    std::unordered_map<std::string, position> entries_;
    std::size_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<ports::cache> make_cache(const base::clock& clock, cache_options options) {
    return std::make_unique<memory_cache>(clock, options);
}

}  // namespace inproc
