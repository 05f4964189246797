#include "scrape/direct.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/client.hpp"
#include "scrape/failures.hpp"

namespace scrape {
namespace {

using base::errc;

constexpr std::chrono::milliseconds connect_timeout_max{60'000};

class direct_fetcher final : public page_fetcher {
  public:
    direct_fetcher(aio::executor executor, resolver& resolver, namespace_function ns,
                   direct_options options)
        : executor_(std::move(executor)),
          resolver_(resolver),
          ns_(std::move(ns)),
          options_(options) {}

    aio::task<fetched_page> fetch(ports::scrape_target target,
                                  base::steady_time deadline) override {
        if (target.metrics_port == 0) {
            co_return fail(cause::no_stats_service,
                           "there is no stats service with a port 'metrics'");
        }
        if (open_ >= options_.connections_max) {
            co_return fail(cause::throttled, "too many concurrent scrapes");
        }
        const permit open(open_);
        const auto host = fmt::format("{}-stats.{}.svc", target.key.name, ns_(target.key.project));
        auto address = co_await resolver_.resolve(host, deadline);
        if (!address) co_return std::unexpected(page_failure(std::move(address).error()));
        auto response =
            co_await get({.host = std::move(*address), .port = target.metrics_port}, deadline);
        if (!response) {
            // The service may have another address now.
            const auto code = response.error().code;
            if (code == errc::unavailable || code == errc::timed_out) resolver_.forget(host);
            co_return std::unexpected(page_failure(std::move(response).error()).in(host));
        }
        co_return page_of(std::move(*response));
    }

  private:
    class permit {
      public:
        explicit permit(std::size_t& open) : open_(open) { ++open_; }
        ~permit() { --open_; }
        permit(const permit&) = delete;
        permit& operator=(const permit&) = delete;

      private:
        std::size_t& open_;
    };

    aio::task<http::response> get(http::url origin, base::steady_time deadline) {
        using std::chrono::milliseconds;
        const auto left =
            std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
        auto client = http::make_client(
            executor_, {.origin = std::move(origin),
                        .connections_max = 1,
                        .body_bytes_max = options_.limits.page_bytes,
                        .connect_timeout = std::clamp(left, milliseconds(1), connect_timeout_max)});
        if (!client) co_return base::pass(std::move(client));
        http::request request{.target = "/metrics"};
        request.headers.add("User-Agent", "kubedb-dbaas");
        request.headers.add("Accept", "text/plain;version=0.0.4;q=1,*/*;q=0.1");
        request.headers.add("Connection", "close");
        co_return co_await (*client)->send(std::move(request),
                                           {.deadline = deadline,
                                            .body_bytes_max = options_.limits.page_bytes,
                                            .replayable = false});
    }

    aio::executor executor_;
    resolver& resolver_;
    namespace_function ns_;
    direct_options options_;
    std::size_t open_ = 0;
};

}  // namespace

std::unique_ptr<page_fetcher> make_direct_fetcher(aio::executor executor, resolver& resolver,
                                                  namespace_function ns, direct_options options) {
    return std::make_unique<direct_fetcher>(std::move(executor), resolver, std::move(ns), options);
}

}  // namespace scrape
