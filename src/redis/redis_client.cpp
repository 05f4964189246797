#include "redis/redis_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "redis/server_error.hpp"

namespace redis {
namespace {

using namespace std::chrono_literals;
using base::errc;
using base::fail;

constexpr std::size_t nodes_max = 512;
constexpr auto node_idle_max = 60s;
constexpr auto discovery_gap = 20ms;  // between two discoveries

base::steady_time now() {
    return base::system_clock().now();
}

// Returns null for a URL without TLS.
base::outcome<std::shared_ptr<http::tls_setup>> tls_setup_of(
    const redis_url& url, const std::optional<http::client_tls>& tls) {
    if (!url.is_secure) return nullptr;
    return http::make_tls_setup(tls.value_or(http::client_tls{}));
}

}  // namespace

base::outcome<std::unique_ptr<redis_client>> redis_client::make(deps deps, client_options options) {
    auto tls = tls_setup_of(options.url, options.tls);
    if (!tls) return base::pass(std::move(tls), "redis");
    return std::make_unique<redis_client>(std::move(deps), std::move(options), std::move(*tls));
}

redis_client::redis_client(deps deps, client_options options, std::shared_ptr<http::tls_setup> tls)
    : deps_(std::move(deps)),
      options_(std::move(options)),
      tls_(std::move(tls)),
      disconnected_since_(now()),
      next_seed_(options_.seed),
      refresh_(deps_.executor),
      changed_(deps_.executor),
      group_(deps_.executor) {}

redis_client::~redis_client() = default;

connection_options redis_client::options_of(const endpoint& server) const {
    // A Cluster has only database 0, and SELECT 0 is never sent.
    return {.server = server,
            .tls = tls_,
            .handshake = {.user = options_.url.user,
                          .password = options_.url.password,
                          .database = options_.url.database},
            .connect_timeout = options_.connect_timeout};
}

base::outcome<void> redis_client::change_url(redis_url url, std::optional<http::client_tls> tls) {
    auto setup = tls_setup_of(url, tls);
    if (!setup) return base::pass(std::move(setup), "redis");
    options_.url = std::move(url);
    options_.tls = std::move(tls);
    tls_ = std::move(*setup);
    ++url_version_;
    topology_.reset();
    discovery_failure_.reset();
    disconnected_since_ = now();
    spawn([](auto nodes, std::chrono::milliseconds delay) -> aio::task<> {
        (void)co_await aio::sleep_for(delay);
        for (const auto& [server, node] : nodes) node->stop();
        co_return base::ok();
    }(std::exchange(nodes_, {}), options_.command_timeout));
    update_connected();
    refresh_.notify();
    return {};
}

// ---- topology ------------------------------------------------------------------------

aio::task<> redis_client::run() {
    disconnected_since_ = now();
    aio::backoff backoff({.first = 50ms, .max = 1000ms}, ++next_seed_);
    bool is_failure_logged = false;
    while (true) {
        const auto version = url_version_;
        auto discovered = co_await discover();
        const bool is_cancelled = co_await aio::is_cancelled();
        if (is_cancelled) break;
        if (version != url_version_) continue;  // of the servers of the previous URL
        std::chrono::milliseconds delay = options_.topology_interval;
        if (discovered) {
            apply(std::move(*discovered));
            backoff.reset();
            is_failure_logged = false;
        } else {
            discovery_failure_ = std::move(discovered).error();
            if (!std::exchange(is_failure_logged, true)) {
                deps_.log.warning("redis_discovery_failed",
                                  {{"url", options_.url.masked()},
                                   {"code", base::name(discovery_failure_->code)},
                                   {"detail", discovery_failure_->text}});
            }
            delay = backoff.next();
        }
        update_connected();
        drop_unused_nodes();
        changed_.notify_all();
        const auto gap = co_await aio::sleep_for(discovery_gap);
        if (!gap) break;
        const auto woken = co_await refresh_.wait_for(delay);
        if (!woken) break;
    }
    has_ended_ = true;
    group_.cancel();
    co_await group_.join();
    is_connected_.store(false);
    deps_.metrics.connected.set(0);
    changed_.notify_all();
    co_return fail(errc::cancelled, "the Redis client was stopped");
}

void redis_client::apply(topology discovered) {
    const auto masters_of = [](const topology& value) {
        if (value.kind != server_kind::cluster) return std::vector{value.single};
        auto masters = value.slots.masters();
        std::ranges::sort(masters);
        return masters;
    };
    const auto masters = masters_of(discovered);
    const bool is_same =
        topology_ && topology_->kind == discovered.kind && masters_of(*topology_) == masters;
    topology_ = std::move(discovered);
    discovery_failure_.reset();
    for (const auto& master : masters) node_of(master);
    if (is_same) return;
    deps_.log.info("redis_topology_changed", {{"kind", name(topology_->kind)},
                                              {"server", to_text(masters.front())},
                                              {"masters", masters.size()},
                                              {"covered_slots", topology_->slots.covered()}});
}

void redis_client::drop_unused_nodes() {
    const auto oldest = now() - node_idle_max;
    std::erase_if(nodes_, [&](const auto& entry) {
        const auto& [server, node] = entry;
        const bool is_master =
            topology_ && (topology_->kind == server_kind::cluster
                              ? std::ranges::find(topology_->slots.masters(), server) !=
                                    topology_->slots.masters().end()
                              : topology_->single == server);
        if (is_master || node->last_used() > oldest) return false;
        node->stop();
        return true;
    });
}

std::shared_ptr<redis_node> redis_client::node_of(const endpoint& server) {
    const auto it = nodes_.find(server);
    if (it != nodes_.end()) return it->second;
    if (nodes_.size() >= nodes_max) {
        nodes_.begin()->second->stop();
        nodes_.erase(nodes_.begin());
    }
    const auto node =
        std::make_shared<redis_node>(deps_.executor,
                                     node_options{.connection = options_of(server),
                                                  .backoff = options_.reconnect,
                                                  .ping_interval = options_.ping_interval,
                                                  .seed = ++next_seed_,
                                                  .on_change =
                                                      [this] {
                                                          update_connected();
                                                          refresh_.notify();
                                                      }},
                                     deps_.metrics, deps_.log);
    nodes_.emplace(server, node);
    const bool is_running = group_.spawn([node] { return node->run(); });
    if (!is_running) node->stop();
    return node;
}

bool redis_client::is_node_connected(const endpoint& server) const {
    const auto it = nodes_.find(server);
    return it != nodes_.end() && it->second->is_connected();
}

void redis_client::update_connected() {
    const auto is_up = [this](const endpoint& server) { return is_node_connected(server); };
    bool is_connected = false;
    if (topology_ && topology_->kind == server_kind::cluster) {
        is_connected = std::ranges::any_of(topology_->slots.masters(), is_up);
    } else if (topology_) {
        is_connected = is_up(topology_->single);
    }
    const bool was_connected = is_connected_.exchange(is_connected);
    if (was_connected && !is_connected) disconnected_since_ = now();
    deps_.metrics.connected.set(is_connected ? 1 : 0);
}

// ---- commands ------------------------------------------------------------------------

std::optional<endpoint> redis_client::server_of(const std::string& key) const {
    if (!topology_) return std::nullopt;
    if (topology_->kind != server_kind::cluster) return topology_->single;
    const auto* master = topology_->slots.master_of(slot_of(key));
    return master == nullptr ? std::nullopt : std::optional(*master);
}

std::optional<endpoint> redis_client::any_server() const {
    if (!topology_) return std::nullopt;
    if (topology_->kind != server_kind::cluster) return topology_->single;
    const auto& masters = topology_->slots.masters();
    const auto it = std::ranges::find_if(
        masters, [this](const endpoint& server) { return is_node_connected(server); });
    return it == masters.end() ? masters.front() : *it;
}

aio::task<resp_value> redis_client::execute(client_command command) {
    const auto begun = now();
    deps_.metrics.in_flight.add(1);
    auto result = co_await run_command(command, begun + options_.command_timeout);
    deps_.metrics.in_flight.add(-1);
    deps_.metrics.count_command(command.words.front(), result ? nullptr : &result.error(),
                                now() - begun);
    co_return result;
}

aio::task<> redis_client::wait_for_topology(base::steady_time deadline) {
    refresh_.notify();
    const auto woken = co_await changed_.wait_until(deadline);
    if (!woken) co_return base::pass(woken);
    if (*woken) co_return base::ok();
    co_return std::unexpected(disconnected_failure());
}

// Returns why no server can run commands.
base::failure redis_client::disconnected_failure() const {
    base::failure failure{errc::unavailable, "no Redis server is known for the key"};
    if (discovery_failure_) failure = *discovery_failure_;
    if (has_ended_) failure = {errc::unavailable, "the Redis client has stopped"};
    failure.set_cause(failure_cause::not_sent);
    return failure;
}

void redis_client::note_redirection(const client_command& command, const attempt& following) {
    if (!following.target) {
        deps_.metrics.repeats.add();
        return;
    }
    deps_.metrics.redirections.add();
    const bool is_moved = !following.is_asking && topology_ &&
                          topology_->kind == server_kind::cluster && !command.key.empty();
    if (is_moved) topology_->slots.assign(slot_of(command.key), *following.target);
}

aio::task<resp_value> redis_client::run_command(const client_command& command,
                                                base::steady_time deadline) {
    command_attempts attempts(command.safety);
    attempt current;
    while (true) {
        if (current.refreshes_topology) refresh_.notify();
        if (current.delay > 0ms) {
            const auto slept = co_await aio::sleep_until(std::min(now() + current.delay, deadline));
            if (!slept) co_return base::pass(slept);
        }
        const auto time = now();
        const bool is_down =
            !is_connected() && time - disconnected_since_ >= options_.fail_fast_after;
        if (has_ended_ || is_down) co_return std::unexpected(disconnected_failure());
        if (time >= deadline) {
            co_return fail(errc::timed_out, "Redis did not run the command before the deadline",
                           failure_cause::not_sent);
        }
        const auto server = current.target        ? current.target
                            : command.key.empty() ? any_server()
                                                  : server_of(command.key);
        if (!server) {
            const auto waited = co_await wait_for_topology(deadline);
            if (!waited) co_return base::pass(waited);
            continue;
        }
        bool was_sent = false;
        auto response = co_await send_once(*server, command, current.is_asking, deadline, was_sent);
        base::outcome<attempt> following;
        if (response && !response->is_error()) co_return response;
        if (response) {
            following = attempts.after_error(*response, *server);
        } else if (response.error().code == errc::timed_out) {
            response.error().set_cause(was_sent ? failure_cause::unconfirmed_write
                                                : failure_cause::not_sent);
            refresh_.notify();
            co_return response;
        } else {
            following = attempts.after_failure(std::move(response).error(), was_sent);
        }
        if (!following) co_return base::pass(std::move(following));
        note_redirection(command, *following);
        current = std::move(*following);
    }
}

aio::task<resp_value> redis_client::send_once(const endpoint& server, const client_command& command,
                                              bool is_asking, base::steady_time deadline,
                                              bool& was_sent) {
    const auto node = node_of(server);  // shared: the client may drop it
    const auto connection = co_await node->connected(deadline);
    if (!connection) co_return base::pass(connection);
    redis_connection::call_state state;
    auto response = co_await (*connection)->call(command.words, is_asking, deadline, state);
    was_sent = state.was_sent;
    co_return response;
}

}  // namespace redis
