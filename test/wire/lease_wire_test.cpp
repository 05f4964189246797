// The lease contract over the wire: two clients and the local API server.

#include <fmt/format.h>

#include <boost/json.hpp>

#include "aio/block_on.hpp"
#include "base/time_text.hpp"
#include "devcluster/apiserver/api_server.hpp"
#include "http/client.hpp"
#include "kube/kube_client.hpp"
#include "kube/kube_lease.hpp"
#include "test/support/lease_manager_contract.hpp"

namespace fakes {
namespace {

namespace json = boost::json;

std::unique_ptr<kube::client> client_of(const aio::executor& on, std::uint16_t port) {
    return std::move(*kube::make_client(
        on, {.config = {.server = {.host = "127.0.0.1", .port = port}}, .retries_max = 0}));
}

void set_faults(std::uint16_t port, std::string switches) {
    auto work = [](std::uint16_t to, std::string body) -> aio::task<http::response> {
        const auto on = co_await aio::this_executor();
        auto client = http::make_client(on, {.origin = {.host = "127.0.0.1", .port = to}});
        co_return co_await (*client)->send({.verb = http::method::post,
                                            .target = "/devcluster/faults",
                                            .headers = {{"Content-Type", "application/json"}},
                                            .body = std::move(body)},
                                           {});
    };
    const auto set = aio::block_on(work(port, std::move(switches)));
    ASSERT_TRUE(set) << set.error().text;
    ASSERT_EQ(set->status / 100, 2U);
}

class api_server_place final : public lease_place {
  public:
    api_server_place(const aio::executor& on, const manual_clock& clock)
        : server_(std::move(*apiserver::start({}))),
          first_client_(client_of(on, server_->port())),
          second_client_(client_of(on, server_->port())),
          first_(kube::make_lease_manager(*first_client_, {.clock = &clock})),
          second_(kube::make_lease_manager(*second_client_, {.clock = &clock})) {}

    ports::lease_manager& first() override { return *first_; }
    ports::lease_manager& second() override { return *second_; }
    void trouble(std::optional<base::errc> how) override {
        const int status = how == base::errc::denied ? 403 : 503;
        set_faults(
            server_->port(),
            how ? fmt::format(R"({{"error_rate":1,"error_status":{},"resources":["leases"]}})",
                              status)
                : "{}");
    }

  private:
    std::unique_ptr<apiserver::api_server> server_;
    std::unique_ptr<kube::client> first_client_;
    std::unique_ptr<kube::client> second_client_;
    std::unique_ptr<ports::lease_manager> first_;
    std::unique_ptr<ports::lease_manager> second_;
};

INSTANTIATE_TEST_SUITE_P(kube, lease_manager_contract,
                         ::testing::Values([](aio::executor on, manual_clock& clock) {
                             return std::make_unique<api_server_place>(on, clock);
                         }));

class lease_wire : public ::testing::Test {
  protected:
    template <class T>
    base::outcome<T> run(std::function<aio::task<T>(kube::client&)> use) {
        auto work = [](std::uint16_t port,
                       std::function<aio::task<T>(kube::client&)> act) -> aio::task<T> {
            const auto on = co_await aio::this_executor();
            const auto client = client_of(on, port);
            co_return co_await act(*client);
        };
        return aio::block_on(work(server_->port(), std::move(use)));
    }

    const kube::resource leases_{
        .group = "coordination.k8s.io", .version = "v1", .plural = "leases", .kind = "Lease"};
    manual_clock clock_;
    std::unique_ptr<apiserver::api_server> server_{std::move(*apiserver::start({}))};
};

TEST_F(lease_wire, an_object_tells_who_and_since_when) {
    const auto got = run<void>([this](kube::client& client) -> aio::task<> {
        const auto keeper = kube::make_lease_manager(client, {.clock = &clock_});
        const auto acquired = base::to_rfc3339_micro(clock_.utc_now());
        auto held = co_await keeper->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_TRUE(held.value_or(false));
        clock_.advance(std::chrono::seconds(5));
        const auto renewed = base::to_rfc3339_micro(clock_.utc_now());
        held = co_await keeper->hold("leader", "a", std::chrono::seconds(20));
        EXPECT_TRUE(held.value_or(false));
        auto object = co_await client.get(leases_, "default", "leader");
        if (!object) co_return base::pass(std::move(object));
        EXPECT_EQ(object->at("spec"), (json::object{{"holderIdentity", "a"},
                                                    {"leaseDurationSeconds", 20},
                                                    {"acquireTime", acquired},
                                                    {"renewTime", renewed},
                                                    {"leaseTransitions", 0}}));
        auto released = co_await keeper->release("leader", "a");
        EXPECT_TRUE(released);
        held = co_await keeper->hold("leader", "b", std::chrono::seconds(15));
        EXPECT_TRUE(held.value_or(false));
        object = co_await client.get(leases_, "default", "leader");
        if (!object) co_return base::pass(std::move(object));
        EXPECT_EQ(object->at("spec").at("leaseTransitions"), json::value(1));
        EXPECT_EQ(object->at("spec").at("holderIdentity"), json::value("b"));
        co_return base::ok();
    });
    EXPECT_TRUE(got) << got.error().text;
}

// What the header says that a call costs.
TEST_F(lease_wire, a_renewal_is_one_call) {
    const auto got = run<void>([this](kube::client& client) -> aio::task<> {
        std::string verbs;
        client.on_call(
            [&verbs](const kube::call_record& call) { verbs += std::string(call.verb) + ' '; });
        const auto keeper = kube::make_lease_manager(client, {.clock = &clock_});
        auto held = co_await keeper->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_EQ(std::exchange(verbs, {}), "get create ");
        held = co_await keeper->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_TRUE(held.value_or(false));
        EXPECT_EQ(std::exchange(verbs, {}), "update ");
        held = co_await keeper->hold("leader", "b", std::chrono::seconds(15));
        EXPECT_FALSE(held.value_or(true));
        EXPECT_EQ(std::exchange(verbs, {}), "get ");
        const auto live = co_await keeper->live_holders("l");
        EXPECT_EQ(live.value_or(std::vector<std::string>{}), std::vector<std::string>{"a"});
        EXPECT_EQ(std::exchange(verbs, {}), "list ");
        // From what the list said, which does not name the kind.
        held = co_await keeper->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_TRUE(held.value_or(false));
        EXPECT_EQ(std::exchange(verbs, {}), "update ");
        client.on_call({});
        co_return base::ok();
    });
    EXPECT_TRUE(got) << got.error().text;
}

// Others may write a Lease, too: a renewal after that looks again instead of giving up.
TEST_F(lease_wire, a_foreign_label_costs_the_holder_nothing) {
    const auto got = run<void>([this](kube::client& client) -> aio::task<> {
        const auto keeper = kube::make_lease_manager(client, {.clock = &clock_});
        const auto other = kube::make_lease_manager(client, {.clock = &clock_});
        auto held = co_await keeper->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_TRUE(held.value_or(false));
        held = co_await other->hold("leader", "b", std::chrono::seconds(15));
        EXPECT_FALSE(held.value_or(true));
        auto labelled =
            co_await client.patch(leases_, "default", "leader", kube::patch_type::merge,
                                  json::object{{"metadata", {{"labels", {{"seen", "yes"}}}}}});
        EXPECT_TRUE(labelled);
        held = co_await keeper->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_TRUE(held.value_or(false));
        auto object = co_await client.get(leases_, "default", "leader");
        if (!object) co_return base::pass(std::move(object));
        EXPECT_EQ(object->at("metadata").at("labels").at("seen"), json::value("yes"));
        // Nor does a label lengthen what is not renewed.
        held = co_await other->hold("leader", "b", std::chrono::seconds(15));
        clock_.advance(std::chrono::seconds(14));
        labelled =
            co_await client.patch(leases_, "default", "leader", kube::patch_type::merge,
                                  json::object{{"metadata", {{"labels", {{"seen", "no"}}}}}});
        EXPECT_TRUE(labelled);
        held = co_await other->hold("leader", "b", std::chrono::seconds(15));
        EXPECT_FALSE(held.value_or(true));
        clock_.advance(std::chrono::seconds(1));
        held = co_await other->hold("leader", "b", std::chrono::seconds(15));
        EXPECT_TRUE(held.value_or(false));
        co_return base::ok();
    });
    EXPECT_TRUE(got) << got.error().text;
}

TEST_F(lease_wire, a_deleted_object_is_made_anew) {
    const auto got = run<void>([this](kube::client& client) -> aio::task<> {
        const auto keeper = kube::make_lease_manager(client, {.clock = &clock_});
        for (int turn = 0; turn < 2; ++turn) {
            auto held = co_await keeper->hold("leader", "a", std::chrono::seconds(15));
            EXPECT_TRUE(held.value_or(false));
            auto removed = co_await client.remove(leases_, "default", "leader");
            EXPECT_TRUE(removed);
        }
        auto released = co_await keeper->release("leader", "a");
        EXPECT_TRUE(released);
        co_return base::ok();
    });
    EXPECT_TRUE(got) << got.error().text;
}

TEST_F(lease_wire, a_missing_namespace_and_a_bad_name_are_told) {
    const auto got = run<void>([this](kube::client& client) -> aio::task<> {
        const auto nowhere = kube::make_lease_manager(client, {.ns = "nowhere", .clock = &clock_});
        auto held = co_await nowhere->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_EQ(held.error().code, base::errc::not_found);
        EXPECT_NE(held.error().text.find("nowhere"), std::string::npos) << held.error().text;
        const auto keeper = kube::make_lease_manager(client, {.clock = &clock_});
        held = co_await keeper->hold("No_Name", "a", std::chrono::seconds(15));
        EXPECT_EQ(held.error().code, base::errc::invalid);
        co_return base::ok();
    });
    EXPECT_TRUE(got) << got.error().text;
}

}  // namespace
}  // namespace fakes
