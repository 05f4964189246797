#include "kube/kube_client.hpp"

#include <filesystem>
#include <vector>

#include "test/support/simulated_api_server.hpp"

namespace kube {
namespace {

using base::errc;
using fakes::kube_client;
using fakes::simulated_server;
using std::chrono::seconds;

aio::task<> watch_secrets(client& client) {
    auto got = co_await client.open_watch("/api/v1/secrets?watch=1", "secrets");
    if (!got) co_return base::pass(std::move(got));
    co_return base::ok();
}

// ---- tokens --------------------------------------------------------------------------

// The kubelet puts a new file in place by turning a symbolic link.
TEST_F(kube_client, reads_its_token_again_after_a_minute) {
    start();
    write_file("1", "one\n");
    write_file("2", "two\n");
    const auto turn = [this](const char* to) {
        std::filesystem::create_symlink(folder_ / to, folder_ / "next");
        std::filesystem::rename(folder_ / "next", folder_ / "token");
    };
    turn("1");
    config_.token_file = (folder_ / "token").string();
    const auto got = run([&](client& client) -> aio::task<> {
        for (const int wait : {0, 60, 1}) {
            clock_.advance(seconds(wait));
            auto answer = co_await client.get(secrets, "shop", "one");
            EXPECT_TRUE(answer);
            if (wait == 0) turn("2");
        }
        co_return base::ok();
    });
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(authorization_of(0), "Bearer one");
    EXPECT_EQ(authorization_of(1), "Bearer one");
    EXPECT_EQ(authorization_of(2), "Bearer two");
}

TEST_F(kube_client, reads_its_token_again_when_refused_and_tries_once_more) {
    start();
    config_.token_file = write_file("token", "one");
    std::string path = "/api/v1/namespaces/shop/services/http:a:b/proxy/metrics";
    const std::vector<use> calls{
        [](client& client) -> aio::task<> {
            auto got = co_await client.create(secrets, "shop", {});  // a POST had no effect, too
            if (!got) co_return base::pass(std::move(got));
            co_return base::ok();
        },
        [path](client& client) -> aio::task<> {
            auto got = co_await client.raw_get(path, std::chrono::steady_clock::now() + seconds(9),
                                               1000, "services/proxy");
            if (!got) co_return base::pass(std::move(got));
            EXPECT_EQ(got->status, 200U);
            co_return base::ok();
        },
        watch_secrets,
    };
    for (const auto& call : calls) {
        const auto got = run([&](client& client) -> aio::task<> {
            write_file("token", "one");
            simulated_.respond_with(requires_token("one"));
            auto first = co_await client.get(secrets, "shop", "one");
            EXPECT_TRUE(first);
            write_file("token", "two");
            simulated_.respond_with(requires_token("two"));
            co_return co_await call(client);
        });
        EXPECT_TRUE(got) << got.error().text;
        EXPECT_EQ(simulated_.requests().size(), 2U);
    }
}

TEST_F(kube_client, tells_a_refusal_at_once_when_its_token_is_still_the_same) {
    start();
    config_.token_file = write_file("token", "one");
    simulated_.respond_with(requires_token("two"));
    EXPECT_EQ(run_get().error().code, errc::unavailable);
    EXPECT_EQ(simulated_.requests().size(), 1U);
    config_.token_file.clear();
    config_.token = base::secret("three");
    EXPECT_EQ(run_get().error().code, errc::unavailable);
    EXPECT_EQ(authorization_of(1), "Bearer three");
}

// A token that ran out before the next one was written: whoever took it for the end would fail what
// an hour later goes by itself.
TEST_F(kube_client, a_refusal_of_who_we_are_may_pass_and_one_of_what_we_do_does_not) {
    start();
    const std::vector<use> calls{
        [](client& client) -> aio::task<> {
            auto got = co_await client.create(secrets, "shop", {});
            if (!got) co_return base::pass(std::move(got));
            co_return base::ok();
        },
        [](client& client) -> aio::task<> {
            const auto soon = std::chrono::steady_clock::now() + seconds(9);
            auto got = co_await client.raw_get("/apis", soon, 1000, "discovery");
            if (!got) co_return base::pass(std::move(got));
            co_return base::ok();
        },
        watch_secrets};
    for (const auto& call : calls) {
        simulated_.respond_with(
            [](const http::request&) { return simulated_server::failure(401, "Unauthorized"); });
        const auto unknown = run(call);
        EXPECT_EQ(unknown.error().code, errc::unavailable);
        EXPECT_EQ(unknown.error().reason, "Unauthorized");
        EXPECT_EQ(simulated_.requests().size(), 1U);
        simulated_.respond_with(
            [](const http::request&) { return simulated_server::failure(403, "Forbidden"); });
        EXPECT_EQ(run(call).error().code, errc::denied);
    }
}

// A half-written file, or one that would write headers of its own.
TEST_F(kube_client, keeps_its_token_while_the_file_holds_none) {
    start();
    config_.token_file = write_file("token", "one");
    const auto got = run([&](client& client) -> aio::task<> {
        for (const auto* text : {"one", "", "two\r\nX-Remote-User: root"}) {
            write_file("token", text);
            clock_.advance(seconds(61));
            auto answer = co_await client.get(secrets, "shop", "one");
            EXPECT_TRUE(answer);
        }
        std::filesystem::remove(folder_ / "token");
        clock_.advance(seconds(61));
        auto answer = co_await client.get(secrets, "shop", "one");
        EXPECT_TRUE(answer);
        co_return base::ok();
    });
    ASSERT_TRUE(got) << got.error().text;
    for (std::size_t index = 0; index < 4; ++index)
        EXPECT_EQ(authorization_of(index), "Bearer one");
}

// ---- certificates --------------------------------------------------------------------

TEST_F(kube_client, takes_a_new_authority_from_its_file) {
    const fakes::certificate_authority before("before");
    const fakes::certificate_authority after("after");
    start_secure(after);
    config_.ca_pem = before.pem();
    config_.ca_file = write_file("ca.crt", before.pem());
    const auto refused = run_get();
    EXPECT_EQ(refused.error().code, errc::unavailable);
    EXPECT_NE(refused.error().text.find("unable to get local issuer"), std::string::npos)
        << refused.error().text;
    const auto got = run([&](client& client) -> aio::task<> {
        auto answer = co_await client.get(secrets, "shop", "one");
        EXPECT_FALSE(answer);
        write_file("ca.crt", "half a certif");  // being written
        answer = co_await client.get(secrets, "shop", "one");
        EXPECT_EQ(answer.error().code, errc::unavailable);
        write_file("ca.crt", before.pem() + after.pem());
        answer = co_await client.get(secrets, "shop", "one");
        EXPECT_TRUE(answer) << answer.error().text;
        co_return base::ok();
    });
    EXPECT_TRUE(got) << got.error().text;
    EXPECT_EQ(simulated_.requests().size(), 1U);
}

TEST_F(kube_client, takes_a_new_certificate_of_its_own_from_its_files) {
    const fakes::certificate_authority authority("authority");
    start_secure(authority, "127.0.0.1", authority.pem());
    const auto old = authority.issue({.has_expired = true});
    config_.ca_pem = authority.pem();
    config_.client_certificate_pem = old.certificate;
    config_.client_certificate_file = write_file("client.crt", old.certificate);
    config_.client_key_pem = base::secret(old.private_key);
    config_.client_key_file = write_file("client.key", old.private_key);
    const auto got = run([&](client& client) -> aio::task<> {
        auto answer = co_await client.get(secrets, "shop", "one");
        EXPECT_EQ(answer.error().code, errc::unavailable) << answer.error().text;
        const auto fresh = authority.issue({});
        write_file("client.crt", fresh.certificate);  // without its key it cannot be used
        answer = co_await client.get(secrets, "shop", "one");
        EXPECT_FALSE(answer);
        write_file("client.key", fresh.private_key);
        answer = co_await client.get(secrets, "shop", "one");
        EXPECT_TRUE(answer) << answer.error().text;
        co_return base::ok();
    });
    EXPECT_TRUE(got) << got.error().text;
}

// From the kubeconfig to the handshake.
TEST_F(kube_client, does_with_a_kubeconfig_what_it_says) {
    const fakes::certificate_authority authority("authority");
    start_secure(authority, "kubernetes.default");
    simulated_.respond_with(requires_token("s3cret"));
    write_file("ca.crt", authority.pem());
    const auto get_with = [this](const std::string& cluster) {
        const auto path =
            write_file("config",
                       "current-context: one\n"
                       "contexts: [{name: one, context: {cluster: c, user: u}}]\n"
                       "users: [{name: u, user: {token: s3cret}}]\n"
                       "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:" +
                           std::to_string(server_->port()) + "', " + cluster + "}}]\n");
        auto loaded = load_kubeconfig(path);
        if (!loaded) return base::outcome<void>(base::pass(std::move(loaded)));
        config_ = std::move(*loaded);
        return run_get();
    };
    const auto mismatch = get_with("certificate-authority: ca.crt");
    EXPECT_EQ(mismatch.error().code, errc::unavailable);
    EXPECT_NE(mismatch.error().text.find("issued for kubernetes.default, expected 127.0.0.1"),
              std::string::npos)
        << mismatch.error().text;
    const auto named =
        get_with("certificate-authority: ca.crt, tls-server-name: kubernetes.default");
    EXPECT_TRUE(named) << named.error().text;
    EXPECT_EQ(get_with("tls-server-name: kubernetes.default").error().code, errc::unavailable);
    const auto insecure = get_with("insecure-skip-tls-verify: true");
    EXPECT_TRUE(insecure) << insecure.error().text;
    const auto authority_only = get_with("tls-server-name: x, certificate-authority: ca.crt");
    EXPECT_EQ(authority_only.error().code, errc::unavailable);
}

TEST_F(kube_client, asks_below_the_path_of_its_server) {
    start();
    config_.server.path = "/k8s/clusters/c-1";
    ASSERT_TRUE(run_get());
    EXPECT_EQ(simulated_.requests().at(0).target,
              "/k8s/clusters/c-1/api/v1/namespaces/shop/secrets/one");
}

// ---- another try ---------------------------------------------------------------------

struct retry_case {
    const char* name;
    http::outgoing_response (*first)();
    std::size_t gets;  // how often it is asked in all
    std::size_t posts;
};

class kube_client_retry : public kube_client, public testing::WithParamInterface<retry_case> {};

TEST_P(kube_client_retry, comes_when_it_does_no_harm) {
    start();
    const auto first = [](const http::request&) { return GetParam().first(); };
    simulated_.respond_first({first});
    EXPECT_EQ(run_get().has_value(), GetParam().gets == 2);
    EXPECT_EQ(simulated_.requests().size(), GetParam().gets);
    simulated_.respond_first({first});
    EXPECT_EQ(run_create().has_value(), GetParam().posts == 2);
    EXPECT_EQ(simulated_.requests().size(), GetParam().posts);
}

INSTANTIATE_TEST_SUITE_P(
    all, kube_client_retry,
    testing::Values(
        // Refused before it was looked at.
        retry_case{"too_many",
                   [] { return simulated_server::failure(429, "TooManyRequests", "0"); }, 2, 2},
        retry_case{"later",
                   [] { return simulated_server::failure(503, "ServiceUnavailable", "0"); }, 2, 2},
        // Nobody says that it had no effect.
        retry_case{"down", [] { return simulated_server::failure(503, "ServiceUnavailable"); }, 2,
                   1},
        retry_case{"slow", [] { return simulated_server::failure(500, "ServerTimeout", "0"); }, 2,
                   1},
        retry_case{"cut", [] { return simulated_server::cut(); }, 2, 1},
        // Would be the same the next time.
        retry_case{"broken", [] { return simulated_server::failure(500, "InternalError"); }, 1, 1},
        retry_case{"denied", [] { return simulated_server::failure(403, "Forbidden"); }, 1, 1},
        retry_case{"absent", [] { return simulated_server::failure(404, "NotFound"); }, 1, 1},
        // Of the time of a list, and the reflector knows better what to do.
        retry_case{"too_new", [] { return simulated_server::failure(504, "Timeout", "1"); }, 1, 1},
        // A redirect is no object, whatever it holds.
        retry_case{"elsewhere",
                   [] {
                       return http::outgoing_response{
                           .response = {.status = 302, .body = http::body("{}")}};
                   },
                   1, 1}),
    [](const auto& which) { return which.param.name; });

TEST_F(kube_client, gives_up_after_so_many_tries) {
    start();
    simulated_.respond_with([](const http::request&) {
        return simulated_server::failure(429, "TooManyRequests", "7");
    });
    const auto got = run_get(2);
    EXPECT_EQ(got.error().code, errc::unavailable);
    EXPECT_EQ(got.error().retry_after, seconds(7));
    EXPECT_EQ(simulated_.requests().size(), 3U);
}

// The second try would meet the version that the first one made, and be told of a conflict.
TEST_F(kube_client, repeats_a_patch_only_when_it_names_no_version) {
    start();
    const auto patch = [this](patch_type how, json::value body) {
        simulated_.respond_first({[](const http::request&) { return simulated_server::cut(); }});
        auto act = [](client& client, patch_type type, json::value what) -> aio::task<> {
            auto got = co_await client.patch(secrets, "shop", "one", type, std::move(what));
            if (!got) co_return base::pass(std::move(got));
            co_return base::ok();
        };
        const auto got = run([&](client& client) { return act(client, how, body); });
        return got.has_value();
    };
    EXPECT_TRUE(patch(patch_type::merge, {{"metadata", {{"labels", {{"a", "b"}}}}}}));
    EXPECT_FALSE(patch(patch_type::merge, {{"metadata", {{"resourceVersion", "7"}}}}));
    EXPECT_FALSE(patch(patch_type::json, json::array{}));
    EXPECT_TRUE(patch(patch_type::apply, {{"metadata", {{"name", "one"}}}}));
}

// What it says decides what the reflector does: a list, a wait, or the end.
TEST_F(kube_client, reads_the_whole_refusal_of_a_watch) {
    start();
    simulated_.respond_with([](const http::request&) {
        http::outgoing_response made{.response = {.status = 504}};
        made.stream = [](http::stream_writer& out) -> aio::task<> {
            const std::string padding(200 * 1024, ' ');
            auto sent = co_await out.write(std::make_shared<const std::string>(
                R"({"kind":"Status","apiVersion":"v1","status":"Failure",)" + padding));
            if (!sent) co_return sent;
            co_return co_await out.write(std::make_shared<const std::string>(
                R"("reason":"Timeout","details":{"causes":[{"reason":"ResourceVersionTooLarge",)"
                R"("message":"Too large resource version"}]}})"));
        };
        return made;
    });
    const auto got = run([](client& client) -> aio::task<> {
        auto stream = co_await client.open_watch("/api/v1/secrets?watch=1", "secrets");
        if (!stream) co_return base::pass(std::move(stream));
        co_return base::ok();
    });
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().reason, "Timeout");
    ASSERT_EQ(got.error().fields.size(), 1U);
    EXPECT_EQ(got.error().fields[0].code, "ResourceVersionTooLarge");
}

TEST_F(kube_client, passes_on_warnings_however_they_are_spelled) {
    start();
    log_ = std::make_unique<fakes::recording_log>();
    simulated_.respond_with([](const http::request&) {
        auto made = simulated_server::object();
        made.response.headers.add("warning", "299 - \"old\"");
        return made;
    });
    ASSERT_TRUE(run_get());
    EXPECT_EQ(log_->lines_of("kubernetes_warning").size(), 1U);
}

}  // namespace
}  // namespace kube
