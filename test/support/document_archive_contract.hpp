#pragma once
// The contract suite of ports::document_archive. The test of an adapter includes this file:
//   INSTANTIATE_TEST_SUITE_P(sqlite, document_archive_contract, ::testing::Values(make_archive));
// `make_archive` returns an open, empty store. If its server is not installed, it returns nullptr
// and the tests are skipped.

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "aio/block_on.hpp"
#include "ports/document_archive.hpp"

namespace fakes {

using document_archive_factory = std::function<std::unique_ptr<ports::document_archive>()>;

class document_archive_contract : public ::testing::TestWithParam<document_archive_factory> {
  protected:
    using documents = std::vector<ports::document>;

    void SetUp() override {
        archive_ = GetParam()();
        if (!archive_)
            GTEST_SKIP() << "the server is not installed; './dev test --live' installs it";
    }
    base::outcome<void> restore(const std::string& collection, documents values) {
        return aio::block_on(archive_->restore(collection, std::move(values)));
    }
    base::outcome<ports::document> get(const std::string& id) {
        return aio::block_on(archive_->get("things", id));
    }

    // The ids of writes are those of the target.
    static ports::document without_write_id(ports::document source) {
        source.write_id.clear();
        return source;
    }

    std::unique_ptr<ports::document_archive> archive_;
};

TEST_P(document_archive_contract, collections_returns_the_names_in_order) {
    using names = std::vector<std::string>;
    EXPECT_EQ(aio::block_on(archive_->collections()).value(), names{});
    for (const char* name : {"b", "c", "a"}) {
        ASSERT_TRUE(aio::block_on(
            archive_->put({.collection = name, .content = {.id = "x"}, .expected = 0})));
    }
    ASSERT_TRUE(aio::block_on(archive_->remove({.collection = "c", .id = "x"})));
    EXPECT_EQ(aio::block_on(archive_->collections()).value(), (names{"a", "b"}))
        << "a collection without documents is not listed";
}

TEST_P(document_archive_contract, restore_keeps_revisions_and_searchable_values) {
    const ports::document first{.id = "a",
                                .body = std::string("\xff\0x", 3),
                                .index = {{"k", "v"}},
                                .unique = {{"name", "x"}},
                                .revision = 7};
    const ports::document second{.id = "b", .body = "text", .revision = 1};
    ASSERT_TRUE(restore("things", {first, second}));
    EXPECT_EQ(without_write_id(get("a").value()), first);
    EXPECT_EQ(without_write_id(get("b").value()), second);
    const auto page = aio::block_on(
        archive_->find({.collection = "things", .index_name = "k", .index_value = "v"}));
    ASSERT_EQ(page->items.size(), 1u);
    EXPECT_EQ(without_write_id(page->items[0]), first);
    const auto revisions = aio::block_on(archive_->revisions("things", "", 10));
    ASSERT_EQ(revisions->items.size(), 2U);
    EXPECT_EQ(revisions->items[0].revision, 7);
    EXPECT_EQ(revisions->items[1].revision, 1);
    EXPECT_EQ(aio::block_on(archive_->put({.collection = "things",
                                           .content = {.id = "c", .unique = {{"name", "x"}}},
                                           .expected = 0}))
                  .error()
                  .cause,
              ports::store_cause::not_unique);
    EXPECT_EQ(aio::block_on(
                  archive_->put({.collection = "things", .content = {.id = "a"}, .expected = 7}))
                  .value(),
              8);
}

TEST_P(document_archive_contract, restore_rejects_existing_documents_and_unique_values) {
    ASSERT_TRUE(restore("things", {{.id = "a", .unique = {{"name", "x"}}, .revision = 3}}));
    EXPECT_EQ(restore("things", {{.id = "a", .body = "2", .revision = 4}}).error().code,
              base::errc::conflict);
    const auto rejected =
        restore("things", {{.id = "b", .unique = {{"name", "x"}}, .revision = 3}});
    EXPECT_EQ(rejected.error().code, base::errc::conflict);
    EXPECT_EQ(rejected.error().cause, ports::store_cause::not_unique);
    EXPECT_EQ(get("a")->revision, 3);
    EXPECT_EQ(get("b").error().code, base::errc::not_found);
}

TEST_P(document_archive_contract, restore_checks_bounds) {
    EXPECT_EQ(restore("things", {{.id = std::string(129, 'x'), .revision = 1}}).error().code,
              base::errc::limit);
    EXPECT_EQ(restore("things", {{.id = "a", .revision = 0}}).error().code, base::errc::invalid);
    EXPECT_TRUE(restore("things", {}));
}

TEST_P(document_archive_contract, restore_writes_many_documents) {
    documents values;
    values.reserve(1000);
    for (int number = 0; number < 1000; ++number) {
        values.push_back({.id = std::to_string(number), .body = "x", .revision = number + 1});
    }
    ASSERT_TRUE(restore("things", values));
    const auto revisions = aio::block_on(archive_->revisions("things", "", 10'000));
    ASSERT_EQ(revisions->items.size(), values.size());
    for (const auto& item : revisions->items) {
        EXPECT_EQ(std::to_string(item.revision - 1), item.id);
    }
}

}  // namespace fakes
