#include "obs/metrics.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace obs {
namespace {

TEST(registry, exposes_families_by_name_with_help_and_type) {
    registry all;
    all.make_gauge("b_bytes", "Second.").set(1.5);
    auto& requests = all.make_counter("a_total", "First\nline \\ here.", {{"route", "/x\"y\\z\n"}});
    requests.add();
    requests.add(2);
    EXPECT_EQ(all.expose(),
              "# HELP a_total First\\nline \\\\ here.\n"
              "# TYPE a_total counter\n"
              "a_total{route=\"/x\\\"y\\\\z\\n\"} 3\n"
              "# HELP b_bytes Second.\n"
              "# TYPE b_bytes gauge\n"
              "b_bytes 1.5\n");
}

TEST(registry, exposes_cumulative_buckets) {
    registry all;
    constexpr std::array<double, 2> bounds{0.1, 1};
    auto& took = all.make_histogram("took_seconds", "Time.", bounds, {{"verb", "get"}});
    for (const double value : {0.05, 0.1, 0.5, 7.0}) took.observe(value);
    EXPECT_EQ(all.expose(),
              "# HELP took_seconds Time.\n"
              "# TYPE took_seconds histogram\n"
              "took_seconds_bucket{verb=\"get\",le=\"0.1\"} 2\n"
              "took_seconds_bucket{verb=\"get\",le=\"1\"} 3\n"
              "took_seconds_bucket{verb=\"get\",le=\"+Inf\"} 4\n"
              "took_seconds_sum{verb=\"get\"} 7.65\n"
              "took_seconds_count{verb=\"get\"} 4\n");
}

TEST(registry, returns_the_same_object_for_the_same_series) {
    registry all;
    auto& first = all.make_counter("a_total", "A.", {{"k", "1"}});
    EXPECT_EQ(&first, &all.make_counter("a_total", "A.", {{"k", "1"}}));
    EXPECT_NE(&first, &all.make_counter("a_total", "A.", {{"k", "2"}}));
}

TEST(registry, runs_callbacks_at_each_exposition) {
    registry all;
    double age = 1;
    all.make_callback_gauge("age_seconds", "Age.", {}, [&] { return age; });
    EXPECT_NE(all.expose().find("age_seconds 1\n"), std::string::npos);
    age = 2;
    EXPECT_NE(all.expose().find("age_seconds 2\n"), std::string::npos);
}

TEST(registry, writes_infinity_and_nan_in_the_spelling_of_prometheus) {
    registry all;
    all.make_gauge("a", "A.").set(1.0 / 0.0);
    all.make_gauge("b", "B.").set(-1.0 / 0.0);
    all.make_gauge("c", "C.").set(0.0 / 0.0);
    const auto page = all.expose();
    EXPECT_NE(page.find("\na +Inf\n"), std::string::npos);
    EXPECT_NE(page.find("\nb -Inf\n"), std::string::npos);
    EXPECT_NE(page.find("\nc NaN\n"), std::string::npos);
}

TEST(registry, lists_its_families) {
    registry all;
    all.make_gauge("b", "B.");
    all.make_counter("a_total", "A.", {{"x", "1"}, {"y", "2"}});
    EXPECT_EQ(all.catalogue(), "a_total counter x,y\nb gauge \n");
}

TEST(registry, counts_from_many_threads) {
    registry all;
    auto& hits = all.make_counter("hits_total", "Hits.");
    auto& took = all.make_histogram("took_seconds", "Time.", latency_bounds_seconds());
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 10'000; ++i) hits.add(), took.observe(1);
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(hits.value(), 40'000u);
    EXPECT_EQ(took.sum(), 40'000.0);
}

TEST(registry_death, aborts_on_an_invalid_declaration) {
    registry all;
    all.make_gauge("a", "A.", {{"k", "1"}});
    EXPECT_DEATH(all.make_counter("a", "A.", {{"k", "1"}}), "another type");
    EXPECT_DEATH(all.make_gauge("a", "A."), "other labels");
    EXPECT_DEATH(all.make_gauge("2a", "A."), "not a metric name");
    EXPECT_DEATH(all.make_gauge("b", "B.", {{"__x", "1"}}), "bad label name");
    EXPECT_DEATH(
        for (int i = 0; i < 1001; ++i) all.make_gauge("c", "C.", {{"k", std::to_string(i)}}),
        "too many series");
    EXPECT_DEATH(all.make_gauge("d", "D.", {{"k", "1"}, {"k", "2"}}), "label 'k' twice");
    const std::vector<double> one{1};
    const std::vector<double> two{1, 2};
    EXPECT_DEATH(all.make_histogram("e", "E.", one, {{"le", "1"}}), "reserved for buckets");
    all.make_histogram("f", "F.", one);
    EXPECT_DEATH(all.make_histogram("f", "F.", two), "other bounds");
    all.make_gauge("g", "G.");
    EXPECT_DEATH(all.make_callback_gauge("g", "G.", {}, [] { return 1.0; }),
                 "already has a counter or gauge");
    all.make_callback_counter("h_total", "H.", {}, [] { return 1.0; });
    EXPECT_DEATH(all.make_callback_counter("h_total", "H.", {}, [] { return 2.0; }),
                 "already has a callback");
    EXPECT_DEATH(all.make_counter("h_total", "H."), "already has a callback");
}

TEST(registry, a_callback_may_declare_a_metric) {
    registry all;
    all.make_callback_gauge("outer", "O.", {}, [&] {
        all.make_gauge("inner", "I.").set(2);
        return 1.0;
    });
    EXPECT_NE(all.expose().find("outer 1"), std::string::npos);
    EXPECT_NE(all.expose().find("inner 2"), std::string::npos);
}

TEST(histogram, ignores_nan) {
    const std::vector<double> bounds{1};
    histogram spread(bounds);
    spread.observe(0.0 / 0.0);
    spread.observe(0.5);
    EXPECT_EQ(spread.sum(), 0.5);
    EXPECT_EQ(spread.bucket(0), 1U);
    EXPECT_EQ(spread.bucket(1), 0U);
}

}  // namespace
}  // namespace obs
