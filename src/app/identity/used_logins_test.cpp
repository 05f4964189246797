#include "app/identity/used_logins.hpp"

#include <gtest/gtest.h>

#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"

namespace {

using namespace std::chrono_literals;

// Two replicas over one store.
class used_logins : public testing::Test {
  protected:
    base::outcome<bool> use(app::used_logins& replica, const std::string& id) {
        return fakes::poll_until_done<bool>(loop_, [&] { return replica.use(id); });
    }
    base::outcome<bool> is_used(app::used_logins& replica, const std::string& id) {
        return fakes::poll_until_done<bool>(loop_, [&] { return replica.is_used(id); });
    }
    base::outcome<void> purge(app::used_logins& replica) {
        return fakes::poll_until_done<void>(loop_, [&] { return replica.purge(); });
    }

    aio::loop loop_;
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    app::used_logins here_{store_, clock_};
    app::used_logins other_{store_, clock_};
};

TEST_F(used_logins, accepts_a_login_once_on_all_replicas) {
    EXPECT_FALSE(is_used(other_, "a").value());
    EXPECT_TRUE(use(here_, "a").value());
    EXPECT_FALSE(use(here_, "a").value());
    EXPECT_FALSE(use(other_, "a").value());
    EXPECT_TRUE(is_used(other_, "a").value());
    EXPECT_TRUE(use(other_, "b").value());
}

TEST_F(used_logins, deletes_records_after_the_retention) {
    EXPECT_TRUE(use(here_, "a").value());
    clock_.advance(app::used_logins::retention - 1s);
    EXPECT_TRUE(use(here_, "b").value());
    ASSERT_TRUE(purge(other_));
    EXPECT_TRUE(is_used(here_, "a").value());
    clock_.advance(1s);
    ASSERT_TRUE(purge(other_));
    EXPECT_FALSE(is_used(here_, "a").value());
    EXPECT_TRUE(is_used(here_, "b").value());
}

}  // namespace
