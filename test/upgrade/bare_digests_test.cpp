// The store of the last release whose digests of API keys have no server key.

#include <gtest/gtest.h>

#include <filesystem>

#include "aio/block_on.hpp"
#include "app/identity/digest_keys.hpp"
#include "app/identity/key_authenticator.hpp"
#include "app/identity/key_registry.hpp"
#include "sqlite/store.hpp"
#include "test/support/manual_clock.hpp"
#include "token/api_key.hpp"

namespace {

using namespace std::chrono_literals;

// The keys of the store, which exists for this test alone. They expire in 2027.
const std::string admin_key = "dbk_2er43q2ntme5_3te33sdvtr7az3f2dwszwkmhi2vv3ngxkwcxsp";
const std::string limited_key = "dbk_wkwfuxopsmta_fnyzhw7eoktruewc34b54eimyfbztemnd3awna";
const std::string previous_key = "dbk_vqfso6od6f5m_dbjkg6dcgz6poju42cylrrn5b4mc6j5xr62o5c";
const std::string rotated_key = "dbk_vqfso6od6f5m_ove6436qakrw5qglomdxllqrgf4h23nqey5ack";
const std::string revoked_key = "dbk_ykyc4eqx62a6_4z246qitu2bc4p3eqac3giocpc5u7bzpzck3jz";

// Opens a copy of the stored file, in a separate folder for each test.
class bare_digests : public testing::Test {
  protected:
    struct process {
        explicit process(bare_digests& test)
            : members({.store = *test.store_,
                       .projects = test.cache_,
                       .clock = test.clock_,
                       .log = obs::null_log()}),
              digests({.store = *test.store_,
                       .clock = test.clock_,
                       .log = obs::null_log(),
                       .sealer = std::make_shared<const token::sealer>(
                           token::parse_platform_key(std::string(64, 'a')).value())}),
              keys({.store = *test.store_,
                    .members = members,
                    .clock = test.clock_,
                    .log = obs::null_log(),
                    .digests = &digests}) {}
        app::member_registry members;
        app::digest_keys digests;
        app::key_registry keys;
    };

    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() /
                  ("dbaas-bare-digests-" +
                   std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
        std::filesystem::copy_file(UPGRADE_TESTDATA "/bare_digests.db", folder_ / "platform.db");
        auto store = sqlite::open_store({.path = (folder_ / "platform.db").string()},
                                        obs::null_log(), registry_);
        ASSERT_TRUE(store) << store.error().text;
        store_ = std::move(*store);
        clock_.advance(std::chrono::days(371));  // 2026-11-30
    }
    void TearDown() override {
        if (store_) EXPECT_TRUE(aio::block_on(store_->close()));
        store_.reset();
        std::filesystem::remove_all(folder_);
    }
    static void load(process& target) {
        ASSERT_TRUE(aio::block_on(target.keys.load()));
        ASSERT_TRUE(aio::block_on(target.digests.load()));
    }
    // Returns the texts that the process accepts.
    std::vector<std::string> accepted(const process& target) {
        const app::key_authenticator authenticator(target.keys, clock_);
        std::vector<std::string> result;
        for (const auto& text : {admin_key, limited_key, previous_key, rotated_key, revoked_key}) {
            const auto header = "Bearer " + text;
            if (authenticator.authenticate({.authorization = header})) result.push_back(text);
        }
        return result;
    }
    std::string stored_text() {
        std::string text;
        const auto page = aio::block_on(store_->find({.collection = "api_keys"}));
        for (const auto& document : page.value().items) text += document.body + "\n";
        return text;
    }

    std::filesystem::path folder_;
    fakes::manual_clock clock_;
    obs::registry registry_;
    app::state_cache cache_{clock_, 10s};
    std::unique_ptr<ports::document_store> store_;
};

TEST_F(bare_digests, are_accepted_before_and_after_their_upgrade) {
    const std::vector<std::string> valid{admin_key, limited_key, previous_key, rotated_key};
    process first(*this);
    load(first);
    EXPECT_EQ(accepted(first), valid);
    const auto bare = token::to_hex(token::digest_of_api_key(admin_key));
    EXPECT_TRUE(stored_text().contains(bare));
    ASSERT_TRUE(aio::block_on(first.digests.add_first()));
    clock_.advance(app::digest_keys::publish_delay);
    ASSERT_TRUE(aio::block_on(first.keys.upgrade_digests()));
    EXPECT_EQ(accepted(first), valid);
    for (const auto& text : {admin_key, limited_key, previous_key, rotated_key, revoked_key}) {
        const auto digest = token::to_hex(token::digest_of_api_key(text));
        EXPECT_FALSE(stored_text().contains(digest)) << text;
    }
    process second(*this);
    load(second);
    EXPECT_EQ(accepted(second), valid);
}

}  // namespace
