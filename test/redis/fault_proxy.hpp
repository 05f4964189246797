#pragma once
// A TCP proxy on a free loopback port in front of one server, which injects faults: it cuts,
// delays, stalls and halves, and it intercepts commands. One thread; the functions may be called on
// any thread.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace fakes {

class fault_proxy {
  public:
    // Returns the response of the proxy to bytes of a client, an empty string to close the
    // connection, or nullopt to pass the bytes to the server. Called on the thread of the proxy.
    using interceptor = std::function<std::optional<std::string>(std::string_view bytes)>;

    explicit fault_proxy(std::uint16_t server_port, interceptor intercept = {});
    ~fault_proxy();
    fault_proxy(const fault_proxy&) = delete;
    fault_proxy& operator=(const fault_proxy&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    // Closes all connections.
    void cut();
    // Passes half of the next bytes of the server, then closes that connection.
    void halve_next();
    void delay(std::chrono::milliseconds duration) { delay_ = duration; }
    // Passes nothing in either direction until stall(false).
    void stall(bool is_stalled);
    [[nodiscard]] std::size_t accepted() const noexcept { return accepted_; }

  private:
    struct pair;
    void run();
    void accept_client();
    void read_client(pair& link);
    void read_server(pair& link);
    void send_due(pair& link);
    void wake() const;

    std::uint16_t server_port_;
    interceptor intercept_;
    int listener_ = -1;
    int wake_ = -1;
    std::uint16_t port_ = 0;
    std::vector<std::unique_ptr<pair>> pairs_;  // of the thread
    std::atomic<bool> is_stopping_{false};
    std::atomic<bool> must_cut_{false};
    std::atomic<bool> must_halve_{false};
    std::atomic<bool> is_stalled_{false};
    std::atomic<std::chrono::milliseconds> delay_{std::chrono::milliseconds(0)};
    std::atomic<std::size_t> accepted_{0};
    std::thread thread_;
};

}  // namespace fakes
