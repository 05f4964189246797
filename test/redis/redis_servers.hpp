#pragma once
// Real redis-server processes on free loopback ports, with data in a temporary folder. The
// destructors kill the processes.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "devcluster/runtime/process.hpp"
#include "redis/redis_url.hpp"
#include "redis/resp.hpp"

namespace fakes {

// Returns whether redis-server is installed.
bool is_redis_installed();

// A temporary folder that the user of the servers may write.
class server_folder {
  public:
    server_folder();
    ~server_folder();
    server_folder(const server_folder&) = delete;
    server_folder& operator=(const server_folder&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] const runtime::run_user& user() const noexcept { return user_; }
    // Writes a file that the user of the servers can read. Returns its path.
    [[nodiscard]] std::string write(const std::string& name, const std::string& content) const;

  private:
    std::string path_;
    runtime::run_user user_;
};

// A blocking connection of a test to one server, without the client under test.
class redis_console {
  public:
    redis_console(std::uint16_t port, const std::string& password);
    ~redis_console();
    redis_console(const redis_console&) = delete;
    redis_console& operator=(const redis_console&) = delete;
    // Returns the response, or an error with the text "lost" if the connection ends.
    redis::resp_value run(const redis::command_words& words);

  private:
    int socket_ = -1;
    redis::resp_parser parser_;
};

struct redis_server_options {
    std::vector<std::string> lines;  // of the configuration
    std::string password{};          // of the console
    bool is_cluster = false;
    bool is_sentinel = false;
    bool has_plain_port = true;  // false: the lines configure the port for TLS, with "{port}"
};

class redis_server {
  public:
    // Starts the server and waits until it accepts connections. Throws if it does not start.
    redis_server(const server_folder& folder, redis_server_options options);
    // Kills the server and waits for its end.
    void kill();
    // Starts it again on the same port.
    void start();
    void signal(int number) { process_->signal(number); }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] redis::endpoint endpoint() const { return {"127.0.0.1", port_}; }
    // Runs one command on a new connection.
    redis::resp_value run(const redis::command_words& words) const;

  private:
    const server_folder& folder_;
    redis_server_options options_;
    std::uint16_t port_ = 0;
    std::uint16_t bus_port_ = 0;
    std::string config_;
    std::unique_ptr<runtime::process> process_;
};

// Masters with an even share of the slots and one replica each if has_replicas.
class redis_cluster {
  public:
    redis_cluster(const server_folder& folder, std::size_t masters, bool has_replicas);
    [[nodiscard]] redis_server& node(std::size_t index) { return *nodes_[index]; }
    [[nodiscard]] std::size_t masters() const noexcept { return masters_; }
    // Returns the index of the node that serves the slot, as the node `source` sees it.
    [[nodiscard]] std::size_t master_of(std::uint16_t slot, std::size_t source);
    [[nodiscard]] std::string id_of(std::size_t index);
    [[nodiscard]] std::string url() const;

  private:
    void wait_until_ready();
    std::size_t masters_;
    std::vector<std::unique_ptr<redis_server>> nodes_;
};

// Polls until the condition holds. Throws with the text after 20 s.
void wait_for(const std::string& text, const std::function<bool()>& condition);

}  // namespace fakes
