#include "app/audit/audit_trail.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;

class audit_trail : public testing::Test {
  protected:
    struct process {
        process(audit_trail& test, app::audit_options options = {})
            : trail({.executor = test.loop_.executor(),
                     .store = test.store_,
                     .clock = test.clock_,
                     .log = test.log_,
                     .registry = registry,
                     .export_log = test.export_log_},
                    options),
              group(test.loop_.executor()) {}
        obs::registry registry;
        app::audit_trail trail;
        aio::task_group group;
    };
    void TearDown() override { end(); }
    void begin_process(app::audit_options options = {}) {
        process_ = std::make_unique<process>(*this, options);
        EXPECT_TRUE(run([&] { return process_->trail.load(); }));
        process_->group.spawn([&] { return process_->trail.run(); });
        settle();
    }
    // Ends the process. A crash leaves the queue unwritten.
    void end(bool is_crash = false) {
        if (!process_) return;
        process_->group.cancel();
        while (process_->group.size() > 0) loop_.poll();
        if (!is_crash) (void)run([&] { return process_->trail.close(); });
        process_.reset();
    }
    void settle() { fakes::poll_until_idle(loop_); }
    base::outcome<void> run(std::function<aio::task<>()> work) {
        return fakes::poll_until_done<void>(loop_, std::move(work));
    }
    base::outcome<app::audited> begin(const std::string& actor) {
        return fakes::poll_until_done<app::audited>(loop_, [&] {
            return process_->trail.begin({.action = "create_project", .actor = actor});
        });
    }
    void act(const std::string& actor, unsigned status = 201) {
        auto token = begin(actor);
        ASSERT_TRUE(token);
        process_->trail.finish(std::move(*token), {.status = status});
        settle();
    }
    void flush() {
        settle();
        clock_.advance(1s);
        settle();
    }
    std::vector<std::string> find(app::audit_query query) {
        auto page = fakes::poll_until_done<app::audit_page>(
            loop_, [&] { return process_->trail.find(std::move(query)); });
        EXPECT_TRUE(page);
        next_ = page ? page->next : "";
        return page ? page->rows : std::vector<std::string>();
    }
    std::vector<std::string> problems() {
        app::audit_verifier verifier;
        EXPECT_TRUE(run([&] {
            return app::export_audit(store_, [&](const std::string& line) { verifier.add(line); });
        }));
        auto report = verifier.finish();
        rows_ = report.rows;
        return report.problems;
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::recording_log log_;
    fakes::recording_log export_log_;
    std::unique_ptr<process> process_;
    std::size_t rows_ = 0;
    std::string next_;
};

TEST_F(audit_trail, writes_a_row_before_and_a_row_after_an_act) {
    begin_process();
    auto token = begin("ada");
    ASSERT_TRUE(token);
    EXPECT_EQ(find({.outcome = "started"}).size(), 1U);
    EXPECT_EQ(find({.outcome = "success"}).size(), 0U);
    process_->trail.finish(std::move(*token), {.status = 201});
    flush();
    EXPECT_EQ(find({.actor = "ada", .outcome = "success"}).size(), 1U);
    EXPECT_EQ(find({.actor = "ben"}).size(), 0U);
    EXPECT_EQ(problems(), std::vector<std::string>{});
}

TEST_F(audit_trail, exports_the_line_of_each_row) {
    begin_process();
    act("alice");
    flush();
    EXPECT_EQ(export_log_.lines(), log_.lines_of("audit"));
    EXPECT_GE(export_log_.lines().size(), 2U);
}

TEST_F(audit_trail, has_rows_about_acts_of_the_platform_before_it_runs) {
    process_ = std::make_unique<process>(*this);
    EXPECT_TRUE(run([&] { return process_->trail.load(); }));
    const auto run_act = [&](base::outcome<void> result, bool& is_done) {
        return run([&, result] {
            return process_->trail.run_audited({.action = "create_user", .actor = "bootstrap"},
                                               [&, result]() -> aio::task<> {
                                                   is_done = true;
                                                   co_return result;
                                               });
        });
    };
    bool is_done = false;
    EXPECT_TRUE(run_act(base::ok(), is_done));
    EXPECT_EQ(find({.actor = "bootstrap", .outcome = "started"}).size(), 1U);
    EXPECT_EQ(find({.actor = "bootstrap", .outcome = "success"}).size(), 1U);
    EXPECT_FALSE(run_act(base::fail(base::errc::invalid, "x"), is_done));
    EXPECT_EQ(find({.outcome = "rejected"}).size(), 1U);
    is_done = false;
    store_.fail_next(1);
    EXPECT_EQ(run_act(base::ok(), is_done).error().code, base::errc::unavailable);
    EXPECT_FALSE(is_done);
    process_->group.spawn([&] { return process_->trail.run(); });
    settle();
    EXPECT_TRUE(run_act(base::ok(), is_done));
    flush();
    EXPECT_EQ(find({.actor = "bootstrap", .outcome = "success"}).size(), 2U);
    EXPECT_EQ(problems(), std::vector<std::string>{});
}

TEST_F(audit_trail, rejects_the_act_if_the_row_before_it_cannot_be_written) {
    begin_process();
    store_.fail_next(1);
    const auto token = begin("ada");
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().code, base::errc::unavailable);
    EXPECT_TRUE(begin("ada"));
    EXPECT_EQ(problems(), std::vector<std::string>{});
}

TEST_F(audit_trail, logs_an_outage_of_the_store_once_with_the_number_of_failures) {
    begin_process();
    for (int outage = 1; outage <= 2; ++outage) {
        store_.fail_next(5);
        for (int i = 0; i < 5; ++i) EXPECT_FALSE(begin("ada"));
        const auto count = static_cast<std::size_t>(outage);
        EXPECT_EQ(log_.lines_of("audit_not_written").size(), count);
        EXPECT_EQ(log_.lines_of("audit_write_recovered").size(), count - 1);
        EXPECT_TRUE(begin("ada"));
        ASSERT_EQ(log_.lines_of("audit_write_recovered").size(), count);
        EXPECT_EQ(log_.lines_of("audit_write_recovered").back(),
                  "audit_write_recovered failures=5");
    }
}

TEST_F(audit_trail, writes_the_row_after_an_act_again_if_the_store_fails) {
    begin_process();
    auto token = begin("ada");
    store_.fail_next(1);
    process_->trail.finish(std::move(*token), {.status = 201});
    for (int i = 0; i < 5; ++i) flush();
    EXPECT_EQ(find({.actor = "ada", .outcome = "success"}).size(), 1U);
    EXPECT_EQ(problems(), std::vector<std::string>{});
}

TEST_F(audit_trail, writes_the_rows_of_concurrent_requests_in_one_block) {
    begin_process();
    aio::task_group group(loop_.executor());
    int count = 0;
    for (int i = 0; i < 50; ++i) {
        group.spawn([&]() -> aio::task<> {
            const auto token = co_await process_->trail.begin({.action = "x"});
            if (token) ++count;
            co_return base::ok();
        });
    }
    EXPECT_TRUE(run([&] { return group.join(); }));
    EXPECT_EQ(count, 50);
    const auto page = fakes::poll_until_done<ports::page>(
        loop_, [&] { return store_.find({.collection = "audit"}); });
    EXPECT_LE(page->items.size(), 2U);
    EXPECT_EQ(problems(), std::vector<std::string>{});
    EXPECT_EQ(rows_, 50U);
    // Each line has the place of the row.
    const auto lines = log_.lines_of("audit");
    ASSERT_EQ(lines.size(), 50U);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_TRUE(lines[i].contains(fmt::format(" seq={} ", i + 1))) << lines[i];
    }
}

TEST_F(audit_trail, joins_the_chain_of_the_process_before) {
    begin_process();
    act("ada");
    end();
    clock_.advance(1s);
    begin_process();
    act("ben");
    end();
    EXPECT_EQ(problems(), std::vector<std::string>{});
    EXPECT_EQ(rows_, 5U);  // with the checkpoint
    // Everything of the first process is deleted, its head included.
    const auto page = fakes::poll_until_done<ports::page>(
        loop_, [&] { return store_.find({.collection = "audit"}); });
    const auto chain = page->items.front().id.substr(17, 10);
    for (const auto& block : page->items) {
        if (block.id.substr(17, 10) != chain) continue;
        (void)run([&] { return store_.remove({.collection = "audit", .id = block.id}); });
    }
    (void)run([&] { return store_.remove({.collection = "audit_heads", .id = chain}); });
    EXPECT_EQ(problems(),
              std::vector<std::string>{"rows 1 to 2 of chain " + chain + " are missing"});
}

TEST_F(audit_trail, turns_acts_of_a_crashed_process_into_unknown_outcomes) {
    begin_process();
    ASSERT_TRUE(begin("ada"));
    end(true);
    begin_process();
    EXPECT_TRUE(run([&] { return process_->trail.sweep(); }));
    flush();
    EXPECT_EQ(find({.actor = "ada", .outcome = "unknown"}).size(), 1U);
    EXPECT_TRUE(run([&] { return process_->trail.sweep(); }));
    flush();
    EXPECT_EQ(find({.outcome = "unknown"}).size(), 1U);
    EXPECT_EQ(problems(), std::vector<std::string>{});
}

TEST_F(audit_trail, never_sweeps_an_act_in_progress) {
    begin_process();
    auto token = begin("ada");
    EXPECT_TRUE(run([&] { return process_->trail.sweep(); }));
    clock_.advance(1h);
    EXPECT_TRUE(run([&] { return process_->trail.sweep(); }));
    flush();
    EXPECT_EQ(find({.outcome = "unknown"}).size(), 0U);
}

TEST_F(audit_trail, pages_over_all_rows_once) {
    begin_process();
    for (int i = 0; i < 7; ++i) act("ada");
    flush();
    std::size_t count = 0;
    app::audit_query query{.outcome = "started", .limit = 2};
    while (true) {
        count += find(query).size();
        if (next_.empty()) break;
        query.cursor = next_;
    }
    EXPECT_EQ(count, 7U);
}

TEST_F(audit_trail, deletes_rows_after_the_retention_and_stays_verifiable) {
    begin_process({.retention = 24h});
    act("ada");
    flush();
    clock_.advance(48h);
    settle();
    act("ben");
    flush();
    EXPECT_TRUE(run([&] { return process_->trail.purge(); }));
    EXPECT_EQ(find({.actor = "ada"}).size(), 0U);
    EXPECT_EQ(find({.actor = "ben"}).size(), 2U);
    EXPECT_EQ(problems(), std::vector<std::string>{});
}

TEST_F(audit_trail, drops_surplus_rows_about_denied_requests) {
    begin_process();
    for (int i = 0; i < 2000; ++i) process_->trail.note({.action = "x", .status = 403});
    settle();
    flush();
    EXPECT_EQ(find({.outcome = "denied", .limit = 5000}).size(), app::audit_trail::notes_max);
}

}  // namespace
