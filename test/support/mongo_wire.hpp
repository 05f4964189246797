#pragma once
// Servers of MongoDB's wire protocol inside of a test: one with scripted responses, and a proxy
// that loses responses. They frame messages and read the name of a command; BSON is opaque to them.
// Both accept on a free loopback port and run one thread per connection. The destructor closes all
// connections and joins the threads.

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace fakes {

// Accepts connections and calls `serve` for each, on its own thread, until it returns.
class connection_listener {
  public:
    explicit connection_listener(std::function<void(int descriptor)> serve);
    ~connection_listener();
    connection_listener(const connection_listener&) = delete;
    connection_listener& operator=(const connection_listener&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    // Closes all open connections; new ones are accepted.
    void close_connections();
    // While true, new connections are closed at once.
    void set_closed(bool is_closed);

  private:
    void accept_connections();

    std::function<void(int)> serve_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::mutex mutex_;
    bool is_closed_ = false;
    bool is_stopping_ = false;
    std::vector<int> open_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

class scripted_mongo_server {
  public:
    // Receives the name of the command ("insert", "isMaster") and the message. Returns the response
    // as a BSON document, or nullopt to close the connection. Thread: one per connection.
    using handler =
        std::function<std::optional<std::string>(const std::string& command, const std::string&)>;

    explicit scripted_mongo_server(handler handle);

    // Returns "127.0.0.1:<port>".
    [[nodiscard]] std::string address() const;
    void close_connections() { listener_.close_connections(); }

  private:
    handler handle_;
    connection_listener listener_;
};

class mongo_proxy {
  public:
    explicit mongo_proxy(std::uint16_t target);

    // Closes the connection instead of passing the response of the next command of this name. The
    // server has run the command.
    void lose_next_response(const std::string& command);
    // Closes the connection instead of passing the next command of this name to the server.
    void lose_next_request(const std::string& command);
    // While true, all connections are closed, also new ones.
    void set_down(bool is_down);
    // Returns the number of commands of this name that the server received.
    [[nodiscard]] int passed(const std::string& command);

    [[nodiscard]] std::string url(const std::string& database) const;

  private:
    void serve(int client);
    bool take(std::map<std::string, int>& losses, const std::string& command);

    std::uint16_t target_;
    std::mutex mutex_;
    std::map<std::string, int> lost_responses_;
    std::map<std::string, int> lost_requests_;
    std::map<std::string, int> passed_;
    connection_listener listener_;  // last: its threads use the members above
};

}  // namespace fakes
