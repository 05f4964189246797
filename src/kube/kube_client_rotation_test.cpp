// The client reads the kubeconfig again when the server rejects what it knew from it.

#include <fmt/format.h>

#include "base/base64.hpp"
#include "test/support/certificates.hpp"
#include "test/support/simulated_api_server.hpp"

namespace kube {
namespace {

using fakes::certificate_authority;

class kube_client_rotation : public fakes::kube_client {
  protected:
    // Writes a kubeconfig for the server of the test and loads it.
    void write_kubeconfig(const std::string& user, const std::string& cluster = {},
                          std::uint16_t port = 0) {
        const auto scheme = config_.server.secure ? "https" : "http";
        path_ = write_file(
            "config", fmt::format("current-context: x\n"
                                  "clusters: [{{name: c, cluster: {{server: '{}://127.0.0.1:{}'{}}}"
                                  "}}]\n"
                                  "contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
                                  "users: [{{name: u, user: {{{}}}}}]\n",
                                  scheme, port == 0 ? server_->port() : port, cluster, user));
    }
    void load() {
        auto loaded = load_kubeconfig(path_);
        ASSERT_TRUE(loaded) << loaded.error().text;
        config_ = std::move(*loaded);
    }
    static std::string inline_ca(const certificate_authority& authority) {
        return ", certificate-authority-data: " + base::to_base64(authority.pem());
    }
    std::string path_;
};

aio::task<> get_secret(client& client) {
    auto result = co_await client.get({.version = "v1", .plural = "secrets", .kind = "Secret"},
                                      "shop", "one");
    if (!result) co_return base::pass(std::move(result));
    co_return base::ok();
}

TEST_F(kube_client_rotation, uses_a_new_inline_token_after_a_401) {
    start();
    write_kubeconfig("token: old");
    load();
    simulated_.respond_with(requires_token("new"));
    const auto result = run([&](client& client) -> aio::task<> {
        auto early = co_await get_secret(client);
        EXPECT_EQ(early.error().code, base::errc::unavailable);
        write_kubeconfig("token: new");
        co_return co_await get_secret(client);
    });
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(authorization_of(0), "Bearer old");
    EXPECT_EQ(authorization_of(2), "Bearer new");
}

TEST_F(kube_client_rotation, keeps_its_token_while_the_kubeconfig_cannot_be_read) {
    start();
    write_kubeconfig("token: old");
    load();
    simulated_.respond_with(requires_token("new"));
    const auto result = run([&](client& client) -> aio::task<> {
        write_file("config", "current-context: [");
        EXPECT_FALSE(co_await get_secret(client));
        write_kubeconfig("token: new");
        co_return co_await get_secret(client);
    });
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(authorization_of(0), "Bearer old");
}

// "oc login" to another cluster changes the current-context of the file.
TEST_F(kube_client_rotation, keeps_the_context_of_the_start) {
    start();
    write_kubeconfig("token: old");
    load();
    simulated_.respond_with(requires_token("new"));
    const auto result = run([&](client& client) -> aio::task<> {
        write_file("config",
                   fmt::format("current-context: y\n"
                               "clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{}'}}}},"
                               " {{name: d, cluster: {{server: 'http://127.0.0.1:1'}}}}]\n"
                               "contexts: [{{name: x, context: {{cluster: c, user: u}}}},"
                               " {{name: y, context: {{cluster: d, user: u}}}}]\n"
                               "users: [{{name: u, user: {{token: new}}}}]\n",
                               server_->port()));
        co_return co_await get_secret(client);
    });
    ASSERT_TRUE(result) << result.error().text;
}

TEST_F(kube_client_rotation, trusts_a_new_inline_authority) {
    const certificate_authority first("first");
    const certificate_authority second("second");
    start_secure(second);
    write_kubeconfig("token: t", inline_ca(first));
    load();
    const auto result = run([&](client& client) -> aio::task<> {
        auto early = co_await get_secret(client);
        EXPECT_EQ(early.error().code, base::errc::unavailable);  // not trusted, but may pass
        write_kubeconfig("token: t", inline_ca(second));
        co_return co_await get_secret(client);
    });
    ASSERT_TRUE(result) << result.error().text;
}

TEST_F(kube_client_rotation, follows_the_server_to_another_address) {
    start();
    write_kubeconfig("token: t", {}, 1);  // a port without a server
    load();
    const auto result = run(
        [&](client& client) -> aio::task<> {
            EXPECT_FALSE(co_await get_secret(client));
            write_kubeconfig("token: t");
            co_return co_await get_secret(client);
        },
        0);
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(simulated_.requests().size(), 1U);
}

TEST_F(kube_client_rotation, follows_the_server_once_its_authority_can_be_read) {
    const certificate_authority authority("authority");
    start_secure(authority);
    write_kubeconfig("token: t", inline_ca(authority), 1);  // a port without a server
    load();
    const auto result = run(
        [&](client& client) -> aio::task<> {
            write_kubeconfig("token: t", ", certificate-authority-data: " + base::to_base64("x"));
            EXPECT_FALSE(co_await get_secret(client));
            write_kubeconfig("token: t", inline_ca(authority));
            co_return co_await get_secret(client);
        },
        0);
    ASSERT_TRUE(result) << result.error().text;
}

TEST_F(kube_client_rotation, reloads_on_request) {
    start();
    write_kubeconfig("token: old");
    load();
    const auto result = run([&](client& client) -> aio::task<> {
        write_file("config", "users: [");
        EXPECT_EQ(client.reload_credentials().error().code, base::errc::invalid);
        write_kubeconfig("token: new");
        EXPECT_TRUE(client.reload_credentials());
        co_return co_await get_secret(client);
    });
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(authorization_of(0), "Bearer new");
}

}  // namespace
}  // namespace kube
