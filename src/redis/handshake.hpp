#pragma once
// The first commands of a connection: protocol version, authentication, database, and the kind of
// the server. No I/O: the caller sends next() and passes the response to on_response(). One object
// per connection.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "base/secret.hpp"
#include "redis/resp.hpp"

namespace redis {

enum class server_kind : std::uint8_t {
    standalone,
    cluster,
    sentinel,
    proxy,  // knows neither HELLO nor CLUSTER
};
std::string_view name(server_kind kind) noexcept;

struct server_facts {
    server_kind kind = server_kind::proxy;
    int protocol = 2;         // of RESP
    int version_major = 0;    // 0: unknown
    bool is_replica = false;  // always false for a proxy and for a Cluster node
};

// Which commands a server is asked. Some proxies close the connection at an unknown command; the
// next connection then uses the next level.
enum class probe_level : std::uint8_t { hello, cluster, none };

struct handshake_options {
    std::string user{};
    base::secret password{};
    unsigned database = 0;
    probe_level level = probe_level::hello;
};

class handshake {
  public:
    explicit handshake(handshake_options options);

    // Returns the command to send, or nullopt if the handshake is complete.
    [[nodiscard]] std::optional<command_words> next() const;
    // Errors: denied (credentials), invalid (the database does not exist), unavailable (another
    // error response). No text contains a part of a command.
    base::outcome<void> on_response(const resp_value& response);
    [[nodiscard]] const server_facts& facts() const noexcept { return facts_; }

  private:
    enum class step : std::uint8_t { hello, authenticate, select, cluster, role, complete };

    void go_to(step following);  // skips the steps that are not necessary
    base::outcome<void> read_hello(const resp_value& response);
    base::outcome<void> check(const resp_value& response, std::string_view activity) const;

    handshake_options options_;
    server_facts facts_;
    bool knows_cluster_ = false;
    step step_ = step::hello;
};

}  // namespace redis
