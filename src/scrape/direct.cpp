#include "scrape/direct.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/client.hpp"
#include "scrape/failures.hpp"

namespace scrape {
namespace {

using base::errc;

constexpr std::chrono::milliseconds connect_most{60'000};

class direct_fetcher final : public page_fetcher {
  public:
    direct_fetcher(aio::executor on, resolver& names, const port_registry& ports,
                   namespace_function ns, direct_options how)
        : executor_(std::move(on)),
          names_(names),
          ports_(ports),
          name_space_(std::move(ns)),
          options_(how) {}

    aio::task<fetched_page> fetch(ports::database_key key, base::steady_time deadline) override {
        const auto port = ports_.find(key);
        if (!port) {
            co_return base::fail(errc::not_found, "there is no stats service with a port 'metrics'",
                                 reason::no_stats_service);
        }
        if (open_ >= options_.connections_max) {
            co_return base::fail(errc::unavailable, "too many scrapes at once", reason::throttled);
        }
        const place taken(open_);
        const auto host = fmt::format("{}-stats.{}.svc", key.name, name_space_(key.project));
        auto address = co_await names_.resolve(host, deadline);
        if (!address) co_return std::unexpected(page_failure(std::move(address).error()));
        auto answer = co_await get({.host = std::move(*address), .port = *port}, deadline);
        if (!answer) {
            // The service may have moved.
            const auto code = answer.error().code;
            if (code == errc::unavailable || code == errc::timed_out) names_.forget(host);
            co_return std::unexpected(page_failure(std::move(answer).error()).in(host));
        }
        co_return page_of(std::move(*answer));
    }

  private:
    class place {
      public:
        explicit place(std::size_t& open) : open_(open) { ++open_; }
        ~place() { --open_; }
        place(const place&) = delete;
        place& operator=(const place&) = delete;

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
                        .connect_timeout = std::clamp(left, milliseconds(1), connect_most)});
        if (!client) co_return base::pass(std::move(client));
        http::request asked{.target = "/metrics"};
        asked.headers.add("User-Agent", "kubedb-dbaas");
        asked.headers.add("Accept", "text/plain;version=0.0.4;q=1,*/*;q=0.1");
        asked.headers.add("Connection", "close");
        co_return co_await (*client)->send(std::move(asked),
                                           {.deadline = deadline,
                                            .body_bytes_max = options_.limits.page_bytes,
                                            .replayable = false});
    }

    aio::executor executor_;
    resolver& names_;
    const port_registry& ports_;
    namespace_function name_space_;
    direct_options options_;
    std::size_t open_ = 0;
};

}  // namespace

std::unique_ptr<page_fetcher> make_direct_fetcher(aio::executor on, resolver& names,
                                                  const port_registry& ports, namespace_function ns,
                                                  direct_options how) {
    return std::make_unique<direct_fetcher>(std::move(on), names, ports, std::move(ns), how);
}

}  // namespace scrape
