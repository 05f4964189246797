#pragma once
// A loop with a thread, for tests of calls between loops. The destructor waits for the end of the
// work that is left.

#include <thread>

#include "aio/aio.hpp"

namespace fakes {

class threaded_loop {
  public:
    threaded_loop() {
        loop_.keep_alive();
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~threaded_loop() { end(); }
    threaded_loop(const threaded_loop&) = delete;
    threaded_loop& operator=(const threaded_loop&) = delete;
    aio::executor executor() { return loop_.executor(); }
    [[nodiscard]] std::thread::id id() const { return thread_.get_id(); }
    // Waits until no work is left.
    void end() {
        if (!thread_.joinable()) return;
        loop_.release();
        thread_.join();
    }

  private:
    aio::loop loop_;
    std::thread thread_;
};

}  // namespace fakes
