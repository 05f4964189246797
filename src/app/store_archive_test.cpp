#include "app/store_archive.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "aio/block_on.hpp"
#include "test/support/memory_document_store.hpp"

namespace {

using base::errc;

class store_archive : public ::testing::Test {
  protected:
    void SetUp() override {
        for (int number = 0; number < 450; ++number) {
            write("databases", {.id = std::to_string(number),
                                .body = R"({"name":"orders","text":"ä\n"})",
                                .index = {{"project", "shop"}},
                                .unique = {{"name", std::to_string(number)}},
                                .revision = number + 1});
        }
        write("api_keys", {.id = "key-1", .body = std::string("\xff\x00\n", 3), .revision = 7});
        write("history", {.id = "db-1/1", .body = "chunk", .revision = 1});
        write("metrics", {.id = "db-1", .body = "{}", .revision = 9});
    }
    void write(const std::string& collection, ports::document document) {
        ASSERT_TRUE(aio::block_on(source_.restore(collection, {std::move(document)})));
    }
    app::store_archive read(bool has_history = false) {
        auto archive = aio::block_on(app::read_archive(source_, has_history));
        EXPECT_TRUE(archive);
        archive->program = "1.0";
        archive->created_at = base::instant(std::chrono::seconds(1'800'000'000));
        return std::move(*archive);
    }
    base::outcome<app::store_digest> restore(app::store_archive archive) {
        return aio::block_on(
            app::restore_archive(std::move(archive), target_, [](const std::string&) {}));
    }

    fakes::memory_document_store source_;
    fakes::memory_document_store target_;
};

TEST_F(store_archive, restores_every_document_with_its_revision) {
    const auto text = app::encode(read());
    auto archive = app::decode_archive(text);
    ASSERT_TRUE(archive) << archive.error().text;
    EXPECT_EQ(archive->program, "1.0");
    EXPECT_EQ(archive->created_at, read().created_at);
    EXPECT_EQ(app::encode(*archive), text);
    const auto digest = restore(std::move(*archive));
    ASSERT_TRUE(digest) << digest.error().text;
    EXPECT_EQ(digest->at("databases").documents, 450U);
    for (const std::string id : {"0", "299", "449"}) {
        auto copied = aio::block_on(target_.get("databases", id)).value();
        auto original = aio::block_on(source_.get("databases", id)).value();
        copied.write_id.clear();  // each store has its own ids of writes
        original.write_id.clear();
        EXPECT_EQ(copied, original);
    }
    EXPECT_EQ(aio::block_on(target_.get("api_keys", "key-1")).value().body,
              std::string("\xff\x00\n", 3));
    EXPECT_FALSE(digest->contains("history"));
    EXPECT_FALSE(digest->contains("metrics"));
}

TEST_F(store_archive, contains_the_history_on_request) {
    const auto archive = read(true);
    EXPECT_TRUE(archive.collections.contains("history"));
    EXPECT_FALSE(archive.collections.contains("metrics"));
}

TEST_F(store_archive, rejects_a_store_that_holds_documents) {
    ASSERT_TRUE(aio::block_on(target_.restore("projects", {{.id = "blog", .revision = 1}})));
    EXPECT_EQ(restore(read()).error().code, errc::conflict);
    EXPECT_EQ(aio::block_on(target_.get("databases", "0")).error().code, errc::not_found);
}

TEST_F(store_archive, rejects_changed_and_truncated_texts) {
    const auto text = app::encode(read());
    for (std::size_t size = 0; size < text.size(); size += 1'013) {
        EXPECT_EQ(app::decode_archive(text.substr(0, size)).error().code, errc::corrupt) << size;
        auto changed = text;
        changed[size] = static_cast<char>(changed[size] ^ 1);
        EXPECT_FALSE(app::decode_archive(changed)) << size;
    }
    EXPECT_EQ(app::decode_archive("").error().code, errc::corrupt);
    EXPECT_EQ(app::decode_archive("\n\n").error().code, errc::corrupt);
}

TEST_F(store_archive, an_empty_store_has_an_archive) {
    fakes::memory_document_store empty;
    const auto archive = aio::block_on(app::read_archive(empty, true)).value();
    const auto decoded = app::decode_archive(app::encode(archive));
    ASSERT_TRUE(decoded) << decoded.error().text;
    EXPECT_TRUE(decoded->collections.empty());
}

TEST_F(store_archive, reports_the_failure_of_a_store) {
    source_.fail_next(1);
    EXPECT_EQ(aio::block_on(app::read_archive(source_, false)).error().code, errc::unavailable);
    auto archive = read();
    target_.fail_next(1);
    EXPECT_EQ(restore(std::move(archive)).error().code, errc::unavailable);
}

}  // namespace
