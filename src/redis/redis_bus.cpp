#include "redis/redis_bus.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "redis/server_error.hpp"

namespace redis {
namespace {

using namespace std::chrono_literals;
using base::errc;
using base::fail;
using subscriber = ports::bus::subscriber;

constexpr std::size_t message_bytes_max = std::size_t{64} * 1024;
constexpr auto check_interval = 500ms;  // of the server of a channel

base::steady_time now() {
    return base::system_clock().now();
}

// One channel with its subscribers. Shared by its subscriptions and by follow().
struct channel_state {
    explicit channel_state(const aio::executor& executor) : changed(executor) {}

    std::string name;
    std::map<std::uint64_t, std::shared_ptr<subscriber>> subscribers;
    std::uint64_t next_number = 1;
    bool is_active = false;
    bool is_stopping = false;              // the last subscriber has gone
    std::optional<base::failure> failure;  // of the present connection
    aio::notification changed;             // wakes follow()

    // Calls `act` with every subscriber. A subscriber may end its own subscription or another one.
    void for_each(const std::function<void(const subscriber&)>& act) {
        std::vector<std::uint64_t> numbers;
        numbers.reserve(subscribers.size());
        for (const auto& [number, entry] : subscribers) numbers.push_back(number);
        for (const auto number : numbers) {
            const auto it = subscribers.find(number);
            if (it == subscribers.end()) continue;
            const auto target = it->second;
            act(*target);
        }
    }
};

class subscription_of final : public ports::bus::subscription {
  public:
    subscription_of(std::shared_ptr<channel_state> channel, std::uint64_t number)
        : channel_(std::move(channel)), number_(number) {}
    ~subscription_of() override {
        channel_->subscribers.erase(number_);
        if (!channel_->subscribers.empty()) return;
        channel_->is_stopping = true;
        channel_->changed.notify();
    }

  private:
    std::shared_ptr<channel_state> channel_;
    std::uint64_t number_;
};

struct channel_server {
    endpoint server;
    bool is_sharded = false;
    std::uint64_t url_version = 0;
    bool operator==(const channel_server&) const = default;
};

std::optional<channel_server> server_of(const redis_client& client, const std::string& name) {
    const auto& topology = client.current_topology();
    if (!topology) return std::nullopt;
    const auto version = client.url_version();
    if (topology->kind != server_kind::cluster) {
        return channel_server{.server = topology->single, .url_version = version};
    }
    if (!topology->has_sharded_channels) {
        // Every node of a Cluster delivers every message of a plain channel.
        const auto server = client.any_server();
        if (!server) return std::nullopt;
        return channel_server{.server = *server, .url_version = version};
    }
    const auto server = client.server_of(name);
    if (!server) return std::nullopt;
    return channel_server{.server = *server, .is_sharded = true, .url_version = version};
}

// Handles one value of the connection of a channel.
void receive(redis_client& client, channel_state& channel, const resp_value& value,
             const endpoint& source) {
    if (value.is_error()) {
        const auto error = read_server_error(value.text, source);
        client.refresh_topology();  // the slot may have moved
        channel.failure = to_failure(value.text, error);
        channel.changed.notify();
        return;
    }
    if (!value.is_list() || value.items.size() < 2) return;  // the response to PING
    const auto& kind = value.items.front().text;
    if (value.items[1].text != channel.name) return;
    if (kind == "message" || kind == "smessage") {
        if (value.items.size() < 3) return;
        client.dependencies().metrics.messages.add();
        channel.for_each([&](const subscriber& target) { target.on_message(value.items[2].text); });
    } else if (kind == "subscribe" || kind == "ssubscribe") {
        if (std::exchange(channel.is_active, true)) return;
        channel.changed.notify();
        channel.for_each([](const subscriber& target) {
            if (target.on_resumed) target.on_resumed();
        });
    } else if (kind == "unsubscribe" || kind == "sunsubscribe") {
        client.refresh_topology();
        channel.failure = base::failure{errc::unavailable, "the server ended the subscription"};
        channel.changed.notify();
    }
}

// Returns the failure that ends the present connection, or ok() if the channel stops or its server
// has changed.
aio::task<> watch(const redis_client& client, channel_state& channel, const channel_server& used,
                  redis_connection& connection) {
    const auto& options = client.options();
    const auto deadline = now() + options.connect_timeout;
    auto last_ping = now();
    while (!channel.is_stopping) {
        if (channel.failure) co_return std::unexpected(*channel.failure);
        const auto time = now();
        if (!channel.is_active && time >= deadline) {
            co_return fail(errc::timed_out, "the server did not confirm the subscription");
        }
        const auto current = server_of(client, channel.name);
        // Every node of a Cluster delivers every message of a plain channel.
        const bool must_follow = current && (current->is_sharded || !client.is_cluster());
        const bool has_new_url = current && current->url_version != used.url_version;
        const bool has_moved = has_new_url || (must_follow && *current != used);
        if (has_moved) co_return base::ok();
        const auto silence = time - connection.last_received();
        if (silence > options.ping_interval + options.connect_timeout) {
            co_return fail(errc::timed_out, "the server does not respond");
        }
        if (silence >= options.ping_interval && time - last_ping >= options.ping_interval) {
            last_ping = time;
            connection.post({"PING"});
        }
        const auto waited = co_await channel.changed.wait_for(check_interval);
        if (!waited) co_return base::pass(waited);
    }
    co_return base::ok();
}

// Subscribes on one connection. Returns when it has ended. Errors: those of the connection.
aio::task<> subscribe_once(redis_client& client, std::shared_ptr<channel_state> channel) {
    const auto target = server_of(client, channel->name);
    if (!target) {
        client.refresh_topology();
        co_return fail(errc::unavailable, "no Redis server is known for the channel");
    }
    auto options = client.options_of(target->server);
    options.handshake.database = 0;  // channels do not depend on it
    options.listener = [&client, channel = channel.get(), server = target->server](
                           const resp_value& value) { receive(client, *channel, value, server); };
    const auto opened = co_await redis_connection::open(std::move(options));
    if (!opened) {
        client.refresh_topology();
        co_return base::pass(opened);
    }
    const auto& connection = *opened;
    channel->failure.reset();
    auto& connections = client.dependencies().metrics.connections;
    connections.add(1);
    const auto executor = co_await aio::this_executor();
    aio::task_group running(executor);
    running.spawn([connection, channel]() -> aio::task<> {
        const auto ended = co_await connection->run();
        if (!channel->failure) channel->failure = ended.error();
        channel->changed.notify();
        co_return base::ok();
    });
    connection->post({target->is_sharded ? "SSUBSCRIBE" : "SUBSCRIBE", channel->name});
    const auto result = co_await watch(client, *channel, *target, *connection);
    channel->is_active = false;
    connection->close({errc::cancelled, "the subscription ended"});
    co_await running.join();
    connections.add(-1);
    if (!result) client.refresh_topology();
    co_return result;
}

aio::task<> follow(redis_client& client, std::shared_ptr<channel_state> channel) {
    auto& log = client.dependencies().log;
    // A program subscribes before its first connection. That is no interruption.
    if (!client.current_topology()) {
        const auto deadline = now() + client.options().connect_timeout;
        const auto discovery = co_await client.wait_for_topology(deadline);
        if (!discovery && discovery.error().code == errc::cancelled) co_return discovery;
    }
    aio::backoff backoff(client.options().reconnect, client.options().seed);
    bool is_failure_logged = false;
    while (!channel->is_stopping) {
        const auto begun = now();
        const auto result = co_await subscribe_once(client, channel);
        if (!result && result.error().code == errc::cancelled) co_return result;
        if (channel->is_stopping) break;
        const bool was_stable = now() - begun > 5s;
        if (result || was_stable) {
            backoff.reset();
            is_failure_logged = false;
        }
        if (!result && !std::exchange(is_failure_logged, true)) {
            log.warning("redis_subscription_interrupted",
                        {{"channel", channel->name}, {"detail", result.error().text}});
        }
        if (result) continue;
        const auto slept = co_await aio::sleep_for(backoff.next());
        if (!slept) co_return slept;
    }
    co_return base::ok();
}

class redis_bus final : public ports::bus {
  public:
    redis_bus(redis_client& client, bus_options options)
        : client_(client), options_(std::move(options)) {}

    aio::task<void> publish(std::string channel, std::string message) override {
        if (message.size() > message_bytes_max) {
            co_return fail(errc::limit, "a message must have at most 64 KiB");
        }
        if (!client_.current_topology()) {
            const auto deadline = now() + client_.options().command_timeout;
            const auto waited = co_await client_.wait_for_topology(deadline);
            if (!waited) co_return waited;
        }
        const auto& topology = client_.current_topology();
        const bool is_sharded = topology && topology->has_sharded_channels;
        auto name = options_.channel_prefix + channel;
        const auto response = co_await client_.execute(
            {.words = {is_sharded ? "SPUBLISH" : "PUBLISH", name, std::move(message)},
             .key = is_sharded ? name : "",
             .safety = repeatability::not_repeatable});
        if (!response) co_return base::pass(response);
        co_return base::ok();
    }

    std::unique_ptr<subscription> subscribe(std::string channel, subscriber target) override {
        const auto& executor = client_.dependencies().executor;
        auto name = options_.channel_prefix + channel;
        auto state = channels_[name].lock();
        const bool is_new = state == nullptr || state->is_stopping;
        if (is_new) {
            state = std::make_shared<channel_state>(executor);
            state->name = name;
            channels_[name] = state;
        }
        const auto number = state->next_number++;
        state->subscribers.emplace(number, std::make_shared<subscriber>(std::move(target)));
        if (is_new) {
            client_.spawn(follow(client_, state));
        } else {
            // Later than this call; an inactive channel calls on_resumed() when it begins.
            aio::post(executor, [state, number] {
                const auto it = state->subscribers.find(number);
                if (!state->is_active || it == state->subscribers.end()) return;
                const auto resumed = it->second;
                if (resumed->on_resumed) resumed->on_resumed();
            });
        }
        return std::make_unique<subscription_of>(std::move(state), number);
    }

    [[nodiscard]] bool is_connected() const noexcept override {
        const auto is_interrupted = [](const auto& entry) {
            const auto channel = entry.second.lock();
            return channel && !channel->is_stopping && !channel->is_active;
        };
        return client_.is_connected() && std::ranges::none_of(channels_, is_interrupted);
    }

  private:
    redis_client& client_;
    bus_options options_;
    std::map<std::string, std::weak_ptr<channel_state>> channels_;
};

}  // namespace

std::unique_ptr<ports::bus> make_bus(redis_client& client, bus_options options) {
    return std::make_unique<redis_bus>(client, std::move(options));
}

}  // namespace redis
