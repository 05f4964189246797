#pragma once
// How many event streams each client address has open, over all loops: one client must not take
// every connection there is. Asked when a stream begins and ends. Any thread; outlives its places.

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace api {

class stream_limiter {
  public:
    // Belongs to one stream; given back when it dies.
    class place {
      public:
        place(stream_limiter& of, std::string address) : of_(of), address_(std::move(address)) {}
        ~place() { of_.give_back(address_); }
        place(const place&) = delete;
        place& operator=(const place&) = delete;

      private:
        stream_limiter& of_;
        std::string address_;
    };

    explicit stream_limiter(std::size_t most) : most_(most) {}

    // `peer` is ADDRESS:PORT. Null: the address has as many as it may.
    std::unique_ptr<place> take(std::string_view peer);

  private:
    void give_back(const std::string& address);

    const std::size_t most_;
    std::mutex mutex_;
    std::unordered_map<std::string, std::size_t> taken_;  // none is 0
};

}  // namespace api
