#include "test/support/memory_document_store.hpp"

#include "test/support/document_archive_contract.hpp"
#include "test/support/document_store_contract_load.hpp"
#include "test/support/manual_clock.hpp"

namespace fakes {
namespace {

INSTANTIATE_TEST_SUITE_P(memory, document_store_contract, ::testing::Values([] {
                             return std::make_unique<memory_document_store>();
                         }));
INSTANTIATE_TEST_SUITE_P(memory, document_archive_contract, ::testing::Values([] {
                             return std::make_unique<memory_document_store>();
                         }));

TEST(memory_document_store, fail_next_makes_calls_fail_without_effect) {
    memory_document_store store;
    store.fail_next(2);
    EXPECT_FALSE(store.is_connected());
    const ports::put_request request{.collection = "things", .content = {.id = "a"}};
    EXPECT_EQ(aio::block_on(store.put(request)).error().code, base::errc::unavailable);
    EXPECT_EQ(aio::block_on(store.find({.collection = "things"})).error().code,
              base::errc::unavailable);
    EXPECT_EQ(store.calls(), 0);
    EXPECT_EQ(aio::block_on(store.put(request)).value(), 1);
    EXPECT_TRUE(store.is_connected());
    EXPECT_EQ(store.calls(), 1);
}

TEST(memory_document_store, lose_next_response_applies_the_call_and_fails) {
    memory_document_store store;
    store.lose_next_response(1);
    const ports::put_request request{.collection = "things", .content = {.id = "a"}};
    EXPECT_EQ(aio::block_on(store.put(request)).error().code, base::errc::timed_out);
    EXPECT_EQ(aio::block_on(store.get("things", "a")).error().code, base::errc::unavailable);
    EXPECT_EQ(aio::block_on(store.get("things", "a"))->revision, 1);
    store.lose_next_response();
    EXPECT_EQ(aio::block_on(store.remove({.collection = "things", .id = "a"})).error().code,
              base::errc::timed_out);
    EXPECT_EQ(aio::block_on(store.get("things", "a")).error().code, base::errc::not_found);
}

TEST(manual_clock, moves_only_when_advanced) {
    manual_clock clock;
    const auto before = clock.now();
    EXPECT_EQ(clock.now(), before);
    clock.advance(std::chrono::seconds(5));
    EXPECT_EQ(clock.now() - before, std::chrono::seconds(5));
}

}  // namespace
}  // namespace fakes
