#pragma once
// What every ports::document_store must do. An adapter's test includes this and says
//   INSTANTIATE_TEST_SUITE_P(sqlite, document_store_contract, ::testing::Values(make_it));
// where make_it returns an open, empty store; the store must not need a running loop of the test's.

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
    void SetUp() override { store_ = GetParam()(); }

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
    // The ids of all pages of a find.
    std::vector<std::string> ids(std::string index_name, std::string index_value,
                                 std::size_t limit) {
        std::vector<std::string> found;
        ports::page_request request{.collection = "things",
                                    .index_name = std::move(index_name),
                                    .index_value = std::move(index_value),
                                    .limit = limit};
        do {
            const auto page = aio::block_on(store_->find(request));
            if (!page) return {"failed: " + page.error().text};
            EXPECT_LE(page->items.size(), limit);
            for (const auto& item : page->items) found.push_back(item.id);
            request.after = page->next;
        } while (!request.after.empty());
        return found;
    }

    using pairs = std::vector<std::pair<std::string, ports::revision>>;
    // The pairs of all pages of revisions().
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

TEST_P(document_store_contract, counts_revisions_from_one) {
    EXPECT_EQ(put("a", "1", 0).value(), 1);
    EXPECT_EQ(put("a", "2", 1).value(), 2);
    const auto held = get("a");
    ASSERT_TRUE(held);
    EXPECT_EQ(held->body, "2");
    EXPECT_EQ(held->revision, 2);
}

TEST_P(document_store_contract, gives_back_every_byte) {
    std::string body;
    for (int i = 0; i < 1024; ++i) body += static_cast<char>(i);
    ASSERT_TRUE(put("a", body, 0, {{"k", "v\"'%_"}}, {{"u", "x/y"}}));
    const auto held = get("a");
    ASSERT_TRUE(held);
    EXPECT_EQ(held->body, body);
    EXPECT_EQ(held->index.at("k"), "v\"'%_");
    EXPECT_EQ(held->unique.at("u"), "x/y");
}

TEST_P(document_store_contract, refuses_a_stale_revision) {
    ASSERT_TRUE(put("a", "1", 0));
    ASSERT_TRUE(put("a", "2", 1));
    EXPECT_EQ(put("a", "3", 1).error().code, base::errc::precondition);
    EXPECT_EQ(put("a", "3", 0).error().code, base::errc::precondition);
    EXPECT_EQ(put("b", "3", 1).error().code, base::errc::precondition);
    EXPECT_EQ(get("a")->body, "2");
}

TEST_P(document_store_contract, says_what_is_not_there) {
    EXPECT_EQ(get("a").error().code, base::errc::not_found);
}

TEST_P(document_store_contract, keeps_unique_values_apart) {
    ASSERT_TRUE(put("a", "", 0, {}, {{"name", "shop/orders"}}));
    const auto second = put("b", "", 0, {}, {{"name", "shop/orders"}});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::errc::conflict);
    EXPECT_EQ(second.error().reason, "unique:name");
    EXPECT_EQ(get("b").error().code, base::errc::not_found);
    EXPECT_TRUE(put("a", "again", 1, {}, {{"name", "shop/orders"}}))
        << "its own value is not taken";
    EXPECT_TRUE(put("b", "", 0, {}, {{"other", "shop/orders"}})) << "another name is another value";
}

TEST_P(document_store_contract, frees_unique_values_that_are_given_up) {
    ASSERT_TRUE(put("a", "", 0, {}, {{"name", "x"}}));
    ASSERT_TRUE(put("a", "", 1, {}, {{"name", "y"}}));
    EXPECT_TRUE(put("b", "", 0, {}, {{"name", "x"}}));
    ASSERT_TRUE(remove("a"));
    EXPECT_TRUE(put("c", "", 0, {}, {{"name", "y"}}));
}

TEST_P(document_store_contract, pages_in_the_order_of_ids) {
    for (const char* id : {"c", "a", "e", "b", "d"}) ASSERT_TRUE(put(id, "", 0));
    EXPECT_EQ(ids("", "", 2), (strings{"a", "b", "c", "d", "e"}));
    EXPECT_EQ(ids("", "", 5), (strings{"a", "b", "c", "d", "e"}));
    EXPECT_EQ(ids("", "", 100), (strings{"a", "b", "c", "d", "e"}));
}

TEST_P(document_store_contract, finds_by_one_index_value) {
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

TEST_P(document_store_contract, skips_nothing_when_documents_change_between_pages) {
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

TEST_P(document_store_contract, lists_revisions_in_the_order_of_ids) {
    for (const char* id : {"c", "a", "b"}) ASSERT_TRUE(put(id, "", 0));
    ASSERT_TRUE(put("b", "next", 1));
    EXPECT_EQ(revisions(2), (pairs{{"a", 1}, {"b", 2}, {"c", 1}}));
    EXPECT_EQ(revisions(3), (pairs{{"a", 1}, {"b", 2}, {"c", 1}}));
    EXPECT_EQ(revisions(10'000), (pairs{{"a", 1}, {"b", 2}, {"c", 1}}));
}

TEST_P(document_store_contract, lists_no_revisions_of_an_empty_or_another_collection) {
    EXPECT_EQ(revisions(10), pairs{});
    ASSERT_TRUE(aio::block_on(
        store_->put({.collection = "others", .content = {.id = "a"}, .expected = 0})));
    EXPECT_EQ(revisions(10), pairs{});
}

TEST_P(document_store_contract, lists_no_revision_of_a_deleted_document) {
    for (const char* id : {"a", "b"}) ASSERT_TRUE(put(id, "", 0));
    ASSERT_TRUE(remove("a"));
    EXPECT_EQ(revisions(10), (pairs{{"b", 1}}));
    ASSERT_TRUE(put("a", "again", 0));
    EXPECT_EQ(revisions(10), (pairs{{"a", 1}, {"b", 1}}));
}

TEST_P(document_store_contract, skips_no_revision_when_documents_change_between_pages) {
    for (const char* id : {"a", "b", "c", "d"}) ASSERT_TRUE(put(id, "", 0));
    const auto first = aio::block_on(store_->revisions("things", "", 2));
    ASSERT_TRUE(first);
    EXPECT_EQ(first->next, "b");
    ASSERT_TRUE(remove("b"));
    ASSERT_TRUE(put("aa", "", 0));
    ASSERT_TRUE(put("d", "next", 1));
    const auto second = aio::block_on(store_->revisions("things", first->next, 2));
    ASSERT_TRUE(second);
    EXPECT_EQ(second->items, (std::vector<ports::document_revision>{{"c", 1}, {"d", 2}}));
    EXPECT_EQ(second->next, "");
}

TEST_P(document_store_contract, rejects_a_limit_of_revisions_out_of_bounds) {
    for (const std::size_t limit : {std::size_t(0), std::size_t(10'001)}) {
        const auto page = aio::block_on(store_->revisions("things", "", limit));
        EXPECT_EQ(page.error().code, base::errc::invalid) << limit;
    }
}

TEST_P(document_store_contract, keeps_collections_apart) {
    ASSERT_TRUE(put("a", "1", 0));
    EXPECT_EQ(aio::block_on(store_->get("others", "a")).error().code, base::errc::not_found);
}

TEST_P(document_store_contract, removes_under_a_precondition) {
    ASSERT_TRUE(put("a", "1", 0));
    EXPECT_EQ(remove("a", 7).error().code, base::errc::precondition);
    EXPECT_TRUE(remove("a", 1));
    EXPECT_EQ(get("a").error().code, base::errc::not_found);
    EXPECT_TRUE(remove("a")) << "removing what is not there is fine";
    EXPECT_EQ(remove("a", 1).error().code, base::errc::precondition);
    EXPECT_EQ(put("a", "2", 0).value(), 1);
}

TEST_P(document_store_contract, answers_each_request_of_a_bulk_on_its_own) {
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

TEST_P(document_store_contract, limits_ids_and_bodies) {
    EXPECT_EQ(put(std::string(129, 'x'), "", 0).error().code, base::errc::limit);
    EXPECT_EQ(put("", "", 0).error().code, base::errc::limit);
    EXPECT_EQ(put("a", std::string((std::size_t(4) << 20) + 1, 'x'), 0).error().code,
              base::errc::limit);
    EXPECT_TRUE(put(std::string(128, 'x'), "", 0));
}

TEST_P(document_store_contract, lets_exactly_one_of_many_writers_win) {
    ASSERT_TRUE(put("a", "0", 0));
    std::atomic<int> wins{0}, losses{0};
    std::vector<std::thread> writers;
    for (int w = 0; w < 8; ++w) {
        writers.emplace_back([&] {
            const auto done = put("a", "x", 1);
            if (done) ++wins;
            if (!done && done.error().code == base::errc::precondition) ++losses;
        });
    }
    for (auto& writer : writers) writer.join();
    EXPECT_EQ(wins, 1);
    EXPECT_EQ(losses, 7);
    EXPECT_EQ(get("a")->revision, 2);
}

TEST_P(document_store_contract, gives_a_unique_value_to_one_of_many) {
    std::atomic<int> wins{0};
    std::vector<std::thread> writers;
    for (int w = 0; w < 8; ++w) {
        writers.emplace_back([&, w] {
            if (put("id-" + std::to_string(w), "", 0, {}, {{"name", "x"}})) ++wins;
        });
    }
    for (auto& writer : writers) writer.join();
    EXPECT_EQ(wins, 1);
    EXPECT_EQ(ids("", "", 100).size(), 1u);
}

TEST_P(document_store_contract, answers_unavailable_after_close) {
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
