#pragma once
// The second half of the contract suite of ports::document_store: many writers, documents at the
// limits, and pages during writes. The test of an adapter includes this file, which includes the
// first half.

#include <algorithm>
#include <set>

#include "test/support/document_store_contract.hpp"

namespace fakes {

// Calls `work` with 0 to count - 1, each on its own thread.
template <class Work>
void run_together(int count, const Work& work) {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(count));
    for (int number = 0; number < count; ++number) {
        threads.emplace_back([&work, number] { work(number); });
    }
    for (auto& thread : threads) thread.join();
}

TEST_P(document_store_contract, every_successful_put_of_50_writers_counts_one_revision) {
    constexpr int attempts = 10;
    ASSERT_TRUE(put("a", "", 0));
    std::atomic<int> successes{0}, losses{0}, other_errors{0};
    run_together(50, [&](int writer) {
        for (int attempt = 0; attempt < attempts; ++attempt) {
            const auto present = get("a");
            if (!present) {
                ++other_errors;
                continue;
            }
            const auto written = put("a", std::to_string(writer), present->revision);
            if (written) {
                EXPECT_EQ(*written, present->revision + 1);
                ++successes;
            } else if (written.error().code == base::errc::precondition) {
                ++losses;
            } else {
                ++other_errors;
                ADD_FAILURE() << written.error().text;
            }
        }
    });
    EXPECT_EQ(other_errors, 0);
    EXPECT_EQ(successes + losses, 50 * attempts);
    EXPECT_EQ(get("a")->revision, 1 + successes);
}

TEST_P(document_store_contract, remove_succeeds_for_one_of_many_concurrent_callers) {
    ASSERT_TRUE(put("a", "", 0));
    std::atomic<int> successes{0}, losses{0};
    run_together(8, [&](int) {
        const auto removed = remove("a", 1);
        if (removed) ++successes;
        if (!removed && removed.error().code == base::errc::precondition) ++losses;
    });
    EXPECT_EQ(successes, 1);
    EXPECT_EQ(losses, 7);
}

TEST_P(document_store_contract, put_of_a_taken_unique_value_changes_nothing) {
    ASSERT_TRUE(put("a", "1", 0, {{"k", "old"}}, {{"name", "x"}}));
    ASSERT_TRUE(put("b", "1", 0, {}, {{"name", "y"}}));
    EXPECT_EQ(put("a", "2", 1, {{"k", "new"}}, {{"name", "y"}}).error().cause,
              ports::store_cause::not_unique);
    const auto document = get("a");
    EXPECT_EQ(document->body, "1");
    EXPECT_EQ(document->revision, 1);
    EXPECT_EQ(ids("k", "old", 10), strings{"a"});
    EXPECT_EQ(ids("k", "new", 10), strings{});
    EXPECT_EQ(put("c", "", 0, {}, {{"name", "x"}}).error().cause, ports::store_cause::not_unique)
        << "the old value is still taken";
}

TEST_P(document_store_contract, unique_values_are_independent_of_other_collections) {
    ASSERT_TRUE(put("a", "", 0, {}, {{"name", "x"}}));
    EXPECT_TRUE(aio::block_on(
        store_->put({.collection = "others", .content = {.id = "b", .unique = {{"name", "x"}}}})));
}

TEST_P(document_store_contract, put_bulk_reports_taken_unique_values_and_writes_the_others) {
    ASSERT_TRUE(put("a", "", 0, {}, {{"name", "x"}}));
    const auto results = aio::block_on(store_->put_bulk(
        {{.collection = "things", .content = {.id = "b", .unique = {{"name", "x"}}}},
         {.collection = "things", .content = {.id = "c", .unique = {{"name", "z"}}}},
         {.collection = "others", .content = {.id = "b"}},
         {.collection = "things", .content = {.id = std::string(129, 'x')}},
         {.collection = "things", .content = {.id = "a", .body = "2"}, .expected = 1}}));
    ASSERT_TRUE(results) << results.error().text;
    ASSERT_EQ(results->size(), 5u);
    EXPECT_EQ((*results)[0].error().cause, ports::store_cause::not_unique);
    EXPECT_EQ((*results)[1].value(), 1);
    EXPECT_EQ((*results)[2].value(), 1);
    EXPECT_EQ((*results)[3].error().code, base::errc::limit);
    EXPECT_EQ((*results)[4].value(), 2);
    EXPECT_EQ(ids("", "", 10), (strings{"a", "c"}));
}

TEST_P(document_store_contract, put_bulk_writes_several_hundred_documents) {
    std::vector<ports::put_request> requests;
    requests.reserve(230);
    for (int number = 0; number < 230; ++number) {
        requests.push_back({.collection = "things",
                            .content = {.id = std::to_string(number), .index = {{"all", "yes"}}}});
    }
    for (const ports::revision expected : {0, 1}) {
        for (auto& request : requests) request.expected = expected;
        const auto results = aio::block_on(store_->put_bulk(requests));
        ASSERT_TRUE(results) << results.error().text;
        ASSERT_EQ(results->size(), requests.size());
        for (const auto& result : *results) EXPECT_EQ(result.value(), expected + 1);
    }
    EXPECT_EQ(ids("all", "yes", 100).size(), requests.size());
    EXPECT_TRUE(aio::block_on(store_->put_bulk({})));
}

TEST_P(document_store_contract, documents_at_the_size_limits_keep_every_byte) {
    constexpr std::size_t body_bytes_max = std::size_t(4) << 20;
    const std::string text(body_bytes_max, 'x');
    std::string binary(body_bytes_max, '\0');
    for (std::size_t i = 0; i < binary.size(); ++i) binary[i] = static_cast<char>(i * 7);
    const std::string id(128, 'z');
    ASSERT_TRUE(put(id, text, 0, {{"k", std::string(500, 'v')}}, {{"u", std::string(500, 'w')}}));
    EXPECT_EQ(get(id)->body, text);
    ASSERT_TRUE(put(id, binary, 1, {{"k", "v"}}));
    EXPECT_EQ(get(id)->body, binary);
    std::vector<ports::put_request> requests;
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        requests.push_back(
            {.collection = "things", .content = {.id = name, .body = text, .index = {{"k", "v"}}}});
    }
    const auto results = aio::block_on(store_->put_bulk(requests));
    ASSERT_TRUE(results) << results.error().text;
    for (const auto& result : *results) EXPECT_EQ(result.value(), 1);
    const auto page = aio::block_on(
        store_->find({.collection = "things", .index_name = "k", .index_value = "v", .limit = 10}));
    ASSERT_TRUE(page) << page.error().text;
    ASSERT_EQ(page->items.size(), 6u);
    EXPECT_TRUE(page->items[4].body == text);
    EXPECT_TRUE(page->items[5].body == binary);
}

// The walks over find() and revisions() during writes by another thread.
TEST_P(document_store_contract, a_walk_returns_each_lasting_document_exactly_once_during_writes) {
    constexpr int lasting = 40;
    strings expected;
    for (int number = 0; number < lasting; ++number) {
        expected.push_back("id-" + std::to_string(100 + number));
        ASSERT_TRUE(put(expected.back(), "", 0, {{"k", "v"}}));
    }
    std::atomic<bool> is_stopping{false};
    std::thread writer([&] {
        for (int round = 0; !is_stopping; ++round) {
            const auto id = "id-" + std::to_string(100 + round % lasting) + "-brief";
            if (put(id, "", 0, {{"k", "v"}})) (void)remove(id);
            const auto& changed = expected[static_cast<std::size_t>(round % lasting)];
            if (const auto present = get(changed)) {
                (void)put(changed, "next", present->revision, {{"k", "v"}});
            }
        }
    });
    const auto without_brief = [](strings walk) {
        EXPECT_TRUE(std::ranges::is_sorted(walk));
        std::erase_if(walk, [](const std::string& id) { return id.ends_with("-brief"); });
        return walk;
    };
    for (int round = 0; round < 5; ++round) {
        EXPECT_EQ(without_brief(ids("", "", 3)), expected);
        EXPECT_EQ(without_brief(ids("k", "v", 7)), expected);
        strings walk;
        for (const auto& [id, revision] : revisions(5)) walk.push_back(id);
        EXPECT_EQ(without_brief(walk), expected);
    }
    is_stopping = true;
    writer.join();
}

TEST_P(document_store_contract, revisions_equal_those_of_get) {
    for (int number = 0; number < 20; ++number) {
        const auto id = std::to_string(number);
        ASSERT_TRUE(put(id, "", 0));
        for (int version = 1; version <= number % 4; ++version) {
            ASSERT_TRUE(put(id, "", version));
        }
    }
    const auto walk = revisions(6);
    EXPECT_EQ(walk.size(), 20u);
    for (const auto& [id, revision] : walk) EXPECT_EQ(get(id)->revision, revision) << id;
}

}  // namespace fakes
