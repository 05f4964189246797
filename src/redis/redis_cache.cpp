#include "redis/redis_cache.hpp"

#include <map>
#include <utility>

namespace redis {
namespace {

using base::errc;
using base::fail;
using values = std::vector<std::optional<std::string>>;

constexpr std::size_t value_bytes_max = std::size_t{1024} * 1024;
constexpr std::size_t keys_max = 1000;

// A time that is over leaves no entry; Redis rejects it, so the entry lives for 1 ms.
std::string milliseconds_text(std::chrono::seconds time_to_live) {
    const auto count = std::chrono::milliseconds(time_to_live).count();
    return std::to_string(std::max<std::int64_t>(count, 1));
}

base::outcome<std::optional<std::string>> value_of(resp_value& item) {
    if (item.is_null()) return std::optional<std::string>();
    if (!item.is_text()) return fail(errc::corrupt, "Redis returned no string for a cached value");
    return std::optional(std::move(item.text));
}

class redis_cache final : public ports::cache {
  public:
    redis_cache(redis_client& client, cache_options options)
        : client_(client), options_(std::move(options)) {}

    aio::task<std::optional<std::string>> get(std::string key) override {
        auto name = options_.key_prefix + key;
        auto response = co_await client_.execute({.words = {"GET", name}, .key = name});
        if (!response) co_return base::pass(std::move(response));
        co_return value_of(*response);
    }

    aio::task<values> get_many(std::vector<std::string> keys) override {
        if (keys.size() > keys_max) {
            co_return fail(errc::limit, "a batch must have at most 1,000 keys");
        }
        values results(keys.size());
        // One command per slot of a Cluster; the commands share round trips.
        std::map<std::uint16_t, std::vector<std::size_t>> groups;
        for (std::size_t index = 0; index < keys.size(); ++index) {
            keys[index].insert(0, options_.key_prefix);
            const auto slot = client_.is_cluster() ? slot_of(keys[index]) : std::uint16_t{0};
            groups[slot].push_back(index);
        }
        const auto executor = co_await aio::this_executor();
        aio::task_group reads(executor);
        std::optional<base::failure> failed;
        for (const auto& [slot, positions] : groups) {
            reads.spawn(read_group(keys, positions, results, failed));
        }
        co_await reads.join();
        if (failed) co_return std::unexpected(std::move(*failed));
        co_return results;
    }

    aio::task<void> put(std::string key, std::string value,
                        std::chrono::seconds time_to_live) override {
        auto response = co_await set(std::move(key), std::move(value), time_to_live, false);
        if (!response) co_return base::pass(std::move(response));
        co_return base::ok();
    }

    aio::task<bool> put_if_absent(std::string key, std::string value,
                                  std::chrono::seconds time_to_live) override {
        auto response = co_await set(std::move(key), std::move(value), time_to_live, true);
        if (!response) co_return base::pass(std::move(response));
        co_return !response->is_null();
    }

    aio::task<void> remove(std::string key) override {
        auto name = options_.key_prefix + key;
        auto response = co_await client_.execute({.words = {"DEL", name}, .key = name});
        if (!response) co_return base::pass(std::move(response));
        co_return base::ok();
    }

    [[nodiscard]] bool is_connected() const noexcept override { return client_.is_connected(); }
    [[nodiscard]] bool is_embedded() const noexcept override { return false; }

  private:
    // The arguments outlive the task.
    aio::task<> read_group(const std::vector<std::string>& names,
                           const std::vector<std::size_t>& positions, values& results,
                           std::optional<base::failure>& failed) {
        client_command command{.words = {"MGET"}, .key = names[positions.front()]};
        for (const auto position : positions) command.words.push_back(names[position]);
        auto response = co_await client_.execute(std::move(command));
        if (response && response->items.size() != positions.size()) {
            response = fail(errc::corrupt, "Redis returned another number of values");
        }
        for (std::size_t index = 0; response && index < positions.size(); ++index) {
            auto value = value_of(response->items[index]);
            if (value) {
                results[positions[index]] = std::move(*value);
            } else {
                response = std::unexpected(std::move(value).error());
            }
        }
        if (!response) failed = std::move(response).error();
        co_return base::ok();
    }

    aio::task<resp_value> set(std::string key, std::string value, std::chrono::seconds time_to_live,
                              bool is_conditional) {
        if (value.size() > value_bytes_max) {
            co_return fail(errc::limit, "a cached value must have at most 1 MiB");
        }
        auto name = options_.key_prefix + key;
        client_command command{
            .words = {"SET", name, std::move(value), "PX", milliseconds_text(time_to_live)},
            .key = name,
            // A second SET NX would report the entry of the first as the entry of another caller.
            .safety = is_conditional ? repeatability::not_repeatable : repeatability::repeatable};
        if (is_conditional) command.words.emplace_back("NX");
        co_return co_await client_.execute(std::move(command));
    }

    redis_client& client_;
    cache_options options_;
};

}  // namespace

std::unique_ptr<ports::cache> make_cache(redis_client& client, cache_options options) {
    return std::make_unique<redis_cache>(client, std::move(options));
}

}  // namespace redis
