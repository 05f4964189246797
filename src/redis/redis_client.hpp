#pragma once
// Commands to a Redis service: finds out the kind of the servers, sends each command to the server
// that owns its key, and follows redirections and failovers. One loop. The owner awaits run() in a
// task group; every member function may be called before, during and after it.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/aio.hpp"
#include "http/client.hpp"
#include "obs/log.hpp"
#include "redis/client_metrics.hpp"
#include "redis/command_attempts.hpp"
#include "redis/redis_node.hpp"
#include "redis/redis_url.hpp"
#include "redis/slot_map.hpp"

namespace redis {

struct client_options {
    redis_url url;
    std::optional<http::client_tls> tls{};  // required if url.is_secure
    std::chrono::milliseconds connect_timeout{2000};
    std::chrono::milliseconds command_timeout{2000};
    // Commands fail at once if no server has been connected for this time.
    std::chrono::milliseconds fail_fast_after{5000};
    std::chrono::milliseconds topology_interval{10'000};
    std::chrono::milliseconds ping_interval{5000};
    aio::backoff::options reconnect{.first = std::chrono::milliseconds(50),
                                    .max = std::chrono::milliseconds(2000)};
    std::uint64_t seed = 0;
};

// The servers of the service, as the last discovery found them.
struct topology {
    server_kind kind = server_kind::standalone;
    endpoint single;                    // except for a cluster
    slot_map slots;                     // of a cluster
    bool has_sharded_channels = false;  // Redis Cluster 7 and newer
};

struct client_command {
    command_words words;
    std::string key;  // selects the server of a cluster; empty: any master
    repeatability safety = repeatability::repeatable;
};

class redis_client {
  public:
    struct deps {
        aio::executor executor;
        obs::log& log;
        client_metrics& metrics;
    };
    // Errors: invalid (TLS options).
    static base::outcome<std::unique_ptr<redis_client>> make(deps deps, client_options options);
    redis_client(deps deps, client_options options, std::shared_ptr<http::tls_setup> tls);
    ~redis_client();
    redis_client(const redis_client&) = delete;
    redis_client& operator=(const redis_client&) = delete;

    // Keeps the connections and the topology until cancelled. Called once. Errors: cancelled.
    aio::task<> run();

    // Discovers the servers of another URL and connects to them, for example with a new password.
    // Commands in progress end on the previous connections. Errors: invalid (TLS options); the
    // previous URL stays in use.
    base::outcome<void> change_url(redis_url url, std::optional<http::client_tls> tls);
    // Changes with each call of change_url().
    [[nodiscard]] std::uint64_t url_version() const noexcept { return url_version_; }

    // Runs a command and returns its response, never an error of the server. Errors: unavailable,
    // timed_out, denied, unsupported, corrupt, invalid, cancelled; `cause` is a failure_cause. The
    // cause unconfirmed_write means that the command may have run.
    aio::task<resp_value> execute(client_command command);

    [[nodiscard]] bool is_connected() const noexcept { return is_connected_.load(); }  // any thread
    [[nodiscard]] bool is_cluster() const noexcept {
        return topology_ && topology_->kind == server_kind::cluster;
    }
    [[nodiscard]] const std::optional<topology>& current_topology() const noexcept {
        return topology_;
    }
    // Returns the server for a key: the master of its slot, or the single server. Returns nullopt
    // before the first discovery, and if the slot has no master.
    [[nodiscard]] std::optional<endpoint> server_of(const std::string& key) const;
    // Requests a discovery and waits for its end. Errors: those of the discovery, with the cause
    // not_sent; cancelled.
    aio::task<> wait_for_topology(base::steady_time deadline);
    void refresh_topology() { refresh_.notify(); }
    // Returns a master that is connected if there is one; nullopt before the first discovery.
    [[nodiscard]] std::optional<endpoint> any_server() const;
    [[nodiscard]] connection_options options_of(const endpoint& server) const;

    // Spawns work that run() cancels and joins. Returns false after run() has ended.
    bool spawn(aio::task<> work) { return group_.spawn(std::move(work)); }
    [[nodiscard]] const deps& dependencies() const noexcept { return deps_; }
    [[nodiscard]] const client_options& options() const noexcept { return options_; }

  private:
    aio::task<topology> discover();
    aio::task<topology> discover_at(endpoint server);
    aio::task<endpoint> ask_sentinels();
    aio::task<endpoint> ask_sentinel(endpoint sentinel);
    [[nodiscard]] std::vector<endpoint> candidates() const;
    void apply(topology discovered);
    void drop_unused_nodes();
    void update_connected();
    [[nodiscard]] bool is_node_connected(const endpoint& server) const;
    std::shared_ptr<redis_node> node_of(const endpoint& server);
    aio::task<resp_value> run_command(const client_command& command, base::steady_time deadline);
    aio::task<resp_value> send_once(const endpoint& server, const client_command& command,
                                    bool is_asking, base::steady_time deadline, bool& was_sent);
    [[nodiscard]] base::failure disconnected_failure() const;
    void note_redirection(const client_command& command, const attempt& following);

    deps deps_;
    client_options options_;
    std::shared_ptr<http::tls_setup> tls_;                   // shared with the connections
    std::map<endpoint, std::shared_ptr<redis_node>> nodes_;  // shared with their run()
    std::optional<topology> topology_;
    std::optional<base::failure> discovery_failure_;
    base::steady_time disconnected_since_;
    std::atomic<bool> is_connected_{false};
    bool has_ended_ = false;
    std::uint64_t url_version_ = 0;
    std::uint64_t next_seed_;
    std::size_t discoveries_ = 0;
    aio::notification refresh_;
    change_signal changed_;
    aio::task_group group_;
};

}  // namespace redis
