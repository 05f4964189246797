#include "app/document_walk.hpp"

#include <gtest/gtest.h>

namespace {

using ids = std::vector<std::string>;
using known = std::map<std::string, ports::document_version>;

TEST(differing_ids, returns_nothing_for_equal_contents) {
    EXPECT_EQ(app::differing_ids({}, {}, ""), ids{});
    EXPECT_EQ(app::differing_ids({{"a", {1}}, {"b", {2}}}, {.items = {{"a", 1}, {"b", 2}}}, ""),
              ids{});
}

TEST(differing_ids, returns_new_changed_and_deleted_ids_in_order) {
    const known versions{{"a", {1}}, {"b", {2}}, {"d", {4}}, {"e", {5}}};
    const ports::revision_page page{.items = {{"a", 1}, {"b", 3}, {"c", 1}, {"e", 5}}};
    EXPECT_EQ(app::differing_ids(versions, page, ""), (ids{"b", "c", "d"}));
}

TEST(differing_ids, returns_a_record_whose_revision_went_back) {
    EXPECT_EQ(app::differing_ids({{"a", {7}}}, {.items = {{"a", 1}}}, ""), ids{"a"});
}

TEST(differing_ids, returns_a_document_that_was_deleted_and_created_again) {
    const known versions{{"a", {1, "x"}}, {"b", {1, "x"}}, {"c", {1}}, {"d", {1, "x"}}};
    const ports::revision_page page{
        .items = {{"a", 1, "y"}, {"b", 1, "x"}, {"c", 1, "y"}, {"d", 1}}};
    EXPECT_EQ(app::differing_ids(versions, page, ""), ids{"a"})
        << "an unknown id of a write differs from none";
}

TEST(differing_ids, compares_the_range_of_the_page_only) {
    const known versions{{"a", {1}}, {"c", {1}}, {"e", {1}}};
    const ports::revision_page middle{.items = {{"b", 1}, {"c", 1}}, .next = "c"};
    EXPECT_EQ(app::differing_ids(versions, middle, "a"), ids{"b"});
    const ports::revision_page last{.items = {}};
    EXPECT_EQ(app::differing_ids(versions, last, "c"), ids{"e"});
}

}  // namespace
