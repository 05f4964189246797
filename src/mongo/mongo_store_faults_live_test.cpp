#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "aio/block_on.hpp"
#include "mongo/document_writer.hpp"
#include "mongo/mongo_schema.hpp"
#include "mongo/mongo_store.hpp"
#include "test/support/mongo_test_server.hpp"
#include "test/support/mongo_wire.hpp"
#include "test/support/recording_log.hpp"

namespace {

using base::errc;
using namespace std::chrono_literals;

// A store on its own server, behind a proxy that loses requests and responses.
class mongo_store_faults : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!fakes::mongo_test_server::is_installed()) {
            GTEST_SKIP() << "the server is not installed; './dev test --live' installs it";
        }
        server_.emplace();
        proxy_.emplace(server_->port());
        store_ = open(proxy_->url("faults"));
    }

    std::unique_ptr<ports::document_store> open(const std::string& url) {
        auto store = mongo::open_store({.url = base::secret(url),
                                        .call_timeout = call_timeout_,
                                        .selection_timeout = selection_timeout_,
                                        .probe_period = 20ms,
                                        .connections_max = 4},
                                       log_, registry_);
        if (!store) ADD_FAILURE() << store.error().text;
        return store ? std::move(*store) : nullptr;
    }
    base::outcome<ports::revision> put(const std::string& id, ports::revision expected) {
        return aio::block_on(store_->put(
            {.collection = "things", .content = {.id = id, .body = "x"}, .expected = expected}));
    }
    void wait_until_connected() const {
        while (!store_->is_connected()) std::this_thread::yield();
    }
    ports::revision revision_of(const std::string& id) {
        const auto document = aio::block_on(store_->get("things", id));
        return document ? document->revision : 0;
    }

    // A test that waits for the end of a timeout sets a shorter one. The driver waits 0.5 s before
    // it looks for a server again.
    std::chrono::milliseconds call_timeout_ = 30s;
    std::chrono::milliseconds selection_timeout_ = 20s;
    fakes::recording_log log_;
    obs::registry registry_;
    std::optional<fakes::mongo_test_server> server_;
    std::optional<fakes::mongo_proxy> proxy_;
    std::unique_ptr<ports::document_store> store_;
};

TEST_F(mongo_store_faults, a_write_whose_response_is_lost_is_applied_once) {
    proxy_->lose_next_response("insert");
    EXPECT_EQ(put("a", 0).value(), 1);
    for (ports::revision revision = 1; revision < 5; ++revision) {
        proxy_->lose_next_response("update");
        EXPECT_EQ(put("a", revision).value(), revision + 1);
    }
    EXPECT_EQ(revision_of("a"), 5);
    EXPECT_TRUE(store_->is_connected());
    EXPECT_GE(proxy_->passed("update"), 8) << "each update is sent twice";
}

TEST_F(mongo_store_faults, a_write_whose_request_is_lost_is_sent_again) {
    proxy_->lose_next_request("insert");
    EXPECT_EQ(put("a", 0).value(), 1);
    proxy_->lose_next_request("update");
    EXPECT_EQ(put("a", 1).value(), 2);
    EXPECT_EQ(proxy_->passed("update"), 1);
    proxy_->lose_next_request("delete");
    EXPECT_TRUE(aio::block_on(store_->remove({.collection = "things", .id = "a", .expected = 2})));
    EXPECT_EQ(revision_of("a"), 0);
}

TEST_F(mongo_store_faults, a_delete_whose_response_is_lost_is_unconfirmed) {
    ASSERT_TRUE(put("a", 0));
    proxy_->lose_next_response("delete");
    const auto removed =
        aio::block_on(store_->remove({.collection = "things", .id = "a", .expected = 1}));
    EXPECT_EQ(removed.error().code, errc::unavailable);
    EXPECT_EQ(removed.error().reason, "write_unconfirmed");
    ASSERT_TRUE(put("a", 0));
    proxy_->lose_next_response("delete");
    EXPECT_TRUE(aio::block_on(store_->remove({.collection = "things", .id = "a"})))
        << "a deletion of any revision is idempotent";
}

TEST_F(mongo_store_faults, a_bulk_whose_response_is_lost_reports_the_applied_writes) {
    ASSERT_TRUE(put("warm", 0));
    proxy_->lose_next_response("insert");
    std::vector<ports::put_request> requests;
    for (const char* id : {"a", "b"}) {
        requests.push_back({.collection = "things", .content = {.id = id}});
    }
    const auto results = aio::block_on(store_->put_bulk(requests));
    ASSERT_TRUE(results) << results.error().text;
    for (const auto& result : *results) EXPECT_EQ(result.value(), 1);
}

TEST_F(mongo_store_faults, reads_continue_on_a_new_connection) {
    ASSERT_TRUE(put("a", 0));
    proxy_->lose_next_response("find");
    EXPECT_EQ(revision_of("a"), 1);
}

TEST_F(mongo_store_faults, disconnects_while_the_server_is_away_and_recovers_without_a_call) {
    selection_timeout_ = 1s;
    store_ = open(proxy_->url("faults"));
    ASSERT_TRUE(put("a", 0));
    proxy_->set_down(true);
    const auto unwritten = put("a", 1);
    EXPECT_EQ(unwritten.error().code, errc::unavailable);
    while (store_->is_connected()) std::this_thread::yield();
    for (int call = 0; call < 100; ++call) {
        EXPECT_EQ(put("a", 1).error().cause, ports::store_cause::not_started);
        EXPECT_EQ(aio::block_on(store_->get("things", "a")).error().cause,
                  ports::store_cause::not_started);
    }
    proxy_->set_down(false);
    wait_until_connected();
    EXPECT_TRUE(put("b", 0));
    EXPECT_EQ(log_.lines_of("mongodb_disconnected").size(), 1u);
    EXPECT_EQ(log_.lines_of("mongodb_reconnected").size(), 1u);
}

TEST_F(mongo_store_faults, a_call_ends_while_the_server_is_suspended) {
    call_timeout_ = 2s;
    selection_timeout_ = 2s;
    store_ = open(proxy_->url("faults"));
    ASSERT_TRUE(put("a", 0));
    server_->suspend();
    const auto unconfirmed = put("a", 1);
    EXPECT_EQ(unconfirmed.error().code, errc::unavailable);
    server_->resume();
    wait_until_connected();
    const auto revision = revision_of("a");
    EXPECT_GE(revision, 1);
    EXPECT_LE(revision, 2) << "the write is applied at most once";
}

TEST_F(mongo_store_faults, many_writers_lose_no_acknowledged_write_while_connections_break) {
    constexpr int writers = 8;
    constexpr int rounds = 20;
    constexpr int documents = 4;
    std::atomic<int> acknowledged{0};
    std::atomic<int> unconfirmed{0};
    for (int number = 0; number < documents; ++number) ASSERT_TRUE(put(std::to_string(number), 0));
    std::vector<std::thread> threads;
    threads.reserve(writers);
    for (int writer = 0; writer < writers; ++writer) {
        threads.emplace_back([&, writer] {
            for (int round = 0; round < rounds; ++round) {
                const auto id = std::to_string((writer + round) % documents);
                const auto present = aio::block_on(store_->get("things", id));
                if (!present) continue;
                if (round == 2 * writer) proxy_->lose_next_response("update");
                const auto written = put(id, present->revision);
                if (written) ++acknowledged;
                if (!written && written.error().reason == "write_unconfirmed") ++unconfirmed;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    wait_until_connected();
    ports::revision sum = 0;
    for (int number = 0; number < documents; ++number) sum += revision_of(std::to_string(number));
    const auto applied = sum - documents;
    EXPECT_GE(applied, acknowledged);
    EXPECT_LE(applied, acknowledged + unconfirmed) << "no write is applied twice";
    EXPECT_GT(acknowledged, 0);
}

TEST_F(mongo_store_faults, several_processes_migrate_the_schema_together) {
    auto target = mongo::make_driver({.url = base::secret(server_->url("migrated"))});
    ASSERT_TRUE(target);
    ASSERT_TRUE(mongo::upgrade_schema(**target, {}));
    std::atomic<int> runs{0};
    const std::vector<mongo::migration> migrations(3, [&](mongo::driver& driver) {
        ++runs;
        auto inserted =
            driver.insert("migrated", mongo::document_writer().text("_id", "x").finish());
        EXPECT_TRUE(inserted || inserted.error().kind == mongo::error_kind::duplicate_key);
        return base::ok();
    });
    std::vector<std::thread> processes;
    processes.reserve(4);
    for (int process = 0; process < 4; ++process) {
        processes.emplace_back([&] {
            const auto upgraded = mongo::upgrade_schema(**target, migrations);
            EXPECT_TRUE(upgraded) << upgraded.error().text;
        });
    }
    for (auto& process : processes) process.join();
    EXPECT_GE(runs, 3);
    const auto older = mongo::upgrade_schema(**target, {});
    EXPECT_EQ(older.error().code, errc::unsupported);
    EXPECT_NE(older.error().text.find("schema version 4, but this program supports up to 1"),
              std::string::npos)
        << older.error().text;
}

TEST_F(mongo_store_faults, a_foreign_schema_document_is_rejected) {
    auto target = mongo::make_driver({.url = base::secret(server_->url("foreign"))});
    ASSERT_TRUE((*target)->insert(std::string(mongo::schema_collection),
                                  mongo::document_writer().text("_id", "schema").finish()));
    const auto store =
        mongo::open_store({.url = base::secret(server_->url("foreign"))}, log_, registry_);
    EXPECT_EQ(store.error().code, errc::corrupt) << store.error().text;
}

TEST_F(mongo_store_faults, a_page_is_read_by_one_command) {
    std::vector<ports::put_request> requests;
    for (int number = 0; number < 300; ++number) {
        requests.push_back(
            {.collection = "things", .content = {.id = fmt::format("{:03}", number), .body = "x"}});
    }
    ASSERT_TRUE(aio::block_on(store_->put_bulk(std::move(requests))));
    const auto before = proxy_->passed("find");
    const auto page = aio::block_on(store_->find({.collection = "things", .limit = 250}));
    ASSERT_TRUE(page);
    EXPECT_EQ(page->items.size(), 250U);
    EXPECT_EQ(page->next, "249");
    const auto rest = aio::block_on(store_->revisions("things", page->next, 1000));
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->items.size(), 50U);
    EXPECT_EQ(rest->next, "");
    EXPECT_EQ(proxy_->passed("find"), before + 2);
    EXPECT_EQ(proxy_->passed("getMore"), 0);
}

}  // namespace
