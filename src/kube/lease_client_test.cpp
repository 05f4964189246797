#include "kube/lease_client.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "aio/block_on.hpp"
#include "kube/kube_client.hpp"
#include "kube/status_reason.hpp"
#include "test/support/manual_clock.hpp"

namespace kube {
namespace {

using base::errc;
using base::fail;
using std::chrono::seconds;

// Returns the scripted responses in order; the wire is test/wire/lease_wire_test.cpp's.
class scripted_client final : public client {
  public:
    using response = base::outcome<json::object>;
    std::deque<std::function<response()>> script;
    std::string verbs;

    aio::task<json::object> get(resource, std::string, std::string) override {
        return next("get ");
    }
    aio::task<json::object> create(resource, std::string, json::object, write_options) override {
        return next("create ");
    }
    aio::task<json::object> update(resource, std::string, std::string, json::object, std::string,
                                   write_options) override {
        return next("update ");
    }
    aio::task<json::object> patch(resource, std::string, std::string, patch_type, json::value,
                                  std::string, write_options) override {
        return next("patch ");
    }
    aio::task<json::object> remove(resource, std::string, std::string, delete_options) override {
        return next("delete ");
    }
    aio::task<list_page> list(resource, std::string, list_options) override {
        auto result = co_await next("list ");
        if (!result) co_return base::pass(std::move(result));
        co_return list_page{.items = {*result}};
    }
    aio::task<std::string> list_text(resource, std::string, list_options) override {
        co_return fail(errc::unsupported, "no text here");
    }
    aio::task<http::response> raw_get(std::string, base::steady_time, std::size_t,
                                      std::string) override {
        co_return fail(errc::unsupported, "no text here");
    }
    aio::task<std::unique_ptr<http::stream_reader>> open_watch(std::string, std::string) override {
        co_return fail(errc::unsupported, "no watch here");
    }
    void on_call(std::function<void(const call_record&)>) override {}

  private:
    aio::task<json::object> next(std::string verb) {
        verbs += verb;
        if (script.empty()) co_return fail(errc::internal, "unexpected " + verb);
        auto act = std::move(script.front());
        script.pop_front();
        co_return act();
    }
};

class lease_client_test : public testing::Test {
  protected:
    static std::function<scripted_client::response()> lease_of(std::string holder) {
        return [holder] {
            return json::object{
                {"metadata", {{"name", "leader"}, {"resourceVersion", "7"}}},
                {"spec", {{"holderIdentity", holder}, {"leaseDurationSeconds", 15}}}};
        };
    }
    static std::function<scripted_client::response()> failed(errc code) {
        return [code]() -> scripted_client::response { return fail(code, "no"); };
    }
    static std::function<scripted_client::response()> failed(status_reason reason) {
        return
            [reason]() -> scripted_client::response { return fail(code_of(reason), "no", reason); };
    }
    base::outcome<bool> hold() { return aio::block_on(leases_->hold("leader", "a", seconds(15))); }

    fakes::manual_clock clock_;
    scripted_client client_;
    std::unique_ptr<lease_client> leases_ = make_lease_client(client_, {.clock = &clock_});
};

TEST_F(lease_client_test, finds_its_own_write_after_a_lost_response) {
    client_.script = {failed(status_reason::not_found), failed(errc::unavailable)};
    EXPECT_EQ(hold().error().code, errc::unavailable);
    client_.script = {lease_of("a"), lease_of("a")};
    EXPECT_TRUE(hold().value());
    client_.script = {failed(errc::timed_out)};
    EXPECT_EQ(hold().error().code, errc::timed_out);
    client_.script = {lease_of("a"), lease_of("a")};
    EXPECT_TRUE(hold().value());
    EXPECT_EQ(client_.verbs, "get create get update update get update ");
}

TEST_F(lease_client_test, returns_false_after_a_lost_race) {
    client_.script = {failed(status_reason::not_found), failed(status_reason::already_exists)};
    EXPECT_FALSE(hold().value());
    client_.script = {lease_of(""), failed(status_reason::conflict)};
    EXPECT_FALSE(hold().value());
    client_.script = {lease_of(""),
                      failed(status_reason::not_found)};  // deleted between the two calls
    EXPECT_FALSE(hold().value());
}

TEST_F(lease_client_test, reads_again_after_a_rejected_renewal) {
    client_.script = {lease_of("a"), lease_of("a")};
    ASSERT_TRUE(hold().value());
    client_.script = {failed(status_reason::conflict), lease_of("b")};
    EXPECT_FALSE(hold().value());
    client_.script = {lease_of("a"), lease_of("a")};
    ASSERT_TRUE(hold().value());
    client_.script = {failed(status_reason::conflict), lease_of("a"),
                      failed(status_reason::conflict)};
    EXPECT_FALSE(hold().value());
    EXPECT_TRUE(client_.script.empty());
}

// A machine that was suspended during the call does not hold a lease that others saw expire.
TEST_F(lease_client_test, fails_if_the_lease_expired_before_the_response) {
    client_.script = {lease_of(""), [this] {
                          clock_.advance(seconds(15));
                          return lease_of("a")();
                      }};
    EXPECT_EQ(hold().error().code, errc::timed_out);
}

TEST_F(lease_client_test, reports_a_server_without_leases_as_unsupported) {
    client_.script = {failed(status_reason::not_served)};
    EXPECT_EQ(hold().error().code, errc::unsupported);
    client_.script = {failed(status_reason::not_served)};
    EXPECT_EQ(aio::block_on(leases_->live_holders("")).error().code, errc::unsupported);
}

TEST_F(lease_client_test, release_fails_after_repeated_conflicts) {
    for (int turn = 0; turn < 4; ++turn) {
        client_.script.push_back(lease_of("a"));
        client_.script.push_back(failed(status_reason::conflict));
    }
    EXPECT_EQ(aio::block_on(leases_->release("leader", "a")).error().code, errc::unavailable);
    EXPECT_TRUE(client_.script.empty());
    client_.script = {lease_of("b")};
    EXPECT_TRUE(aio::block_on(leases_->release("leader", "a")));
}

}  // namespace
}  // namespace kube
