#pragma once
// A process of the MongoDB test server (test/mongo), which a test starts, kills and restarts. The
// server ends with this object, and with the test process in every case, because it reads from a
// pipe of the test. Thread: one at a time.

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace fakes {

class mongo_test_server {
  public:
    // Returns false if the server or Java is not installed; './dev test --live' installs both.
    static bool is_installed();

    // Starts the server and waits until it accepts connections. `file` holds the data; empty = in
    // memory. Aborts if the server does not start. Precondition: is_installed().
    explicit mongo_test_server(std::string file = "");
    ~mongo_test_server() { stop(); }
    mongo_test_server(const mongo_test_server&) = delete;
    mongo_test_server& operator=(const mongo_test_server&) = delete;

    // Ends the server with its data written. No-op if it has ended.
    void stop();
    // Ends the server with SIGKILL.
    void kill();
    // Suspends and resumes the process, so that connections stay open without a response.
    void suspend() const;
    void resume() const;
    // Starts an ended server again, on the same port.
    void restart();

    // Returns the URL of a database: "mongodb://127.0.0.1:<port>/<name>".
    [[nodiscard]] std::string url(const std::string& name) const;
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  private:
    void start();
    void finish(int signal);

    std::string file_;
    std::uint16_t port_ = 0;
    pid_t process_ = -1;
    int input_ = -1;  // the end of the pipe that keeps the server running
};

}  // namespace fakes
