// Runs the contract suite of ports::lease_manager over HTTP: two clients and the local API server.

#include <fmt/format.h>

#include "aio/block_on.hpp"
#include "base/time_text.hpp"
#include "devcluster/apiserver/api_server.hpp"
#include "http/client.hpp"
#include "json/json.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/kubedb_leases.hpp"
#include "test/support/co_require.hpp"
#include "test/support/lease_manager_contract.hpp"

namespace fakes {
namespace {

std::unique_ptr<kube::client> client_of(const aio::executor& executor, std::uint16_t port) {
    return std::move(*kube::make_client(
        executor, {.config = {.server = {.host = "127.0.0.1", .port = port}}, .retries_max = 0}));
}

void set_faults(std::uint16_t port, std::string faults) {
    auto work = [](std::uint16_t number, std::string body) -> aio::task<http::response> {
        const auto executor = co_await aio::this_executor();
        auto client =
            http::make_client(executor, {.origin = {.host = "127.0.0.1", .port = number}});
        co_return co_await (*client)->send({.verb = http::method::post,
                                            .target = "/devcluster/faults",
                                            .headers = {{"Content-Type", "application/json"}},
                                            .body = std::move(body)},
                                           {});
    };
    const auto response = aio::block_on(work(port, std::move(faults)));
    ASSERT_TRUE(response) << response.error().text;
    ASSERT_EQ(response->status / 100, 2U);
}

class api_server_processes final : public lease_processes {
  public:
    api_server_processes(const aio::executor& executor, const manual_clock& clock)
        : server_(std::move(*apiserver::start({}))),
          first_client_(client_of(executor, server_->port())),
          second_client_(client_of(executor, server_->port())),
          first_(kubedb::make_lease_manager(*first_client_, {.clock = &clock})),
          second_(kubedb::make_lease_manager(*second_client_, {.clock = &clock})) {}

    ports::lease_manager& first() override { return *first_; }
    ports::lease_manager& second() override { return *second_; }
    void fail_calls(std::optional<base::errc> code) override {
        const int status = code == base::errc::denied ? 403 : 503;
        set_faults(
            server_->port(),
            code ? fmt::format(R"({{"error_rate":1,"error_status":{},"resources":["leases"]}})",
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
                         ::testing::Values([](aio::executor executor, manual_clock& clock) {
                             return std::make_unique<api_server_processes>(executor, clock);
                         }));

class kube_lease_manager : public ::testing::Test {
  protected:
    template <class T>
    base::outcome<T> run(std::function<aio::task<T>(kube::client&)> use) {
        auto work = [](std::uint16_t port,
                       std::function<aio::task<T>(kube::client&)> act) -> aio::task<T> {
            const auto executor = co_await aio::this_executor();
            const auto client = client_of(executor, port);
            co_return co_await act(*client);
        };
        return aio::block_on(work(server_->port(), std::move(use)));
    }

    const kube::resource leases_{
        .group = "coordination.k8s.io", .version = "v1", .plural = "leases", .kind = "Lease"};
    manual_clock clock_;
    std::unique_ptr<apiserver::api_server> server_{std::move(*apiserver::start({}))};
};

TEST_F(kube_lease_manager, the_object_names_its_holder_and_times) {
    const auto result = run<void>([this](kube::client& client) -> aio::task<> {
        const auto manager = kubedb::make_lease_manager(client, {.clock = &clock_});
        const auto acquire_time = base::to_rfc3339_micro(clock_.utc_now());
        auto acquired = co_await manager->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_TRUE(acquired.value_or(false));
        clock_.advance(std::chrono::seconds(5));
        const auto renew_time = base::to_rfc3339_micro(clock_.utc_now());
        acquired = co_await manager->hold("leader", "a", std::chrono::seconds(20));
        EXPECT_TRUE(acquired.value_or(false));
        auto object = co_await client.get(leases_, "default", "leader");
        CO_REQUIRE(object);
        EXPECT_EQ(object->at("spec"), (json::object{{"holderIdentity", "a"},
                                                    {"leaseDurationSeconds", 20},
                                                    {"acquireTime", acquire_time},
                                                    {"renewTime", renew_time},
                                                    {"leaseTransitions", 0}}));
        auto released = co_await manager->release("leader", "a");
        EXPECT_TRUE(released);
        acquired = co_await manager->hold("leader", "b", std::chrono::seconds(15));
        EXPECT_TRUE(acquired.value_or(false));
        object = co_await client.get(leases_, "default", "leader");
        CO_REQUIRE(object);
        EXPECT_EQ(object->at("spec").at("leaseTransitions"), json::value(1));
        EXPECT_EQ(object->at("spec").at("holderIdentity"), json::value("b"));
        co_return base::ok();
    });
    EXPECT_TRUE(result) << result.error().text;
}

// The numbers of calls that the header promises.
TEST_F(kube_lease_manager, a_renewal_is_one_call) {
    const auto result = run<void>([this](kube::client& client) -> aio::task<> {
        std::string verbs;
        client.on_call(
            [&verbs](const kube::call_record& call) { verbs += std::string(call.verb) + ' '; });
        const auto manager = kubedb::make_lease_manager(client, {.clock = &clock_});
        auto acquired = co_await manager->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_EQ(std::exchange(verbs, {}), "get create ");
        acquired = co_await manager->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_TRUE(acquired.value_or(false));
        EXPECT_EQ(std::exchange(verbs, {}), "update ");
        acquired = co_await manager->hold("leader", "b", std::chrono::seconds(15));
        EXPECT_FALSE(acquired.value_or(true));
        EXPECT_EQ(std::exchange(verbs, {}), "get ");
        const auto live = co_await manager->live_holders("l");
        EXPECT_EQ(live.value_or(std::vector<std::string>{}), std::vector<std::string>{"a"});
        EXPECT_EQ(std::exchange(verbs, {}), "list ");
        // The manager uses the listed object, which does not name the kind.
        acquired = co_await manager->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_TRUE(acquired.value_or(false));
        EXPECT_EQ(std::exchange(verbs, {}), "update ");
        client.on_call({});
        co_return base::ok();
    });
    EXPECT_TRUE(result) << result.error().text;
}

// Another client may write the Lease. The renewal after that reads it again and retries.
TEST_F(kube_lease_manager, a_foreign_write_does_not_end_a_lease) {
    const auto result = run<void>([this](kube::client& client) -> aio::task<> {
        const auto manager = kubedb::make_lease_manager(client, {.clock = &clock_});
        const auto other = kubedb::make_lease_manager(client, {.clock = &clock_});
        auto acquired = co_await manager->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_TRUE(acquired.value_or(false));
        acquired = co_await other->hold("leader", "b", std::chrono::seconds(15));
        EXPECT_FALSE(acquired.value_or(true));
        auto labelled =
            co_await client.patch(leases_, "default", "leader", kube::patch_type::merge,
                                  json::object{{"metadata", {{"labels", {{"seen", "yes"}}}}}});
        EXPECT_TRUE(labelled);
        acquired = co_await manager->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_TRUE(acquired.value_or(false));
        auto object = co_await client.get(leases_, "default", "leader");
        CO_REQUIRE(object);
        EXPECT_EQ(object->at("metadata").at("labels").at("seen"), json::value("yes"));
        // A foreign write does not extend a lease either.
        acquired = co_await other->hold("leader", "b", std::chrono::seconds(15));
        clock_.advance(std::chrono::seconds(14));
        labelled =
            co_await client.patch(leases_, "default", "leader", kube::patch_type::merge,
                                  json::object{{"metadata", {{"labels", {{"seen", "no"}}}}}});
        EXPECT_TRUE(labelled);
        acquired = co_await other->hold("leader", "b", std::chrono::seconds(15));
        EXPECT_FALSE(acquired.value_or(true));
        clock_.advance(std::chrono::seconds(1));
        acquired = co_await other->hold("leader", "b", std::chrono::seconds(15));
        EXPECT_TRUE(acquired.value_or(false));
        co_return base::ok();
    });
    EXPECT_TRUE(result) << result.error().text;
}

TEST_F(kube_lease_manager, hold_recreates_a_deleted_object) {
    const auto result = run<void>([this](kube::client& client) -> aio::task<> {
        const auto manager = kubedb::make_lease_manager(client, {.clock = &clock_});
        for (int attempt = 0; attempt < 2; ++attempt) {
            auto acquired = co_await manager->hold("leader", "a", std::chrono::seconds(15));
            EXPECT_TRUE(acquired.value_or(false));
            auto removed = co_await client.remove(leases_, "default", "leader");
            EXPECT_TRUE(removed);
        }
        auto released = co_await manager->release("leader", "a");
        EXPECT_TRUE(released);
        co_return base::ok();
    });
    EXPECT_TRUE(result) << result.error().text;
}

TEST_F(kube_lease_manager, hold_returns_the_error_of_a_missing_namespace_and_of_a_bad_name) {
    const auto result = run<void>([this](kube::client& client) -> aio::task<> {
        const auto misplaced =
            kubedb::make_lease_manager(client, {.ns = "nowhere", .clock = &clock_});
        auto acquired = co_await misplaced->hold("leader", "a", std::chrono::seconds(15));
        EXPECT_EQ(acquired.error().code, base::errc::not_found);
        EXPECT_NE(acquired.error().text.find("nowhere"), std::string::npos)
            << acquired.error().text;
        const auto manager = kubedb::make_lease_manager(client, {.clock = &clock_});
        acquired = co_await manager->hold("No_Name", "a", std::chrono::seconds(15));
        EXPECT_EQ(acquired.error().code, base::errc::invalid);
        co_return base::ok();
    });
    EXPECT_TRUE(result) << result.error().text;
}

}  // namespace
}  // namespace fakes
