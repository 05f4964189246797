#include "app/metrics_sync.hpp"

#include <gtest/gtest.h>

#include <set>

#include "domain/scrape_cause.hpp"
#include "test/support/fake_metrics_source.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;
using domain::observed_phase;

class metrics_sync : public testing::Test {
  protected:
    void SetUp() override {
        cache_.listen({.databases = &sync_});
        cache_.set_cluster_known();
    }
    // Puts a database that was created `age` ago into the state cache. Its name is its id.
    void put(const std::string& id, std::chrono::seconds age) {
        domain::database record{.id = id,
                                .project = "shop",
                                .name = id,
                                .engine = "redis",
                                .object_uid = "u-" + id,
                                .was_ready = true,
                                .revision = 1,
                                .created_at = clock_.utc_now() - age};
        record.operations.push_back({.id = "op-" + id,
                                     .phase = domain::operation_phase::succeeded,
                                     .created_at = record.created_at,
                                     .finished_at = record.created_at});
        cache_.put(std::make_shared<const domain::database>(std::move(record)),
                   app::record_origin::start);
    }
    void observe(const std::string& id, observed_phase phase, bool has_metrics = true) {
        cache_.set_observed(
            {.project = "shop", .engine = "redis", .name = id},
            std::make_shared<const domain::observed_database>(domain::observed_database{
                .exists = true,
                .uid = "u-" + id,
                .phase = phase,
                .metrics_port = static_cast<std::uint16_t>(has_metrics ? 9121 : 0)}));
    }
    void pass(std::chrono::milliseconds time) {
        constexpr auto step = 100ms;
        for (; time > 0ms; time -= step) {
            clock_.advance(step);
            (void)sync_.turn();
            fakes::poll_until_idle(loop_);
        }
    }
    std::set<std::string> scraped_ids() const {
        return {source_.scraped_ids().begin(), source_.scraped_ids().end()};
    }
    app::metrics_state state(const std::string& id) { return cache_.find(id)->metrics; }

    static constexpr auto interval = 30s;
    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::fake_metrics_source source_{clock_};
    fakes::recording_log log_;
    obs::registry registry_;
    app::probe probe_{registry_};
    app::readiness health_;
    app::state_cache cache_{clock_, interval};
    app::history_store history_{store_, clock_, obs::null_log(), probe_, {}};
    const app::ownership owner_{{.clock = clock_, .log = obs::null_log()}, {}};
    app::metrics_sync sync_{{.executor = loop_.executor(),
                             .cache = cache_,
                             .source = source_,
                             .history = history_,
                             .clock = clock_,
                             .log = log_,
                             .probe = probe_,
                             .health = health_,
                             .owner = owner_},
                            {.interval = interval}};
};

TEST_F(metrics_sync, spreads_the_scrapes_over_an_interval_after_a_restart) {
    for (int index = 0; index < 300; ++index) {
        const auto id = "db-" + std::to_string(index);
        source_.give(id, {});
        put(id, 1h);
        observe(id, observed_phase::ready);
    }
    pass(3s);
    EXPECT_LT(source_.scrapes(), 80U);
    pass(27s);
    EXPECT_EQ(scraped_ids().size(), 300U);
    const auto first_round = source_.scrapes();
    pass(interval);
    EXPECT_EQ(source_.scrapes(), first_round + 300);
}

TEST_F(metrics_sync, scrapes_a_new_database_early) {
    source_.give("db-1", {});
    put("db-1", 2s);
    observe("db-1", observed_phase::ready);
    pass(600ms);
    EXPECT_EQ(state("db-1"), app::metrics_state::fresh);
}

TEST_F(metrics_sync, doubles_the_wait_until_the_first_sample) {
    source_.fail("db-1", {base::errc::unavailable, "refused"});
    put("db-1", 0s);
    observe("db-1", observed_phase::ready);
    pass(60s);
    EXPECT_GE(source_.scrapes(), 5U);  // after 2, 4, 8, 16 s, or in an earlier slot
    EXPECT_LE(source_.scrapes(), 8U);
    const auto before = source_.scrapes();
    pass(10 * interval);
    EXPECT_EQ(source_.scrapes(), before + 10);
    EXPECT_EQ(state("db-1"), app::metrics_state::unavailable);
}

// The stats service exists before the exporter runs.
TEST_F(metrics_sync, scrapes_early_if_a_database_starts_to_run) {
    source_.fail("db-1", {base::errc::unavailable, "refused"});
    put("db-1", 0s);
    observe("db-1", observed_phase::provisioning);
    pass(100s);
    source_.give("db-1", {});
    observe("db-1", observed_phase::ready);
    pass(600ms);
    EXPECT_EQ(state("db-1"), app::metrics_state::fresh);
}

TEST_F(metrics_sync, keeps_the_last_sample_as_stale_after_a_failure) {
    source_.give("db-1", {});
    put("db-1", 0s);
    observe("db-1", observed_phase::ready);
    pass(interval);
    source_.fail("db-1", {base::errc::unavailable, "refused", "no_endpoints"});
    pass(interval);
    const auto* database = cache_.find("db-1");
    EXPECT_EQ(database->metrics, app::metrics_state::stale);
    EXPECT_EQ(database->metrics_reason, "no_endpoints");
    EXPECT_NE(database->sample, nullptr);
}

TEST_F(metrics_sync, logs_each_change_of_the_cause_once) {
    source_.give("db-1", {});
    put("db-1", 0s);
    observe("db-1", observed_phase::ready);
    pass(interval);
    source_.fail("db-1", {base::errc::unavailable, "HTTP 500: boom", "exporter_error"});
    pass(3 * interval);
    const auto first = log_.lines_of("scrape_failed");
    ASSERT_EQ(first.size(), 1U);
    EXPECT_NE(first[0].find("exporter_error"), std::string::npos) << first[0];
    EXPECT_NE(first[0].find("HTTP 500: boom"), std::string::npos) << first[0];
    source_.fail("db-1", {base::errc::corrupt, "line 4: the value", "malformed_page"});
    pass(2 * interval);
    EXPECT_EQ(log_.lines_of("scrape_failed").size(), 2U);
    EXPECT_TRUE(log_.lines_of("scrape_recovered").empty());
    source_.give("db-1", {});
    pass(2 * interval);
    EXPECT_EQ(log_.lines_of("scrape_recovered").size(), 1U);
}

TEST_F(metrics_sync, keeps_the_message_of_the_failure_until_a_scrape_succeeds) {
    put("db-1", 0s);
    observe("db-1", observed_phase::ready);
    source_.fail("db-1", {base::errc::corrupt, "line 4: the value", "malformed_page"});
    pass(interval);
    EXPECT_EQ(cache_.find("db-1")->view->metrics_message, "line 4: the value");
    source_.fail("db-1", {base::errc::corrupt, "line 7: the value", "malformed_page"});
    pass(interval);
    EXPECT_EQ(cache_.find("db-1")->view->metrics_message, "line 7: the value");
    source_.give("db-1", {});
    pass(interval);
    EXPECT_EQ(cache_.find("db-1")->view->metrics_message, "");
}

TEST_F(metrics_sync, counts_failed_scrapes_by_cause) {
    put("db-1", 0s);
    observe("db-1", observed_phase::ready);
    source_.fail(
        "db-1",
        base::fail(base::errc::unavailable, "boom", domain::scrape_cause::exporter_error).error());
    pass(interval);
    source_.fail("db-1", {base::errc::unavailable, "an unbounded text", "an unbounded text"});
    pass(interval);
    source_.give("db-1", {});
    pass(interval);
    const auto page = registry_.expose();
    for (const auto* labels :
         {R"({result="unavailable",reason="exporter_error"})",
          R"({result="unavailable",reason="other"})", R"({result="ok",reason=""})"}) {
        EXPECT_NE(page.find(std::string("dbaas_scrapes_total") + labels), std::string::npos)
            << page;
    }
}

TEST_F(metrics_sync, skips_a_database_without_a_stats_service) {
    put("db-1", 0s);
    observe("db-1", observed_phase::ready, false);
    pass(interval);
    EXPECT_EQ(source_.scrapes(), 0U);
    EXPECT_EQ(cache_.find("db-1")->metrics_reason, "no_stats_service");
}

TEST_F(metrics_sync, forgets_a_deleted_database) {
    source_.give("db-1", {});
    put("db-1", 0s);
    observe("db-1", observed_phase::ready);
    pass(1s);
    const auto before = source_.scrapes();
    cache_.erase("db-1");
    pass(2 * interval);
    EXPECT_EQ(source_.scrapes(), before);
    EXPECT_EQ(source_.forgotten(), std::vector<std::string>{"db-1"});
}

}  // namespace
