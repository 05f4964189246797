#include "main/cost_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/json_access.hpp"
#include "main/report_command.hpp"

namespace {

using cost::activity;
using testing::HasSubstr;

// Three databases: `busy` has connections, `quiet` has none, `resting` is paused.
constexpr const char* page = R"(# TYPE dbaas_database_phase gauge
dbaas_database_phase{database_id="db-1",project="web",database="busy",engine="redis",phase="running"} 1
dbaas_database_phase{database_id="db-2",project="web",database="quiet",engine="redis",phase="running"} 1
dbaas_database_phase{database_id="db-3",project="old",database="resting",engine="mysql",phase="paused"} 1
dbaas_database_cpu_requested_cores{database_id="db-1",project="web",database="busy",engine="redis"} 1.5
dbaas_database_cpu_requested_cores{database_id="db-2",project="web",database="quiet",engine="redis"} 0.5
dbaas_database_cpu_requested_cores{database_id="db-3",project="old",database="resting",engine="mysql"} 4
dbaas_database_memory_requested_bytes{database_id="db-1",project="web",database="busy",engine="redis"} 2147483648
dbaas_database_memory_requested_bytes{database_id="db-2",project="web",database="quiet",engine="redis"} 1073741824
dbaas_database_memory_requested_bytes{database_id="db-3",project="old",database="resting",engine="mysql"} 1073741824
dbaas_database_storage_requested_bytes{database_id="db-3",project="old",database="resting",engine="mysql"} 10737418240
dbaas_database_connections_current{database_id="db-1",project="web",database="busy",engine="redis"} 12
dbaas_database_connections_current{database_id="db-2",project="web",database="quiet",engine="redis"} 1
dbaas_database_operations_per_second{database_id="db-2",project="web",database="quiet",engine="redis"} 0.3
dbaas_database_memory_used_bytes{database_id="db-2",project="web",database="quiet",engine="redis"} 10485760
)";

class cost_report : public ::testing::Test {
  protected:
    void SetUp() override {
        auto databases = cost::read_page(page, {});
        ASSERT_TRUE(databases);
        databases_ = std::move(*databases);
        ASSERT_EQ(databases_.size(), 3U);
    }
    cost::database& quiet() { return databases_[2]; }

    std::vector<cost::database> databases_;
};

TEST_F(cost_report, reads_requests_and_current_values_of_each_database) {
    EXPECT_EQ(databases_[0].name, "resting");
    EXPECT_EQ(databases_[0].activity, activity::paused);
    EXPECT_EQ(databases_[0].requested.cpu_cores, 0);
    EXPECT_EQ(databases_[0].requested.storage_bytes, 10737418240);
    EXPECT_EQ(databases_[1].activity, activity::active);
    EXPECT_EQ(databases_[1].memory_used, std::nullopt);
    EXPECT_EQ(quiet().activity, activity::unknown);
    EXPECT_EQ(quiet().operations.current, 0.3);
    EXPECT_TRUE(cost::needs_history(quiet()));
    EXPECT_FALSE(cost::needs_history(databases_[1]));
}

TEST_F(cost_report, is_idle_if_no_value_of_the_window_is_above_a_threshold) {
    cost::judge(quiet(), {1, 1, std::nullopt, 1}, {0.5, 5, 0.5, std::nullopt}, {});
    EXPECT_EQ(quiet().activity, activity::idle);
    EXPECT_EQ(quiet().operations.peak, 5);
}

TEST_F(cost_report, is_active_after_one_value_above_a_threshold) {
    cost::judge(quiet(), {1, 1, 2, 1}, {0, 0, 0, 0}, {});
    EXPECT_EQ(quiet().activity, activity::active);
    quiet().activity = activity::unknown;
    cost::judge(quiet(), {1, 1, 1, 1}, {0, 0, 6, 0}, {});
    EXPECT_EQ(quiet().activity, activity::active);
}

TEST_F(cost_report, is_unknown_if_the_history_covers_less_than_half) {
    cost::judge(quiet(), {std::nullopt, std::nullopt, 1}, {}, {});
    EXPECT_EQ(quiet().activity, activity::unknown);
}

TEST_F(cost_report, prints_what_a_pause_of_an_idle_database_saves) {
    cost::judge(quiet(), {1}, {0}, {});
    const auto text = cost::as_text(databases_, {});
    EXPECT_THAT(text, HasSubstr("a pause of web/quiet (db-2) saves 0.5 CPU and 1.0Gi of memory\n"));
    EXPECT_THAT(text, HasSubstr("1 of 3 databases were idle for 24 h"));
    EXPECT_THAT(text, testing::Not(HasSubstr("COST")));
    const auto priced = cost::as_text(
        databases_, {.prices = cost::prices{.cpu_core = 20, .memory_gib = 2, .storage_gib = 1}});
    EXPECT_THAT(priced, testing::ContainsRegex("total +3 +1 +2 .* 56.00 +12.00\n"));
}

TEST_F(cost_report, prints_json_with_sums_per_project) {
    cost::judge(quiet(), {1}, {0}, {});
    const auto document = json::try_parse(cost::as_json(databases_, {.window_hours = 6}));
    ASSERT_TRUE(document);
    const auto& report = document->get_object();
    EXPECT_EQ(json::number_at(report, "window_hours"), 6);
    const auto& projects = json::array_or_empty(report, "projects");
    ASSERT_EQ(projects.size(), 2U);
    EXPECT_EQ(json::text_at(projects[1].get_object(), "project"), "web");
    EXPECT_EQ(json::number_at(projects[1].get_object(), "idle"), 1);
    const auto& entry = json::array_or_empty(report, "databases")[2].get_object();
    EXPECT_EQ(json::text_at(entry, "activity"), "idle");
    EXPECT_EQ(json::object_or_empty(entry, "savings").at("cpu_cores").to_number<double>(), 0.5);
}

TEST_F(cost_report, reads_the_cpu_that_an_exporter_reports) {
    const auto databases = cost::read_page(
        std::string(page) + R"(dbaas_database_cpu_used_cores{database_id="db-1",project="web",)"
                            R"(database="busy",engine="redis"} 0.25)"
                            "\n",
        {});
    ASSERT_TRUE(databases);
    EXPECT_EQ((*databases)[1].cpu_used, 0.25);
    EXPECT_EQ((*databases)[1].cpu_source, cost::cpu_source::exporter);
    EXPECT_EQ((*databases)[2].cpu_used, std::nullopt);
    const auto text = cost::as_text(*databases, {});
    EXPECT_THAT(text, HasSubstr("The CPU use of 1 of 3 databases is known; of 1 by the exporter"));
}

TEST_F(cost_report, prefers_the_cpu_of_all_members) {
    cost::set_cpu(databases_, {{{"web", "redis", "busy"}, 0.75}, {{"web", "mysql", "quiet"}, 9}});
    EXPECT_EQ(databases_[1].cpu_used, 0.75);
    EXPECT_EQ(quiet().cpu_used, std::nullopt);
    EXPECT_THAT(cost::as_text(databases_, {}), HasSubstr("of 1 by metrics.k8s.io: all members."));
    const auto document = json::try_parse(cost::as_json(databases_, {}));
    ASSERT_TRUE(document);
    const auto& report = document->get_object();
    const auto& busy = json::array_or_empty(report, "databases")[1].get_object();
    const auto& used = json::object_or_empty(busy, "used");
    EXPECT_EQ(used.at("cpu_cores").to_number<double>(), 0.75);
    EXPECT_EQ(json::text_at(used, "cpu_source"), "metrics.k8s.io");
    const auto& total = json::object_or_empty(json::object_or_empty(report, "total"), "used");
    EXPECT_EQ(total.at("cpu_cores").to_number<double>(), 0.75);
    EXPECT_EQ(json::number_at(total, "databases_with_cpu"), 1);
}

TEST_F(cost_report, rejects_a_page_and_a_history_that_do_not_parse) {
    EXPECT_EQ(cost::read_page("dbaas_database_up{", {}).error().code, base::errc::corrupt);
    EXPECT_FALSE(cost::read_history(R"({"points":[["2026-01-01T00:00:00Z"]]})"));
    EXPECT_FALSE(cost::read_history("<html>"));
    const auto points = cost::read_history(R"({"points":[["a",1],["b",null],["c",2.5]]})");
    EXPECT_EQ(*points, (cost::history{1, std::nullopt, 2.5}));
}

TEST(report_command, reads_the_address_and_the_key_file_from_the_environment) {
    const auto request = report::parse(
        {"cost", "--json"}, {{"DBAAS_LISTEN", "0.0.0.0:9000"}, {"DBAAS_ADMIN_KEY_FILE", "/key"}});
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "http://127.0.0.1:9000");
    EXPECT_EQ(request->api_key_file, "/key");
    EXPECT_FALSE(request->verifies_certificate);
    EXPECT_TRUE(request->prints_json);
    EXPECT_FALSE(request->cost.prices);
    EXPECT_EQ(request->kubeconfig, "");
}

TEST(report_command, rejects_wrong_words) {
    const std::vector<std::vector<std::string>> cases{{},
                                                      {"use"},
                                                      {"cost", "--fast"},
                                                      {"cost", "--window", "0"},
                                                      {"cost", "--window=1.5"},
                                                      {"cost", "--idle-connections=-1"},
                                                      {"cost", "--price-cpu", "nan"},
                                                      {"cost", "--price-disk", "1"},
                                                      {"cost", "--url"},
                                                      {"cost", "--url=http://a/path"}};
    for (const auto& words : cases) {
        const auto request = report::parse(words, {});
        ASSERT_FALSE(request);
        EXPECT_EQ(request.error().code, base::errc::invalid);
    }
}

}  // namespace
