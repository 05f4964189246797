#include "app/store_copy.hpp"

#include <gtest/gtest.h>

#include "aio/block_on.hpp"
#include "test/support/memory_document_store.hpp"

namespace {

using base::errc;

class store_copy : public ::testing::Test {
  protected:
    void SetUp() override {
        for (int number = 0; number < 450; ++number) {
            write("databases", std::to_string(number), number + 1);
        }
        write("projects", "shop", 3);
    }
    void write(const std::string& collection, const std::string& id, ports::revision revision) {
        ASSERT_TRUE(aio::block_on(source_.restore(collection, {{.id = id,
                                                                .body = "body of " + id,
                                                                .index = {{"project", "shop"}},
                                                                .unique = {{"name", id}},
                                                                .revision = revision}})));
    }
    base::outcome<app::store_digest> copy() {
        return aio::block_on(app::copy_store(
            source_, target_, [this](const std::string& name) { reported_.push_back(name); }));
    }

    fakes::memory_document_store source_;
    fakes::memory_document_store target_;
    std::vector<std::string> reported_;
};

TEST_F(store_copy, copies_every_document_with_its_revision) {
    const auto digest = copy();
    ASSERT_TRUE(digest) << digest.error().text;
    EXPECT_EQ(digest->at("databases").documents, 450u);
    EXPECT_EQ(digest->at("projects").bytes, 12u);
    EXPECT_EQ(reported_, (std::vector<std::string>{"databases", "projects"}));
    for (const std::string id : {"0", "299", "449"}) {
        auto copied = aio::block_on(target_.get("databases", id)).value();
        auto original = aio::block_on(source_.get("databases", id)).value();
        copied.write_id.clear();  // each store has its own ids of writes
        original.write_id.clear();
        EXPECT_EQ(copied, original);
    }
    EXPECT_EQ(aio::block_on(app::read_digest(target_)).value(), *digest);
}

TEST_F(store_copy, rejects_a_target_that_holds_documents) {
    ASSERT_TRUE(aio::block_on(target_.restore("projects", {{.id = "blog", .revision = 1}})));
    const auto rejected = copy();
    EXPECT_EQ(rejected.error().code, errc::conflict);
    EXPECT_NE(rejected.error().text.find("use an empty database or a new file"), std::string::npos);
    EXPECT_EQ(aio::block_on(target_.get("databases", "0")).error().code, errc::not_found);
}

TEST_F(store_copy, reports_the_failure_of_a_store) {
    source_.fail_next(1);
    EXPECT_EQ(copy().error().code, errc::unavailable);
    target_.fail_next(1);
    EXPECT_EQ(copy().error().code, errc::unavailable);
}

TEST_F(store_copy, the_digest_covers_ids_revisions_bodies_and_values) {
    const ports::document document{
        .id = "a", .body = "b", .index = {{"k", "v"}}, .unique = {{"u", "w"}}, .revision = 2};
    const auto digest_of = [](const ports::document& content) {
        fakes::memory_document_store store;
        EXPECT_TRUE(aio::block_on(store.restore("things", {content})));
        return aio::block_on(app::read_digest(store)).value();
    };
    const auto digest = digest_of(document);
    EXPECT_EQ(digest, digest_of(document));
    const auto differs = [&](auto change) {
        auto changed = document;
        change(changed);
        return digest != digest_of(changed);
    };
    EXPECT_TRUE(differs([](auto& changed) { changed.id = "c"; }));
    EXPECT_TRUE(differs([](auto& changed) { changed.body = "c"; }));
    EXPECT_TRUE(differs([](auto& changed) { changed.revision = 3; }));
    EXPECT_TRUE(differs([](auto& changed) { changed.index = {{"k", "w"}}; }));
    EXPECT_TRUE(differs([](auto& changed) { changed.index = {{"kv", ""}}; }));
    EXPECT_TRUE(differs([](auto& changed) { changed.unique.clear(); }));
}

}  // namespace
