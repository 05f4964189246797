#pragma once
// The contract suite of ports::document_store. The test of an adapter includes this file:
//   INSTANTIATE_TEST_SUITE_P(sqlite, document_store_contract, ::testing::Values(make_store));
// `make_store` returns an open, empty store. If its server is not installed, it returns nullptr and
// the tests are skipped. The store must not need a running loop of the test.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "aio/block_on.hpp"
#include "ports/document_store.hpp"

namespace fakes {

using document_store_factory = std::function<std::unique_ptr<ports::document_store>()>;

class document_store_contract : public ::testing::TestWithParam<document_store_factory> {
  protected:
    void SetUp() override {
        store_ = GetParam()();
        if (!store_) GTEST_SKIP() << "the server is not installed; './dev test --live' installs it";
    }

    base::outcome<ports::revision> put(std::string id, std::string body, ports::revision expected,
                                       std::map<std::string, std::string> index = {},
                                       std::map<std::string, std::string> unique = {}) {
        return aio::block_on(store_->put({.collection = "things",
                                          .content = {.id = std::move(id),
                                                      .body = std::move(body),
                                                      .index = std::move(index),
                                                      .unique = std::move(unique)},
                                          .expected = expected}));
    }
    base::outcome<ports::document> get(std::string id) {
        return aio::block_on(store_->get("things", std::move(id)));
    }
    base::outcome<void> remove(std::string id, ports::revision expected = 0) {
        return aio::block_on(
            store_->remove({.collection = "things", .id = std::move(id), .expected = expected}));
    }
    // Returns the ids of all pages of a find.
    std::vector<std::string> ids(std::string index_name, std::string index_value,
                                 std::size_t limit) {
        std::vector<std::string> result;
        ports::page_request request{.collection = "things",
                                    .index_name = std::move(index_name),
                                    .index_value = std::move(index_value),
                                    .limit = limit};
        do {
            const auto page = aio::block_on(store_->find(request));
            if (!page) return {"failed: " + page.error().text};
            EXPECT_LE(page->items.size(), limit);
            for (const auto& item : page->items) result.push_back(item.id);
            request.after = page->next;
        } while (!request.after.empty());
        return result;
    }

    using pairs = std::vector<std::pair<std::string, ports::revision>>;
    // Returns the pairs of all pages of revisions().
    pairs revisions(std::size_t limit) {
        pairs result;
        std::string after;
        do {
            const auto page = aio::block_on(store_->revisions("things", after, limit));
            if (!page) return {{"failed: " + page.error().text, 0}};
            EXPECT_LE(page->items.size(), limit);
            for (const auto& item : page->items) result.emplace_back(item.id, item.revision);
            after = page->next;
        } while (!after.empty());
        return result;
    }

    std::unique_ptr<ports::document_store> store_;
};

using strings = std::vector<std::string>;

TEST_P(document_store_contract, put_counts_revisions_from_one) {
    EXPECT_EQ(put("a", "1", 0).value(), 1);
    EXPECT_EQ(put("a", "2", 1).value(), 2);
    const auto document = get("a");
    ASSERT_TRUE(document);
    EXPECT_EQ(document->body, "2");
    EXPECT_EQ(document->revision, 2);
}

TEST_P(document_store_contract, get_returns_every_byte_that_was_put) {
    std::string body;
    for (int i = 0; i < 1024; ++i) body += static_cast<char>(i);
    ASSERT_TRUE(put("a", body, 0, {{"k", "v\"'%_"}}, {{"u", "x/y"}}));
    const auto document = get("a");
    ASSERT_TRUE(document);
    EXPECT_EQ(document->body, body);
    EXPECT_EQ(document->index.at("k"), "v\"'%_");
    EXPECT_EQ(document->unique.at("u"), "x/y");
}

TEST_P(document_store_contract, put_with_an_old_revision_is_a_precondition_error) {
    ASSERT_TRUE(put("a", "1", 0));
    ASSERT_TRUE(put("a", "2", 1));
    EXPECT_EQ(put("a", "3", 1).error().code, base::errc::precondition);
    EXPECT_EQ(put("a", "3", 0).error().code, base::errc::precondition);
    EXPECT_EQ(put("b", "3", 1).error().code, base::errc::precondition);
    EXPECT_EQ(get("a")->body, "2");
}

TEST_P(document_store_contract, get_of_a_missing_document_is_not_found) {
    EXPECT_EQ(get("a").error().code, base::errc::not_found);
}

TEST_P(document_store_contract, put_of_a_unique_value_of_another_document_is_a_conflict) {
    ASSERT_TRUE(put("a", "", 0, {}, {{"name", "shop/orders"}}));
    const auto second = put("b", "", 0, {}, {{"name", "shop/orders"}});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::errc::conflict);
    EXPECT_EQ(second.error().cause, ports::store_cause::not_unique);
    EXPECT_EQ(get("b").error().code, base::errc::not_found);
    EXPECT_TRUE(put("a", "again", 1, {}, {{"name", "shop/orders"}}))
        << "a document may keep its own value";
    EXPECT_TRUE(put("b", "", 0, {}, {{"other", "shop/orders"}}))
        << "values of different names are independent";
}

TEST_P(document_store_contract, put_and_remove_release_unique_values) {
    ASSERT_TRUE(put("a", "", 0, {}, {{"name", "x"}}));
    ASSERT_TRUE(put("a", "", 1, {}, {{"name", "y"}}));
    EXPECT_TRUE(put("b", "", 0, {}, {{"name", "x"}}));
    ASSERT_TRUE(remove("a"));
    EXPECT_TRUE(put("c", "", 0, {}, {{"name", "y"}}));
}

TEST_P(document_store_contract, find_returns_pages_in_the_order_of_ids) {
    for (const char* id : {"c", "a", "e", "b", "d"}) ASSERT_TRUE(put(id, "", 0));
    EXPECT_EQ(ids("", "", 2), (strings{"a", "b", "c", "d", "e"}));
    EXPECT_EQ(ids("", "", 5), (strings{"a", "b", "c", "d", "e"}));
    EXPECT_EQ(ids("", "", 100), (strings{"a", "b", "c", "d", "e"}));
}

TEST_P(document_store_contract, find_returns_the_documents_of_an_index_value) {
    ASSERT_TRUE(put("a", "", 0, {{"project", "shop"}}));
    ASSERT_TRUE(put("b", "", 0, {{"project", "blog"}}));
    ASSERT_TRUE(put("c", "", 0, {{"project", "shop"}, {"engine", "redis"}}));
    EXPECT_EQ(ids("project", "shop", 1), (strings{"a", "c"}));
    EXPECT_EQ(ids("engine", "redis", 1), (strings{"c"}));
    EXPECT_EQ(ids("engine", "mysql", 1), strings{});
    ASSERT_TRUE(put("a", "", 1, {{"project", "blog"}}));
    EXPECT_EQ(ids("project", "shop", 10), (strings{"c"}));
    EXPECT_EQ(ids("project", "blog", 10), (strings{"a", "b"}));
}

TEST_P(document_store_contract, find_skips_nothing_when_documents_change_between_pages) {
    for (const char* id : {"a", "b", "c", "d"}) ASSERT_TRUE(put(id, "", 0));
    const auto first = aio::block_on(store_->find({.collection = "things", .limit = 2}));
    ASSERT_TRUE(first);
    ASSERT_TRUE(remove("a"));
    ASSERT_TRUE(put("aa", "", 0));
    const auto second =
        aio::block_on(store_->find({.collection = "things", .after = first->next, .limit = 2}));
    ASSERT_TRUE(second);
    ASSERT_EQ(second->items.size(), 2u);
    EXPECT_EQ(second->items[0].id, "c");
    EXPECT_EQ(second->items[1].id, "d");
}

TEST_P(document_store_contract, revisions_returns_pages_in_the_order_of_ids) {
    for (const char* id : {"c", "a", "b"}) ASSERT_TRUE(put(id, "", 0));
    ASSERT_TRUE(put("b", "next", 1));
    EXPECT_EQ(revisions(2), (pairs{{"a", 1}, {"b", 2}, {"c", 1}}));
    EXPECT_EQ(revisions(3), (pairs{{"a", 1}, {"b", 2}, {"c", 1}}));
    EXPECT_EQ(revisions(10'000), (pairs{{"a", 1}, {"b", 2}, {"c", 1}}));
}

TEST_P(document_store_contract, revisions_is_empty_for_an_empty_collection) {
    EXPECT_EQ(revisions(10), pairs{});
    ASSERT_TRUE(aio::block_on(
        store_->put({.collection = "others", .content = {.id = "a"}, .expected = 0})));
    EXPECT_EQ(revisions(10), pairs{});
}

TEST_P(document_store_contract, revisions_omits_deleted_documents) {
    for (const char* id : {"a", "b"}) ASSERT_TRUE(put(id, "", 0));
    ASSERT_TRUE(remove("a"));
    EXPECT_EQ(revisions(10), (pairs{{"b", 1}}));
    ASSERT_TRUE(put("a", "again", 0));
    EXPECT_EQ(revisions(10), (pairs{{"a", 1}, {"b", 1}}));
}

TEST_P(document_store_contract, write_ids_distinguish_a_document_that_was_created_again) {
    const auto version = [this]() -> ports::document_revision {
        auto page = aio::block_on(store_->revisions("things", "", 10));
        if (!page || page->items.size() != 1) return {};
        return page->items.front();
    };
    ASSERT_TRUE(put("a", "one", 0));
    const auto first = version();
    EXPECT_EQ(get("a")->write_id, first.write_id);
    ASSERT_TRUE(remove("a"));
    ASSERT_TRUE(put("a", "two", 0));
    EXPECT_EQ(version().revision, first.revision);
    if (first.write_id.empty()) GTEST_SKIP() << "a store of one process keeps no ids of writes";
    EXPECT_NE(version().write_id, first.write_id);

    ports::put_request request{.collection = "things",
                               .content = {.id = "a", .body = "three"},
                               .expected = 1,
                               .expected_write_id = first.write_id,
                               .write_id = "abc"};
    EXPECT_EQ(aio::block_on(store_->put(request)).error().code, base::errc::precondition);
    ports::delete_request deletion{
        .collection = "things", .id = "a", .expected = 1, .expected_write_id = first.write_id};
    EXPECT_EQ(aio::block_on(store_->remove(deletion)).error().code, base::errc::precondition);
    EXPECT_EQ(get("a")->body, "two");
    request.expected_write_id = version().write_id;
    EXPECT_EQ(aio::block_on(store_->put(request)).value(), 2);
    EXPECT_EQ(version().write_id, "abc");
    deletion.expected = 2;
    deletion.expected_write_id = "abc";
    EXPECT_TRUE(aio::block_on(store_->remove(deletion)));
}

TEST_P(document_store_contract, revisions_skips_nothing_when_documents_change_between_pages) {
    for (const char* id : {"a", "b", "c", "d"}) ASSERT_TRUE(put(id, "", 0));
    const auto first = aio::block_on(store_->revisions("things", "", 2));
    ASSERT_TRUE(first);
    EXPECT_EQ(first->next, "b");
    ASSERT_TRUE(remove("b"));
    ASSERT_TRUE(put("aa", "", 0));
    ASSERT_TRUE(put("d", "next", 1));
    const auto second = aio::block_on(store_->revisions("things", first->next, 2));
    ASSERT_TRUE(second);
    ASSERT_EQ(second->items.size(), 2U);
    EXPECT_EQ(second->items[0].id, "c");
    EXPECT_EQ(second->items[1].id, "d");
    EXPECT_EQ(second->items[1].revision, 2);
    EXPECT_EQ(second->next, "");
}

TEST_P(document_store_contract, revisions_with_a_limit_out_of_bounds_is_invalid) {
    for (const std::size_t limit : {std::size_t(0), std::size_t(10'001)}) {
        const auto page = aio::block_on(store_->revisions("things", "", limit));
        EXPECT_EQ(page.error().code, base::errc::invalid) << limit;
    }
}

TEST_P(document_store_contract, collections_are_independent) {
    ASSERT_TRUE(put("a", "1", 0));
    EXPECT_EQ(aio::block_on(store_->get("others", "a")).error().code, base::errc::not_found);
}

TEST_P(document_store_contract, remove_with_an_old_revision_is_a_precondition_error) {
    ASSERT_TRUE(put("a", "1", 0));
    EXPECT_EQ(remove("a", 7).error().code, base::errc::precondition);
    EXPECT_TRUE(remove("a", 1));
    EXPECT_EQ(get("a").error().code, base::errc::not_found);
    EXPECT_TRUE(remove("a")) << "remove() of a missing document succeeds";
    EXPECT_EQ(remove("a", 1).error().code, base::errc::precondition);
    EXPECT_EQ(put("a", "2", 0).value(), 1);
}

TEST_P(document_store_contract, put_bulk_returns_one_result_per_request) {
    ASSERT_TRUE(put("a", "1", 0));
    std::vector<ports::put_request> requests;
    for (const auto& [id, expected] :
         std::vector<std::pair<std::string, ports::revision>>{{"a", 1}, {"b", 3}, {"c", 0}}) {
        requests.push_back(
            {.collection = "things", .content = {.id = id, .body = "bulk"}, .expected = expected});
    }
    const auto results = aio::block_on(store_->put_bulk(std::move(requests)));
    ASSERT_TRUE(results);
    ASSERT_EQ(results->size(), 3u);
    EXPECT_EQ((*results)[0].value(), 2);
    EXPECT_EQ((*results)[1].error().code, base::errc::precondition);
    EXPECT_EQ((*results)[2].value(), 1);
    EXPECT_EQ(get("c")->body, "bulk");
}

TEST_P(document_store_contract, put_of_an_id_or_body_out_of_bounds_is_a_limit_error) {
    EXPECT_EQ(put(std::string(129, 'x'), "", 0).error().code, base::errc::limit);
    EXPECT_EQ(put("", "", 0).error().code, base::errc::limit);
    EXPECT_EQ(put("a", std::string((std::size_t(4) << 20) + 1, 'x'), 0).error().code,
              base::errc::limit);
    EXPECT_TRUE(put(std::string(128, 'x'), "", 0));
}

TEST_P(document_store_contract, put_succeeds_for_one_of_many_concurrent_writers) {
    ASSERT_TRUE(put("a", "0", 0));
    std::atomic<int> wins{0}, losses{0};
    std::vector<std::thread> writers;
    writers.reserve(8);
    for (int w = 0; w < 8; ++w) {
        writers.emplace_back([&] {
            const auto written = put("a", "x", 1);
            if (written) ++wins;
            if (!written && written.error().code == base::errc::precondition) ++losses;
        });
    }
    for (auto& writer : writers) writer.join();
    EXPECT_EQ(wins, 1);
    EXPECT_EQ(losses, 7);
    EXPECT_EQ(get("a")->revision, 2);
}

TEST_P(document_store_contract,
       put_of_one_unique_value_succeeds_for_one_of_many_concurrent_writers) {
    std::atomic<int> wins{0};
    std::vector<std::thread> writers;
    writers.reserve(8);
    for (int w = 0; w < 8; ++w) {
        writers.emplace_back([&, w] {
            if (put("id-" + std::to_string(w), "", 0, {}, {{"name", "x"}})) ++wins;
        });
    }
    for (auto& writer : writers) writer.join();
    EXPECT_EQ(wins, 1);
    EXPECT_EQ(ids("", "", 100).size(), 1u);
}

TEST_P(document_store_contract, calls_after_close_are_unavailable) {
    ASSERT_TRUE(put("a", "1", 0));
    EXPECT_TRUE(store_->is_connected());
    ASSERT_TRUE(aio::block_on(store_->close()));
    EXPECT_FALSE(store_->is_connected());
    EXPECT_EQ(put("a", "2", 1).error().code, base::errc::unavailable);
    EXPECT_EQ(get("a").error().code, base::errc::unavailable);
    EXPECT_EQ(aio::block_on(store_->revisions("things", "", 10)).error().code,
              base::errc::unavailable);
}

}  // namespace fakes
