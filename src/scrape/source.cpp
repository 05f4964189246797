#include "scrape/source.hpp"

#include <fmt/format.h>

#include <memory>
#include <unordered_map>
#include <utility>

#include "base/utf8.hpp"
#include "scrape/excerpt.hpp"
#include "scrape/failures.hpp"
#include "scrape/mapping.hpp"
#include "scrape/rates.hpp"

namespace scrape {
namespace {

// Readings older than this number of intervals yield no rates.
constexpr int intervals_remembered = 5;

class service_proxy_fetcher final : public page_fetcher {
  public:
    service_proxy_fetcher(get_function get, namespace_function ns, page_limits limits)
        : get_(std::move(get)), ns_(std::move(ns)), limits_(limits) {}

    aio::task<fetched_page> fetch(ports::scrape_target target,
                                  base::steady_time deadline) override {
        auto path =
            fmt::format("/api/v1/namespaces/{}/services/http:{}-stats:metrics/proxy/metrics",
                        ns_(target.key.project), target.key.name);
        auto response = co_await get_(std::move(path), deadline, limits_.page_bytes);
        if (!response) co_return std::unexpected(page_failure(std::move(response).error()));
        co_return page_of(std::move(*response));
    }

  private:
    get_function get_;
    namespace_function ns_;
    page_limits limits_;
};

// Returns how a page begins that has nothing else to report.
std::string beginning_of(const fetched_page& page) {
    constexpr std::size_t bytes_shown = 120;
    // Masked first: a cut credential has no '@' that shows what it is.
    const auto excerpt = excerpt_of(page.bytes);
    return fmt::format("; it begins with '{}'", base::truncate_utf8(excerpt, bytes_shown));
}

class exporter_source final : public ports::metrics_source {
  public:
    exporter_source(page_fetcher& fetcher, const base::clock& clock, source_options options)
        : fetcher_(fetcher), clock_(clock), options_(options), reader_(options.limits) {}

    aio::task<std::shared_ptr<const domain::metrics_sample>> scrape(
        ports::scrape_target target, base::steady_time deadline) override {
        const auto& key = target.key;
        const auto* const plan = find_plan(key.engine);
        if (plan == nullptr) {
            co_return fail(
                cause::engine_without_mapping,
                fmt::format("there are no metric rules for the engine '{}'", key.engine));
        }
        if (clock_.now() >= deadline) {
            co_return base::fail(base::errc::timed_out, "the deadline of the scrape has passed");
        }
        // The scrape shares ownership of the memory: forget() may erase the map's entry before the
        // page arrives.
        const auto memory = memory_of(target.database_id);
        auto page = co_await fetcher_.fetch(std::move(target), deadline);
        if (!page) co_return base::pass(std::move(page));
        co_return translate(*plan, *page, *memory);
    }

    void forget(const std::string& database_id) override { memories_.erase(database_id); }

  private:
    // Owned by the map and by a scrape in progress.
    using memory_ptr = std::shared_ptr<rate_memory>;

    memory_ptr memory_of(const std::string& database_id) {
        auto& memory = memories_[database_id];
        if (!memory) {
            memory = std::make_shared<rate_memory>(
                rate_memory::options{.gap_max = options_.interval * intervals_remembered});
        }
        return memory;
    }

    base::outcome<std::shared_ptr<const domain::metrics_sample>> translate(const mapping_plan& plan,
                                                                           const fetched_page& page,
                                                                           rate_memory& memory) {
        auto format = format_of(page.content_type);
        if (!format) {
            format.error().text += beginning_of(page);
            return std::unexpected(std::move(format).error());
        }
        auto reading = plan.read(page.bytes, *format, reader_);
        if (!reading) return base::pass(std::move(reading));
        if (reading->series == 0) {
            return fail(cause::no_known_series,
                        fmt::format("the page has {} bytes and no series of the engine{}",
                                    page.bytes.size(), beginning_of(page)));
        }
        return std::make_shared<const domain::metrics_sample>(
            plan.evaluate(*reading, memory, clock_.now(), clock_.utc_now()));
    }

    page_fetcher& fetcher_;
    const base::clock& clock_;
    source_options options_;
    page_reader reader_;
    std::unordered_map<std::string, memory_ptr> memories_;  // by id of the database
};

}  // namespace

std::unique_ptr<page_fetcher> make_service_proxy_fetcher(get_function get, namespace_function ns,
                                                         page_limits limits) {
    return std::make_unique<service_proxy_fetcher>(std::move(get), std::move(ns), limits);
}

std::unique_ptr<ports::metrics_source> make_source(page_fetcher& fetcher, const base::clock& clock,
                                                   source_options options) {
    return std::make_unique<exporter_source>(fetcher, clock, options);
}

}  // namespace scrape
