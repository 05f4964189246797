// GET /metrics/databases: formats, filters, visible projects, and databases without fresh metrics.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/read_model/database_series.hpp"
#include "http/gzip.hpp"
#include "test/support/api_stage.hpp"

namespace {

using namespace std::chrono_literals;

class databases_exposition : public fakes::api_handler {
  protected:
    std::string page(const std::string& query = {}, http::headers headers = {}) {
        const auto response = get("/metrics/databases" + query, std::move(headers));
        EXPECT_EQ(response.status, 200U) << response.body.to_string();
        return response.body.to_string();
    }
    // Creates a database that runs and has metrics.
    std::string create_scraped(const std::string& name) {
        const auto id = create(name);
        settle();
        domain::metric_values values;
        values[domain::metric_id::up] = 1;
        values[domain::metric_id::connections_current] = 12;
        metrics_.give(id, values);
        cluster_.report(name, domain::observed_phase::ready);
        settle();
        clock_.advance(11s);
        settle();
        return id;
    }
};

TEST_F(databases_exposition, groups_the_lines_of_a_family) {
    const auto id = create_scraped("cache");
    const auto other = create("queue");
    const auto text = page();
    const auto labels =
        fmt::format(R"({{database_id="{}",project="default",database="cache",engine="redis")", id);
    EXPECT_TRUE(text.contains("# TYPE dbaas_database_info gauge\ndbaas_database_info" + labels +
                              ",version="))
        << text;
    EXPECT_TRUE(text.contains("dbaas_database_phase" + labels + ",phase=\"running\"} 1\n")) << text;
    EXPECT_TRUE(text.contains("dbaas_database_metrics_fresh" + labels + "} 1\n")) << text;
    EXPECT_TRUE(
        text.contains("# TYPE dbaas_database_connections_current gauge\n"
                      "dbaas_database_connections_current" +
                      labels + "} 12\n#"))
        << text;
    EXPECT_FALSE(text.contains("# EOF"));
    EXPECT_TRUE(text.contains(fmt::format(
        "dbaas_database_metrics_fresh{{database_id=\"{}\",project=\"default\",database=\"queue\"",
        other)));
}

TEST_F(databases_exposition, leaves_out_metrics_that_are_not_fresh) {
    const auto id = create_scraped("cache");
    ASSERT_TRUE(page().contains("dbaas_database_connections_current{"));
    metrics_.fail(id, base::failure(base::errc::unavailable, "down"));
    clock_.advance(11s);
    settle();
    const auto text = page();
    EXPECT_FALSE(text.contains("dbaas_database_connections_current{")) << text;
    EXPECT_TRUE(text.contains("engine=\"redis\"} 0\n")) << text;
    EXPECT_TRUE(text.contains("dbaas_database_metrics_timestamp_seconds{")) << text;
}

TEST_F(databases_exposition, serves_open_metrics_and_gzip) {
    create_scraped("cache");
    const auto response =
        get("/metrics/databases",
            {{"Accept", "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3"},
             {"Accept-Encoding", "gzip"}});
    EXPECT_EQ(response.headers.get("Content-Type"),
              "application/openmetrics-text; version=1.0.0; charset=utf-8");
    EXPECT_EQ(response.headers.get("Content-Encoding"), "gzip");
    const auto text = http::gunzip(response.body.to_string(), 1 << 20);
    ASSERT_TRUE(text);
    EXPECT_TRUE(text->contains("# TYPE dbaas_database info\ndbaas_database_info{")) << *text;
    EXPECT_TRUE(text->ends_with("\n# EOF\n"));
}

TEST_F(databases_exposition, filters_by_project_and_engine) {
    create("cache");
    EXPECT_TRUE(page("?project=default&engine=redis").contains("dbaas_database_info{"));
    EXPECT_FALSE(page("?project=other").contains("dbaas_database_info{"));
    EXPECT_FALSE(page("?engine=postgres").contains("dbaas_database_info{"));
    EXPECT_EQ(get("/metrics/databases?limit=5").status, 400U);
    EXPECT_EQ(get("/metrics/databases?project=a&project=b").status, 400U);
}

TEST_F(databases_exposition, covers_the_visible_projects) {
    create("cache");
    authenticator_.add_anonymous({.subject = "ada", .roles = {{"other", domain::role::viewer}}});
    EXPECT_FALSE(page().contains("dbaas_database_info{"));
    authenticator_.add_anonymous({.subject = "ada", .roles = {{"default", domain::role::viewer}}});
    EXPECT_TRUE(page().contains("dbaas_database_info{"));
}

TEST(encode_series, has_the_cpu_of_engines_that_report_it) {
    const app::database_view without{.record = std::make_shared<domain::database>()};
    auto reporting = without;
    auto sample = std::make_shared<domain::metrics_sample>();
    sample->engine_metrics = {{"blocked_clients", 3}, {"cpu_cores", 0.25}};
    reporting.sample = sample;
    const auto last = api::series_families().size() - 1;
    EXPECT_EQ(api::series_families()[last].name, "dbaas_database_cpu_used_cores");
    EXPECT_EQ(api::encode_series(reporting).ending(last), "} 0.25\n");
    EXPECT_EQ(api::encode_series(without).ending(last), "");
}

TEST(encode_series, escapes_labels_and_leaves_out_missing_values) {
    domain::database record;
    record.id = "db-1";
    record.name = "a\"b\\c\nd";
    const auto series = api::encode_series({.record = std::make_shared<domain::database>(record)});
    EXPECT_TRUE(series.labels.contains(R"(database="a\"b\\c\nd")")) << series.labels;
    ASSERT_EQ(series.ends.size(), api::series_families().size());
    EXPECT_EQ(series.ending(api::series_families().size() - 1), "");
    EXPECT_EQ(api::series_families()[api::fresh_family].name, "dbaas_database_metrics_fresh");
}

}  // namespace
