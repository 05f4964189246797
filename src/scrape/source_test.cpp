#include "scrape/source.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>

#include "aio/block_on.hpp"
#include "scrape/failures.hpp"

namespace scrape {
namespace {

using namespace std::chrono_literals;
using domain::metric_id;

class settable_clock final : public base::clock {
  public:
    [[nodiscard]] base::steady_time now() const noexcept override {
        return base::steady_time(passed);
    }
    [[nodiscard]] base::instant utc_now() const noexcept override {
        return base::instant(1'800'000'000s +
                             std::chrono::duration_cast<std::chrono::seconds>(passed));
    }
    std::chrono::nanoseconds passed = 1000s;
};

class scripted_pages final : public page_fetcher {
  public:
    aio::task<fetched_page> fetch(ports::scrape_target, base::steady_time) override {
        if (during_fetch) during_fetch();
        auto page = std::move(pages.front());
        pages.pop_front();
        co_return page;
    }
    std::deque<base::outcome<fetched_page>> pages;
    std::function<void()> during_fetch;
};

ports::scrape_target target(std::string engine) {
    return {
        .database_id = "db-1", .key = {"shop", std::move(engine), "cache"}, .metrics_port = 9121};
}

struct fixture {
    settable_clock clock;
    scripted_pages pages;
    std::unique_ptr<ports::metrics_source> source = make_source(pages, clock);

    auto scrape(std::string engine = "redis") {
        return aio::block_on(source->scrape(target(std::move(engine)), clock.now() + 10s));
    }
    void give(std::string bytes, std::string type = "text/plain; version=0.0.4") {
        pages.pages.emplace_back(fetched_page{std::move(bytes), std::move(type)});
    }
};

TEST(source, yields_gauges_at_once_and_rates_from_the_second_scrape) {
    fixture test;
    test.give("redis_up 1\nredis_connected_clients 3\nredis_commands_processed_total 100\n");
    test.give("redis_up 1\nredis_connected_clients 4\nredis_commands_processed_total 400\n");
    const auto first = test.scrape();
    ASSERT_TRUE(first) << first.error().text;
    EXPECT_EQ((*first)->values[metric_id::connections_current], 3);
    EXPECT_FALSE((*first)->values.has(metric_id::operations_per_second));
    test.clock.passed += 30s;
    const auto second = test.scrape();
    ASSERT_TRUE(second);
    EXPECT_EQ((*second)->values[metric_id::operations_per_second], 10);
    EXPECT_EQ((*second)->observed_at, test.clock.utc_now());
}

TEST(source, has_no_rate_after_forget) {
    fixture test;
    for (int count = 0; count < 2; ++count) test.give("redis_commands_processed_total 100\n");
    ASSERT_TRUE(test.scrape());
    test.source->forget("db-1");
    test.clock.passed += 30s;
    const auto second = test.scrape();
    ASSERT_TRUE(second);
    EXPECT_FALSE((*second)->values.has(metric_id::operations_per_second));
}

TEST(source, survives_forget_during_a_scrape) {
    fixture test;
    test.give("redis_up 1\n");
    test.pages.during_fetch = [&] { test.source->forget("db-1"); };
    const auto sample = test.scrape();
    ASSERT_TRUE(sample);
    EXPECT_EQ((*sample)->values[metric_id::up], 1);
}

TEST(source, keeps_the_readings_after_a_failed_scrape) {
    fixture test;
    test.give("redis_commands_processed_total 100\n");
    test.pages.pages.emplace_back(
        base::fail(base::errc::unavailable, "no endpoints", "no_endpoints"));
    test.give("redis_commands_processed_total 700\n");
    ASSERT_TRUE(test.scrape());
    test.clock.passed += 30s;
    const auto failed = test.scrape();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, base::errc::unavailable);
    EXPECT_EQ(failed.error().reason, "no_endpoints");
    EXPECT_EQ(failed.error().text, "no endpoints");
    test.clock.passed += 30s;
    const auto third = test.scrape();
    ASSERT_TRUE(third);
    EXPECT_EQ((*third)->values[metric_id::operations_per_second], 10);
}

TEST(source, rejects_other_content) {
    fixture test;
    test.give("<html>Log in</html>\n", "text/html");
    test.give("redis_up one\n");
    const auto page = test.scrape();
    EXPECT_EQ(page.error().reason, "wrong_media_type");
    EXPECT_EQ(page.error().text,
              "'text/html' is not an exposition format; it begins with '<html>Log in</html>'");
    const auto malformed = test.scrape();
    EXPECT_EQ(malformed.error().code, base::errc::corrupt);
    EXPECT_EQ(malformed.error().text, "line 1: the value is not a number");
}

TEST(source, reports_the_number_of_a_broken_line) {
    fixture test;
    test.give(
        "# TYPE redis_up gauge\nredis_up 1\n"
        "# TYPE redis_connected_clients gauge\nredis_connected_clients one\n");
    const auto broken = test.scrape();
    EXPECT_EQ(broken.error().reason, "malformed_page");
    EXPECT_EQ(broken.error().text, "line 4: the value is not a number");
}

TEST(source, rejects_a_page_without_a_series_of_the_engine) {
    fixture test;
    test.give("<html>\n<p>postgres://a:s3cret@db/</p>\n", "text/plain");
    test.give("process_start_time_seconds 1\npg_up 1\n");
    const auto foreign = test.scrape();
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().code, base::errc::corrupt);
    EXPECT_EQ(foreign.error().reason, "no_known_series");
    EXPECT_EQ(foreign.error().text,
              "the page has 38 bytes and no series of the engine; it begins with '<html> "
              "<p>postgres://***@db/</p>'");
    EXPECT_EQ(test.scrape().error().reason, "no_known_series");
}

TEST(source, masks_a_credential_at_the_end_of_the_quoted_beginning) {
    fixture test;
    for (std::size_t blanks = 60; blanks < 120; ++blanks) {
        test.give("<p>" + std::string(blanks, 'x') + " redis://a:s3cretpassword@db/ <p>\n",
                  "text/plain");
        const auto foreign = test.scrape();
        ASSERT_FALSE(foreign);
        EXPECT_FALSE(foreign.error().text.contains("a:s")) << foreign.error().text;
    }
}

// redis_exporter --check-single-keys shows the values of keys, which users choose.
TEST(source, reads_a_page_with_a_large_value_of_a_user) {
    fixture test;
    test.give("redis_up 1\nredis_key_value_as_string{val=\"" + std::string(100'000, 'x') +
              "\"} 1\nredis_connected_clients 3\n");
    const auto sample = test.scrape();
    ASSERT_TRUE(sample) << sample.error().text;
    EXPECT_EQ((*sample)->values[metric_id::connections_current], 3);
}

TEST(source, reads_a_page_with_names_in_quotes) {
    fixture test;
    test.give(
        "# TYPE \"queue.depth\" gauge\n{\"queue.depth\"} 3\n"
        "{\"queue.depth\",\"tenant.id\"=\"a\"} 1\nredis_up{\"k8s.pod.name\"=\"cache-0\"} 1\n");
    const auto sample = test.scrape();
    ASSERT_TRUE(sample) << sample.error().text;
    EXPECT_EQ((*sample)->values[metric_id::up], 1);
}

TEST(source, rejects_an_unknown_engine_and_a_past_deadline) {
    fixture test;
    EXPECT_EQ(test.scrape("oracle").error().code, base::errc::unsupported);
    const auto late = aio::block_on(test.source->scrape(target("redis"), test.clock.now()));
    EXPECT_EQ(late.error().code, base::errc::timed_out);
}

http::response response_of(unsigned status, std::string type, std::string body) {
    return {
        .status = status, .headers = {{"Content-Type", std::move(type)}}, .body = std::move(body)};
}

TEST(service_proxy_fetcher, requests_the_stats_service_of_the_database) {
    std::string path_sent;
    const auto fetcher = make_service_proxy_fetcher(
        [&](std::string path, base::steady_time, std::size_t limit) -> aio::task<http::response> {
            path_sent = path;
            EXPECT_EQ(limit, page_limits{}.page_bytes);
            co_return response_of(200, "text/plain", "up 1\n");
        },
        [](const std::string& project) { return "dbaas-" + project; });
    const auto page = aio::block_on(fetcher->fetch(target("redis"), base::steady_time::max()));
    ASSERT_TRUE(page);
    EXPECT_EQ(page->bytes, "up 1\n");
    EXPECT_EQ(page->content_type, "text/plain");
    EXPECT_EQ(path_sent,
              "/api/v1/namespaces/dbaas-shop/services/http:cache-stats:metrics/proxy/metrics");
}

TEST(service_proxy_fetcher, maps_the_failures_of_its_client_to_reasons) {
    for (const auto& [code, text, client_reason, reason] :
         {std::tuple{base::errc::unavailable, "no endpoints available for service \"x\"",
                     "ServiceUnavailable", "no_endpoints"},
          std::tuple{base::errc::unavailable, "error trying to reach service", "",
                     "exporter_unreachable"},
          std::tuple{base::errc::unavailable, "no service port \"metrics\" found for service \"x\"",
                     "ServiceUnavailable", "no_stats_service"},
          std::tuple{base::errc::unavailable, "etcdserver: request timed out", "InternalError",
                     "api_server_error"},
          std::tuple{base::errc::unavailable, "the token has expired", "Unauthorized",
                     "metrics_denied"},
          std::tuple{base::errc::corrupt, "bad version", "", "invalid_response"},
          std::tuple{base::errc::not_found, "services \"x\" not found", "NotFound",
                     "no_stats_service"},
          std::tuple{base::errc::denied, "forbidden", "Forbidden", "metrics_denied"},
          std::tuple{base::errc::cancelled, "cancelled", "", ""}}) {
        const auto fetcher = make_service_proxy_fetcher(
            [code, text, client_reason](std::string, base::steady_time, std::size_t)
                -> aio::task<http::response> { co_return base::fail(code, text, client_reason); },
            [](const std::string& project) { return project; });
        const auto page = aio::block_on(fetcher->fetch(target("redis"), base::steady_time::max()));
        ASSERT_FALSE(page);
        EXPECT_EQ(page.error().code, code);
        EXPECT_EQ(page.error().reason, reason);
    }
}

TEST(service_proxy_fetcher, reports_throttling_of_the_api_server) {
    const auto error = page_failure({.code = base::errc::unavailable,
                                     .text = "too many requests, please try again later",
                                     .reason = "TooManyRequests"});
    EXPECT_EQ(error.reason, "throttled");
}

TEST(service_proxy_fetcher, reports_a_failed_connection_in_a_status_as_unreachable) {
    const auto error = page_failure({.code = base::errc::unavailable,
                                     .text = "error trying to reach service: EOF",
                                     .reason = "ServiceUnavailable"});
    EXPECT_EQ(error.reason, "exporter_unreachable");
}

TEST(service_proxy_fetcher, distinguishes_responses_of_the_api_server_and_the_exporter) {
    const std::string status = R"({"kind":"Status","message":"of the API server"})";
    const auto failure = [](unsigned code, std::string type, std::string body) {
        const auto page = page_of(response_of(code, std::move(type), std::move(body)));
        return page ? base::failure{} : page.error();
    };
    EXPECT_EQ(failure(404, "application/json", status).reason, "no_stats_service");
    EXPECT_EQ(failure(404, "text/plain", "404 page not found").reason, "no_metrics_page");
    EXPECT_EQ(failure(403, "application/json", status).reason, "metrics_denied");
    EXPECT_EQ(failure(403, "text/plain", "forbidden").reason, "exporter_denied");
    EXPECT_EQ(failure(401, "text/plain", "").reason, "exporter_denied");
    EXPECT_EQ(failure(401, "text/plain", "").code, base::errc::denied);
    EXPECT_EQ(failure(429, "text/plain", "").reason, "throttled");
    EXPECT_EQ(failure(504, "text/plain", "").code, base::errc::timed_out);
    EXPECT_EQ(failure(500, "application/json", status).reason, "api_server_error");
    EXPECT_EQ(failure(500, "application/json", R"({"Status":"Failure"})").reason, "exporter_error");
    EXPECT_EQ(failure(503, "application/json",
                      R"({"kind":"Status","message":"no endpoints available for service"})")
                  .reason,
              "no_endpoints");
    EXPECT_EQ(
        failure(503, "text/plain", "error trying to reach service: dial tcp: no route to host")
            .reason,
        "exporter_unreachable");
}

TEST(page_of, distinguishes_an_error_of_the_exporter_from_its_absence) {
    for (const unsigned status : {500U, 502U, 503U}) {
        const auto page = page_of(response_of(status, "text/plain", "boom"));
        ASSERT_FALSE(page);
        EXPECT_EQ(page.error().reason, "exporter_error");
        EXPECT_EQ(page.error().code, base::errc::unavailable);
        EXPECT_EQ(page.error().text, "HTTP " + std::to_string(status) + ": boom");
    }
}

TEST(page_of, keeps_the_number_of_an_unexpected_status) {
    for (const unsigned status : {204U, 302U, 400U, 418U}) {
        const auto page = page_of(response_of(status, "text/html", ""));
        ASSERT_FALSE(page);
        EXPECT_EQ(page.error().reason, "unexpected_status");
        EXPECT_EQ(page.error().text, "HTTP " + std::to_string(status));
    }
}

TEST(page_of, names_the_target_of_a_redirect) {
    auto redirect = response_of(301, "text/html", "");
    redirect.headers.add("Location", "https://a:s3cret@exporter:9121/login");
    EXPECT_EQ(page_of(redirect).error().text, "HTTP 301 to https://***@exporter:9121/login");
}

TEST(page_of, rejects_a_page_in_an_unsupported_coding) {
    auto compressed = response_of(200, "text/plain", "x\x9c");
    compressed.headers.add("Content-Encoding", "deflate");
    const auto page = page_of(compressed);
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().reason, "invalid_response");
    EXPECT_TRUE(page.error().text.contains("'deflate'")) << page.error().text;
    auto plain = response_of(200, "text/plain", "redis_up 1\n");
    plain.headers.add("Content-Encoding", "Identity");
    EXPECT_TRUE(page_of(plain));
}

TEST(page_of, quotes_the_first_lines_without_credentials) {
    const auto page = page_of(
        response_of(500, "text/plain",
                    "An error has occurred while serving metrics:\n\n1 error(s) occurred:\n"
                    "* dial postgresql://admin:s3cret@10.0.0.1:5432/x: no route to host\n"));
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().text,
              "HTTP 500: An error has occurred while serving metrics: 1 error(s) occurred: * dial "
              "postgresql://***@10.0.0.1:5432/x: no route to host");
}

}  // namespace
}  // namespace scrape
