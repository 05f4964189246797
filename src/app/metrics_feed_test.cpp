#include "app/metrics_feed.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace {

using namespace std::chrono_literals;
using base::errc;

// A store some of whose documents cannot be decoded.
class damaged_store final : public ports::document_store {
  public:
    explicit damaged_store(ports::document_store& store) : store_(store) {}
    aio::task<ports::revision> put(ports::put_request request) override {
        return store_.put(std::move(request));
    }
    aio::task<std::vector<base::outcome<ports::revision>>> put_bulk(
        std::vector<ports::put_request> requests) override {
        return store_.put_bulk(std::move(requests));
    }
    aio::task<ports::document> get(std::string collection, std::string id) override {
        if (damaged.contains(id)) co_return base::fail(errc::corrupt, id + " has no rev");
        co_return co_await store_.get(std::move(collection), std::move(id));
    }
    aio::task<ports::page> find(ports::page_request request) override {
        ++finds;
        auto page = co_await store_.find(std::move(request));
        if (!page) co_return page;
        for (const auto& document : page->items) {
            if (damaged.contains(document.id)) {
                co_return base::fail(errc::corrupt, document.id + " has no rev");
            }
        }
        co_return page;
    }
    aio::task<ports::revision_page> revisions(std::string collection, std::string after,
                                              std::size_t limit) override {
        return store_.revisions(std::move(collection), std::move(after), limit);
    }
    aio::task<void> remove(ports::delete_request request) override {
        damaged.erase(request.id);
        return store_.remove(std::move(request));
    }
    [[nodiscard]] bool is_connected() const noexcept override { return store_.is_connected(); }
    aio::task<void> close() override { return store_.close(); }

    std::set<std::string> damaged;
    int finds = 0;

  private:
    ports::document_store& store_;
};

class metrics_feed : public testing::Test {
  protected:
    // Stores a sample of the database `id`.
    void store_sample(const std::string& id) {
        auto sample = std::make_shared<domain::metrics_sample>();
        sample->observed_at = clock_.utc_now();
        const auto stored = fakes::poll_until_done<ports::revision>(loop_, [&] {
            return memory_.put(
                {.collection = "metrics",
                 .content = {.id = id,
                             .body = app::encode(app::stored_metrics{
                                 .sample = sample, .state = app::metrics_state::fresh})}});
        });
        EXPECT_TRUE(stored);
    }
    void cache_database(const std::string& id) {
        cache_.put(std::make_shared<const domain::database>(domain::database{
                       .id = id, .project = "shop", .name = id, .engine = "redis", .revision = 1}),
                   app::record_origin::start);
    }
    base::outcome<void> run(std::function<aio::task<>()> work) {
        return fakes::poll_until_done<void>(loop_, std::move(work));
    }
    [[nodiscard]] bool has_sample(const std::string& id) {
        return cache_.find(id)->sample != nullptr;
    }
    [[nodiscard]] std::size_t unreadable() const {
        return log_.lines_of("metrics_sync_document_unreadable").size();
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store memory_;
    damaged_store store_{memory_};
    fakes::recording_log log_;
    obs::registry registry_;
    app::probe probe_{registry_};
    app::state_cache cache_{clock_, 10s};
    app::history_store history_{store_, clock_, log_, probe_, {}};
    app::ownership owner_{{.clock = clock_, .log = log_}, {.replica = "first"}};
    app::metrics_feed feed_{{.executor = loop_.executor(),
                             .store = store_,
                             .cache = cache_,
                             .history = history_,
                             .owner = owner_,
                             .clock = clock_,
                             .log = log_,
                             .probe = probe_},
                            {.replica = "first"}};
};

TEST_F(metrics_feed, skips_damaged_documents_and_reads_the_others) {
    for (int number = 0; number < 1200; ++number) {
        const auto id = fmt::format("db-{:04}", number);
        cache_database(id);
        store_sample(id);
    }
    store_sample("aa-deleted");  // no database of the cache
    store_sample("db-0600-deleted");
    store_.damaged = {"aa-deleted", "db-0000", "db-0600", "db-0600-deleted", "db-1199"};
    ASSERT_TRUE(run([&] { return feed_.read(); }));
    int samples = 0;
    for (const auto& [id, database] : cache_.databases()) samples += database.sample ? 1 : 0;
    EXPECT_EQ(samples, 1197);
    EXPECT_FALSE(has_sample("db-0600"));
    EXPECT_EQ(unreadable(), 3U) << "one line for each database";
    EXPECT_LT(store_.finds, 120);
    ASSERT_TRUE(run([&] { return feed_.read(); }));
    EXPECT_EQ(unreadable(), 3U) << "the next read does not repeat the lines";
}

TEST_F(metrics_feed, replaces_damaged_documents_of_owned_databases) {
    cache_database("db-1");
    store_sample("db-1");
    store_.damaged = {"db-1"};
    feed_.publish("db-1");
    ASSERT_TRUE(run([&] { return feed_.flush(); })) << "learns that the document is damaged";
    EXPECT_EQ(unreadable(), 1U);
    ASSERT_TRUE(run([&] { return feed_.flush(); }));
    EXPECT_EQ(store_.damaged.size(), 0U);
    EXPECT_TRUE(run([&] { return feed_.read(); }));
    const auto stored = fakes::poll_until_done<ports::document>(
        loop_, [&] { return store_.get("metrics", "db-1"); });
    EXPECT_TRUE(stored);
}

TEST_F(metrics_feed, reports_a_store_that_is_away) {
    memory_.fail_next(1);
    const auto read = run([&] { return feed_.read(); });
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, errc::unavailable);
}

}  // namespace
