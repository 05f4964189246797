#pragma once
// Bounds the event streams of each client address over all loops, so that one client cannot use up
// the connections. Any thread; outlives its permits.

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace api {

class stream_limiter {
  public:
    // Belongs to one stream; its destructor releases it.
    class permit {
      public:
        permit(stream_limiter& limiter, std::string address)
            : limiter_(limiter), address_(std::move(address)) {}
        ~permit() { limiter_.release(address_); }
        permit(const permit&) = delete;
        permit& operator=(const permit&) = delete;

      private:
        stream_limiter& limiter_;
        std::string address_;
    };

    explicit stream_limiter(std::size_t streams_max) : streams_max_(streams_max) {}

    // Returns null if the address has `streams_max` streams.
    std::unique_ptr<permit> acquire(std::string address);

  private:
    void release(const std::string& address);

    const std::size_t streams_max_;
    std::mutex mutex_;
    std::unordered_map<std::string, std::size_t> counts_;  // by address; never 0
};

}  // namespace api
