#include "api/endpoints/exposition_endpoint.hpp"

#include <fmt/format.h>

#include "aio/aio.hpp"
#include "api/problem.hpp"
#include "api/read_model/exposition_page.hpp"
#include "http/negotiation.hpp"

namespace api {
namespace {

constexpr int expositions_max = 4;  // in flight per process

// Counts a page from its start to its end.
class exposition_slot {
  public:
    explicit exposition_slot(std::atomic<int>& in_flight)
        : in_flight_(in_flight), is_granted_(in_flight.fetch_add(1) < expositions_max) {}
    ~exposition_slot() { in_flight_.fetch_sub(1); }
    exposition_slot(const exposition_slot&) = delete;
    exposition_slot& operator=(const exposition_slot&) = delete;
    [[nodiscard]] bool is_granted() const noexcept { return is_granted_; }

  private:
    std::atomic<int>& in_flight_;
    bool is_granted_;
};

}  // namespace

boost::asio::awaitable<http::response> respond_with_exposition(const request_context& context,
                                                               const http::request& request) {
    const exposition_slot slot(context.api.expositions_in_flight);
    if (!slot.is_granted()) {
        co_return problem(
            429, "too_many_scrapes",
            fmt::format("{} scrapes of all databases are in progress", expositions_max),
            context.request_id);
    }
    const auto filter = read_exposition_filter(request.query());
    if (!filter) co_return problem(filter.error(), context.request_id, context.api.deps.log);
    const exposition_format format{
        .is_open_metrics = request.headers.get("Accept").contains("application/openmetrics-text"),
        .is_compressed = http::accepts_gzip(request.headers.get("Accept-Encoding"))};
    exposition_page page(context.api.model, *filter, context.visible(),
                         context.api.deps.clock.utc_now(), format);
    while (page.write_part()) co_await aio::yield();
    http::response response{.body = http::body(page.finish())};
    response.headers.add("Content-Type",
                         format.is_open_metrics
                             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                             : "text/plain; version=0.0.4; charset=utf-8");
    if (format.is_compressed) response.headers.add("Content-Encoding", "gzip");
    response.headers.add("Vary", "Accept, Accept-Encoding");
    response.headers.add("Cache-Control", "no-store");
    co_return response;
}

}  // namespace api
