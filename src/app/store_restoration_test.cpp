#include "app/store_restoration.hpp"

#include <gtest/gtest.h>

#include "aio/block_on.hpp"
#include "app/store_archive.hpp"
#include "app/store_copy.hpp"
#include "test/support/memory_document_store.hpp"

namespace {

using base::errc;

class store_restoration : public ::testing::Test {
  protected:
    void SetUp() override {
        for (const char* name : {"databases", "projects"}) {
            ASSERT_TRUE(aio::block_on(source_.restore(name, {{.id = "a", .revision = 1}})));
        }
    }
    base::outcome<app::store_digest> copy() {
        return aio::block_on(app::copy_store(source_, target_, [this](const std::string&) {
            ++collections_copied_;
            if (collections_copied_ == 1) target_.fail_next(failures_);
        }));
    }
    base::outcome<void> check(ports::document_store& store) {
        return aio::block_on(app::check_complete(store));
    }

    fakes::memory_document_store source_;
    fakes::memory_document_store target_;
    int failures_ = 0;
    int collections_copied_ = 0;
};

TEST_F(store_restoration, a_complete_copy_leaves_no_mark) {
    ASSERT_TRUE(check(target_));
    const auto digest = copy();
    ASSERT_TRUE(digest) << digest.error().text;
    EXPECT_FALSE(digest->contains(std::string(app::restoration_collection)));
    EXPECT_TRUE(check(target_));
    EXPECT_EQ(aio::block_on(target_.collections()).value(),
              (std::vector<std::string>{"databases", "projects"}));
}

TEST_F(store_restoration, a_copy_that_fails_leaves_a_store_that_is_rejected) {
    failures_ = 1;
    EXPECT_EQ(copy().error().code, errc::unavailable);
    const auto rejected = check(target_);
    EXPECT_EQ(rejected.error().code, errc::conflict);
    EXPECT_TRUE(rejected.error().text.starts_with("the store is incomplete"));
    EXPECT_EQ(copy().error().text, "target: " + rejected.error().text);
    EXPECT_EQ(aio::block_on(app::read_archive(target_, false)).error().text, rejected.error().text);
    EXPECT_EQ(aio::block_on(app::restore_archive({}, target_, [](const auto&) {})).error().text,
              rejected.error().text);
    fakes::memory_document_store other;
    EXPECT_EQ(aio::block_on(app::copy_store(target_, other, [](const auto&) {})).error().text,
              "source: " + rejected.error().text);
}

TEST_F(store_restoration, the_marked_store_must_be_empty) {
    const auto rejected = aio::block_on(app::begin_restoration(source_));
    EXPECT_EQ(rejected.error().code, errc::conflict);
    EXPECT_EQ(rejected.error().text,
              "the store holds documents, such as those of the collection 'databases'; use an "
              "empty database or a new file");
}

TEST_F(store_restoration, reports_the_failure_of_a_store) {
    target_.fail_next(1);
    EXPECT_EQ(aio::block_on(app::begin_restoration(target_)).error().code, errc::unavailable);
    target_.fail_next(1);
    EXPECT_EQ(aio::block_on(app::end_restoration(target_)).error().code, errc::unavailable);
    target_.fail_next(1);
    EXPECT_EQ(check(target_).error().code, errc::unavailable);
}

}  // namespace
