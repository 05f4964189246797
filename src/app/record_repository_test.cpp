#include "app/record_repository.hpp"

#include <gtest/gtest.h>

#include "aio/block_on.hpp"
#include "test/support/gated_store.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"

namespace {

using base::errc;
using namespace std::chrono_literals;

class record_repository : public testing::Test {
  protected:
    using database = std::shared_ptr<const domain::database>;
    using project = std::shared_ptr<const domain::project>;

    base::outcome<database> create(const std::string& name) {
        return aio::block_on(records_.create(
            {.id = "db-" + name, .project = "shop", .name = name, .engine = "redis"}));
    }
    base::outcome<project> put(domain::project record) {
        return aio::block_on(records_.put_project(std::move(record)));
    }
    base::outcome<database> rename(const std::string& value) {
        const auto change = [&](const domain::database& present) {
            auto wanted = present;
            wanted.labels["step"] = value;
            return base::outcome<domain::database>(std::move(wanted));
        };
        return aio::block_on(records_.update("db-a", change, app::record_origin::command));
    }
    base::outcome<void> settle() { return aio::block_on(records_.resolve_unconfirmed()); }

    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    app::state_cache cache_{clock_, 30s};
    app::record_repository records_{store_, cache_, clock_, obs::null_log()};
};

TEST_F(record_repository, resolves_a_create_whose_response_was_lost) {
    store_.lose_next_response();
    EXPECT_EQ(create("a").error().code, errc::timed_out);
    EXPECT_TRUE(records_.has_unconfirmed());
    ASSERT_TRUE(settle());
    EXPECT_FALSE(records_.has_unconfirmed());
    ASSERT_NE(cache_.find("db-a"), nullptr);
    EXPECT_EQ(cache_.find("db-a")->record->revision, 1);
}

TEST_F(record_repository, resolves_an_unconfirmed_create_after_the_store_responds) {
    store_.lose_next_response(1);
    EXPECT_FALSE(create("a"));
    EXPECT_FALSE(settle());
    EXPECT_TRUE(records_.has_unconfirmed());
    ASSERT_TRUE(settle());
    EXPECT_NE(cache_.find("db-a"), nullptr);
}

TEST_F(record_repository, rejects_creates_at_the_limit_of_unconfirmed_writes) {
    for (std::size_t index = 0; index < app::record_repository::unconfirmed_max; ++index) {
        store_.lose_next_response();
        ASSERT_EQ(create("a" + std::to_string(index)).error().code, errc::timed_out);
    }
    const auto calls = store_.calls();
    EXPECT_EQ(create("b").error().reason, "store_not_ready");
    EXPECT_EQ(put({.name = "shop"}).error().reason, "store_not_ready");
    EXPECT_EQ(store_.calls(), calls);
    ASSERT_TRUE(settle());
    EXPECT_TRUE(create("b"));
}

TEST_F(record_repository, rejects_creates_while_the_store_is_unavailable) {
    store_.fail_next(1);
    EXPECT_EQ(create("a").error().code, errc::unavailable);
    EXPECT_FALSE(records_.has_unconfirmed());
}

TEST_F(record_repository, returns_the_project_if_the_response_was_lost) {
    store_.lose_next_response();
    const auto created = put({.name = "shop"});
    ASSERT_TRUE(created) << created.error().text;
    EXPECT_EQ(cache_.project("shop"), *created);
    auto next = **created;
    next.display_name = "Shop";
    store_.lose_next_response();
    const auto changed = put(next);
    ASSERT_TRUE(changed) << changed.error().text;
    EXPECT_EQ((*changed)->revision, 2);
    store_.lose_next_response();
    const auto rejected = aio::block_on(records_.delete_project("shop", [](const auto& present) {
        return base::outcome<void>(base::fail(errc::precondition, present.name));
    }));
    EXPECT_EQ(rejected.error().text, "shop");
    ASSERT_TRUE(aio::block_on(records_.delete_project("shop")));
    EXPECT_EQ(cache_.project("shop"), nullptr);
}

TEST_F(record_repository, accepts_writes_to_a_project_after_an_unconfirmed_write) {
    store_.lose_next_response(1);
    EXPECT_EQ(put({.name = "shop"}).error().code, errc::timed_out);
    EXPECT_TRUE(records_.has_unconfirmed());
    clock_.advance(1s);
    EXPECT_EQ(put({.name = "shop"}).error().reason, "already_exists");
    ASSERT_NE(cache_.project("shop"), nullptr);
    EXPECT_FALSE(records_.has_unconfirmed());

    auto next = *cache_.project("shop");
    next.display_name = "Shop";
    store_.lose_next_response(1);
    EXPECT_EQ(put(next).error().code, errc::timed_out);
    EXPECT_EQ(cache_.project("shop")->display_name, "");
    ASSERT_TRUE(settle());
    EXPECT_EQ(cache_.project("shop")->display_name, "Shop");

    store_.lose_next_response(1);
    EXPECT_EQ(aio::block_on(records_.delete_project("shop")).error().code, errc::timed_out);
    EXPECT_TRUE(aio::block_on(records_.delete_project("shop")));
    EXPECT_EQ(cache_.project("shop"), nullptr);
}

TEST_F(record_repository, reads_a_project_again_if_another_process_changed_it) {
    auto record = *put({.name = "shop"}).value();
    auto other_write =
        ports::put_request{.collection = "projects",
                           .content = aio::block_on(store_.get("projects", "shop")).value(),
                           .expected = 1};
    ASSERT_TRUE(aio::block_on(store_.put(other_write)));
    record.display_name = "Mine";
    EXPECT_EQ(put(record).error().code, errc::precondition);
    EXPECT_EQ(cache_.project("shop")->revision, 2);
    record = *cache_.project("shop");
    record.display_name = "Mine";
    EXPECT_TRUE(put(record));
}

TEST_F(record_repository, accepts_an_older_record_of_a_restored_store) {
    ASSERT_TRUE(create("a"));
    const auto backup = aio::block_on(store_.get("databases", "db-a")).value();
    ASSERT_TRUE(rename("1"));
    ASSERT_TRUE(rename("2"));
    ASSERT_TRUE(aio::block_on(store_.remove({.collection = "databases", .id = "db-a"})));
    ASSERT_TRUE(aio::block_on(store_.restore("databases", {backup})));
    ASSERT_TRUE(aio::block_on(records_.adopt(app::record_kind::database, "db-a")));
    EXPECT_EQ(cache_.find("db-a")->record->revision, 1);
    EXPECT_TRUE(cache_.find("db-a")->record->labels.empty());
    const auto changed = rename("3");
    ASSERT_TRUE(changed) << changed.error().text;
    EXPECT_EQ((*changed)->revision, 2);
}

TEST_F(record_repository, writes_after_the_store_was_restored_without_a_notice) {
    ASSERT_TRUE(create("a"));
    const auto backup = aio::block_on(store_.get("databases", "db-a")).value();
    ASSERT_TRUE(rename("1"));
    ASSERT_TRUE(aio::block_on(store_.remove({.collection = "databases", .id = "db-a"})));
    ASSERT_TRUE(aio::block_on(store_.restore("databases", {backup})));
    const auto changed = rename("2");
    ASSERT_TRUE(changed) << changed.error().text;
    EXPECT_EQ((*changed)->labels.at("step"), "2");
}

TEST_F(record_repository, resolves_the_other_writes_if_a_record_is_unreadable) {
    store_.lose_next_response(1);
    EXPECT_EQ(put({.name = "shop"}).error().code, errc::timed_out);
    ASSERT_TRUE(aio::block_on(store_.remove({.collection = "projects", .id = "shop"})));
    ASSERT_TRUE(
        aio::block_on(store_.restore("projects", {{.id = "shop", .body = "5", .revision = 1}})));
    store_.lose_next_response(1);
    EXPECT_EQ(put({.name = "team"}).error().code, errc::timed_out);
    EXPECT_TRUE(settle());
    EXPECT_FALSE(records_.has_unconfirmed());
    EXPECT_NE(cache_.project("team"), nullptr);
}

TEST_F(record_repository, resolves_an_unconfirmed_project_after_a_write_in_progress) {
    ASSERT_TRUE(put({.name = "shop"}));
    aio::loop loop;
    fakes::gated_store gate(store_, loop.executor());
    app::record_repository records(gate, cache_, clock_, obs::null_log());
    const auto rename = [](domain::project record) {
        record.display_name += "+";
        return base::outcome<domain::project>(std::move(record));
    };
    store_.lose_next_response(1);
    ASSERT_FALSE(aio::block_on(records.update_project("shop", rename)));
    ASSERT_TRUE(records.has_unconfirmed());

    gate.close_gate();
    aio::task_group tasks(loop.executor());
    const auto run = [&loop] { fakes::poll_until_idle(loop); };
    tasks.spawn([&]() -> aio::task<> {
        auto written = co_await records.update_project("shop", rename);
        EXPECT_TRUE(written);
        co_return base::ok();
    });
    run();
    ASSERT_EQ(gate.waiting(), 1);
    const auto calls = store_.calls();
    tasks.spawn([&]() -> aio::task<> { return records.resolve_unconfirmed(); });
    run();
    EXPECT_EQ(store_.calls(), calls) << "the project was read during a write to it";
    gate.open_gate();
    while (tasks.size() > 0) loop.poll();
    EXPECT_EQ(cache_.project("shop")->display_name, "++");
    EXPECT_EQ(cache_.project("shop")->revision, 3);
    EXPECT_FALSE(records.has_unconfirmed());
}

}  // namespace
