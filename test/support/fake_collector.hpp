#pragma once
// A collector of OTLP/HTTP: an HTTP server on a free port that records the requests.

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "http/server.hpp"

namespace fakes {

// The responses of a collector, and the requests that it received. Thread: any.
class collector {
  public:
    collector() {
        auto started = http::start_server(
            {}, [this](aio::executor) { return std::make_unique<handler>(*this); });
        EXPECT_TRUE(started);
        server_ = std::move(*started);
    }
    [[nodiscard]] http::url url(std::string path) const {
        return {.host = "127.0.0.1", .port = server_->port(), .path = std::move(path)};
    }
    void stop() { server_->stop(std::chrono::steady_clock::now()); }
    struct reply {
        unsigned status = 200;
        std::string retry_after{};
        std::string body = "{}";
    };
    void respond_first(std::vector<reply> first) {
        const std::lock_guard lock(mutex_);
        next_ = std::move(first);
    }
    http::outgoing_response respond(const http::request& request) {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
        reply response;
        if (!next_.empty()) {
            response = next_.front();
            next_.erase(next_.begin());
        }
        http::outgoing_response outgoing{
            .response = {.status = response.status, .body = http::body(response.body)}};
        if (!response.retry_after.empty()) {
            outgoing.response.headers.add("Retry-After", response.retry_after);
        }
        return outgoing;
    }
    std::vector<http::request> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

  private:
    class handler final : public http::handler {
      public:
        explicit handler(collector& target) : target_(target) {}
        std::optional<http::outgoing_response> handle_now(http::request& request) override {
            return target_.respond(request);
        }
        boost::asio::awaitable<http::outgoing_response> handle(http::request) override {
            co_return http::outgoing_response{};
        }
        http::outgoing_response error_response(unsigned status, std::string_view) override {
            return {.response = {.status = status}};
        }

      private:
        collector& target_;
    };

    mutable std::mutex mutex_;
    std::vector<reply> next_;
    std::vector<http::request> requests_;
    std::unique_ptr<http::server> server_;
};

}  // namespace fakes
