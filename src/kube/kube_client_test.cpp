#include "kube/kube_client.hpp"

#include <filesystem>
#include <vector>

#include "kube/traced_client.hpp"
#include "test/support/recording_tracer.hpp"
#include "test/support/simulated_api_server.hpp"

namespace kube {
namespace {

using base::errc;
using fakes::kube_client;
using fakes::simulated_server;
using std::chrono::seconds;

aio::task<> watch_secrets(client& client) {
    auto result = co_await client.open_watch("/api/v1/secrets?watch=1", "secrets");
    if (!result) co_return base::pass(std::move(result));
    co_return base::ok();
}

// ---- tokens --------------------------------------------------------------------------

// The kubelet replaces the file by changing the target of a symbolic link.
TEST_F(kube_client, reads_its_token_again_after_a_minute) {
    start();
    write_file("1", "one\n");
    write_file("2", "two\n");
    const auto link_to = [this](const char* file_name) {
        std::filesystem::create_symlink(folder_ / file_name, folder_ / "next");
        std::filesystem::rename(folder_ / "next", folder_ / "token");
    };
    link_to("1");
    config_.token_file = (folder_ / "token").string();
    const auto result = run([&](client& client) -> aio::task<> {
        for (const int wait : {0, 60, 1}) {
            clock_.advance(seconds(wait));
            auto response = co_await client.get(secrets, "shop", "one");
            EXPECT_TRUE(response);
            if (wait == 0) link_to("2");
        }
        co_return base::ok();
    });
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(authorization_of(0), "Bearer one");
    EXPECT_EQ(authorization_of(1), "Bearer one");
    EXPECT_EQ(authorization_of(2), "Bearer two");
}

TEST_F(kube_client, reads_its_token_again_and_retries_once_after_a_401) {
    start();
    config_.token_file = write_file("token", "one");
    static constexpr auto path = "/api/v1/namespaces/shop/services/http:a:b/proxy/metrics";
    const std::vector<use> calls{
        [](client& client) -> aio::task<> {
            auto result =
                co_await client.create(secrets, "shop", {});  // the rejected POST had no effect
            if (!result) co_return base::pass(std::move(result));
            co_return base::ok();
        },
        [](client& client) -> aio::task<> {
            auto result = co_await client.raw_get(
                path, std::chrono::steady_clock::now() + seconds(9), 1000, "services/proxy");
            if (!result) co_return base::pass(std::move(result));
            EXPECT_EQ(result->status, 200U);
            co_return base::ok();
        },
        watch_secrets,
    };
    for (const auto& call : calls) {
        const auto result = run([&](client& client) -> aio::task<> {
            write_file("token", "one");
            simulated_.respond_with(requires_token("one"));
            auto first = co_await client.get(secrets, "shop", "one");
            EXPECT_TRUE(first);
            write_file("token", "two");
            simulated_.respond_with(requires_token("two"));
            co_return co_await call(client);
        });
        EXPECT_TRUE(result) << result.error().text;
        EXPECT_EQ(simulated_.requests().size(), 2U);
    }
}

TEST_F(kube_client, returns_a_401_without_a_retry_when_its_token_is_unchanged) {
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

// The token can expire before the kubelet writes the next one. The client therefore reports a 401
// as a temporary error.
TEST_F(kube_client, reports_a_401_as_temporary_and_a_403_as_permanent) {
    start();
    const std::vector<use> calls{
        [](client& client) -> aio::task<> {
            auto result = co_await client.create(secrets, "shop", {});
            if (!result) co_return base::pass(std::move(result));
            co_return base::ok();
        },
        [](client& client) -> aio::task<> {
            const auto soon = std::chrono::steady_clock::now() + seconds(9);
            auto result = co_await client.raw_get("/apis", soon, 1000, "discovery");
            if (!result) co_return base::pass(std::move(result));
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

// The file is partially written, or its text would inject headers.
TEST_F(kube_client, keeps_its_token_while_the_file_contains_no_valid_token) {
    start();
    config_.token_file = write_file("token", "one");
    const auto result = run([&](client& client) -> aio::task<> {
        for (const auto* text : {"one", "", "two\r\nX-Remote-User: root"}) {
            write_file("token", text);
            clock_.advance(seconds(61));
            auto response = co_await client.get(secrets, "shop", "one");
            EXPECT_TRUE(response);
        }
        std::filesystem::remove(folder_ / "token");
        clock_.advance(seconds(61));
        auto response = co_await client.get(secrets, "shop", "one");
        EXPECT_TRUE(response);
        co_return base::ok();
    });
    ASSERT_TRUE(result) << result.error().text;
    for (std::size_t index = 0; index < 4; ++index)
        EXPECT_EQ(authorization_of(index), "Bearer one");
}

// ---- certificates --------------------------------------------------------------------

TEST_F(kube_client, reads_a_new_authority_from_its_file) {
    const fakes::certificate_authority before("before");
    const fakes::certificate_authority after("after");
    start_secure(after);
    config_.ca_pem = before.pem();
    config_.ca_file = write_file("ca.crt", before.pem());
    const auto failure = run_get();
    EXPECT_EQ(failure.error().code, errc::unavailable);
    EXPECT_NE(failure.error().text.find("unable to get local issuer"), std::string::npos)
        << failure.error().text;
    const auto result = run([&](client& client) -> aio::task<> {
        auto response = co_await client.get(secrets, "shop", "one");
        EXPECT_FALSE(response);
        write_file("ca.crt", "half a certif");  // being written
        response = co_await client.get(secrets, "shop", "one");
        EXPECT_EQ(response.error().code, errc::unavailable);
        write_file("ca.crt", before.pem() + after.pem());
        response = co_await client.get(secrets, "shop", "one");
        EXPECT_TRUE(response) << response.error().text;
        co_return base::ok();
    });
    EXPECT_TRUE(result) << result.error().text;
    EXPECT_EQ(simulated_.requests().size(), 1U);
}

TEST_F(kube_client, reads_a_new_client_certificate_from_its_files) {
    const fakes::certificate_authority authority("authority");
    start_secure(authority, "127.0.0.1", authority.pem());
    const auto old = authority.issue({.has_expired = true});
    config_.ca_pem = authority.pem();
    config_.client_certificate_pem = old.certificate;
    config_.client_certificate_file = write_file("client.crt", old.certificate);
    config_.client_key_pem = base::secret(old.private_key);
    config_.client_key_file = write_file("client.key", old.private_key);
    const auto result = run([&](client& client) -> aio::task<> {
        auto response = co_await client.get(secrets, "shop", "one");
        EXPECT_EQ(response.error().code, errc::unavailable) << response.error().text;
        const auto fresh = authority.issue({});
        write_file("client.crt", fresh.certificate);  // without its key it cannot be used
        response = co_await client.get(secrets, "shop", "one");
        EXPECT_FALSE(response);
        write_file("client.key", fresh.private_key);
        response = co_await client.get(secrets, "shop", "one");
        EXPECT_TRUE(response) << response.error().text;
        co_return base::ok();
    });
    EXPECT_TRUE(result) << result.error().text;
}

TEST_F(kube_client, verifies_the_server_as_the_kubeconfig_requires) {
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

TEST_F(kube_client, prefixes_requests_with_the_path_of_its_server) {
    start();
    config_.server.path = "/k8s/clusters/c-1";
    ASSERT_TRUE(run_get());
    EXPECT_EQ(simulated_.requests().at(0).target,
              "/k8s/clusters/c-1/api/v1/namespaces/shop/secrets/one");
}

// ---- retries -------------------------------------------------------------------------

struct retry_case {
    const char* name;
    http::outgoing_response (*first)();
    std::size_t gets;   // GET requests, with the retry
    std::size_t posts;  // POST requests, with the retry
};

class kube_client_retry : public kube_client, public testing::WithParamInterface<retry_case> {};

TEST_P(kube_client_retry, happens_only_when_a_repeat_is_safe) {
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
        // The server rejected the request before it processed it.
        retry_case{"too_many",
                   [] { return simulated_server::failure(429, "TooManyRequests", "0"); }, 2, 2},
        retry_case{"later",
                   [] { return simulated_server::failure(503, "ServiceUnavailable", "0"); }, 2, 2},
        // The request may have had an effect.
        retry_case{"down", [] { return simulated_server::failure(503, "ServiceUnavailable"); }, 2,
                   1},
        retry_case{"slow", [] { return simulated_server::failure(500, "ServerTimeout", "0"); }, 2,
                   1},
        retry_case{"cut", [] { return simulated_server::cut(); }, 2, 1},
        // A retry would fail in the same way.
        retry_case{"broken", [] { return simulated_server::failure(500, "InternalError"); }, 1, 1},
        retry_case{"denied", [] { return simulated_server::failure(403, "Forbidden"); }, 1, 1},
        retry_case{"absent", [] { return simulated_server::failure(404, "NotFound"); }, 1, 1},
        // Concerns the resource version of a list: the reflector handles it.
        retry_case{"too_new", [] { return simulated_server::failure(504, "Timeout", "1"); }, 1, 1},
        // A redirect is not an object, even if its body is JSON.
        retry_case{"elsewhere",
                   [] {
                       return http::outgoing_response{
                           .response = {.status = 302, .body = http::body("{}")}};
                   },
                   1, 1}),
    [](const auto& test) { return test.param.name; });

TEST_F(kube_client, reports_a_success_without_the_object_as_unavailable) {
    start();
    for (const auto* page : {"<html>log in</html>", "[]", "{}", R"({"metadata":{"name":"other"}})",
                             (R"({"kind":"Status","apiVersion":"v1","status":"Failure",)"
                              R"("reason":"InternalError","code":500})")}) {
        simulated_.respond_with([page](const http::request&) {
            return http::outgoing_response{.response = {.status = 200, .body = http::body(page)}};
        });
        EXPECT_EQ(run_get().error().code, errc::unavailable) << page;
    }
    simulated_.respond_with([](const http::request&) {
        auto mislabeled = simulated_server::object();
        mislabeled.response.headers.add("Content-Encoding", "gzip");
        return mislabeled;
    });
    EXPECT_EQ(run_get(0).error().code, errc::unavailable);
    EXPECT_EQ(run_create().error().code, errc::unavailable);
}

TEST_F(kube_client, returns_the_error_after_the_last_retry) {
    start();
    simulated_.respond_with([](const http::request&) {
        return simulated_server::failure(429, "TooManyRequests", "7");
    });
    const auto result = run_get(2);
    EXPECT_EQ(result.error().code, errc::unavailable);
    EXPECT_EQ(result.error().retry_after, seconds(7));
    EXPECT_EQ(simulated_.requests().size(), 3U);
}

// The retry would conflict with the version that the first attempt created.
TEST_F(kube_client, repeats_a_patch_only_without_a_resource_version) {
    start();
    const auto patch = [this](patch_type type, json::value body) {
        simulated_.respond_first({[](const http::request&) { return simulated_server::cut(); }});
        auto act = [](client& client, patch_type type, json::value body) -> aio::task<> {
            auto result = co_await client.patch(secrets, "shop", "one", type, std::move(body));
            if (!result) co_return base::pass(std::move(result));
            co_return base::ok();
        };
        const auto result = run([&](client& client) { return act(client, type, body); });
        return result.has_value();
    };
    EXPECT_TRUE(patch(patch_type::merge, {{"metadata", {{"labels", {{"a", "b"}}}}}}));
    EXPECT_FALSE(patch(patch_type::merge, {{"metadata", {{"resourceVersion", "7"}}}}));
    EXPECT_FALSE(patch(patch_type::json, json::array{}));
    EXPECT_TRUE(patch(patch_type::apply, {{"metadata", {{"name", "one"}}}}));
}

// The reflector lists, waits or stops depending on the causes in the response.
TEST_F(kube_client, reads_the_whole_error_response_of_a_watch) {
    start();
    simulated_.respond_with([](const http::request&) {
        http::outgoing_response reply{.response = {.status = 504}};
        reply.stream = [](http::stream_writer& out) -> aio::task<> {
            const std::string padding(200 * 1024, ' ');
            auto written = co_await out.write(std::make_shared<const std::string>(
                R"({"kind":"Status","apiVersion":"v1","status":"Failure",)" + padding));
            if (!written) co_return written;
            co_return co_await out.write(std::make_shared<const std::string>(
                R"("reason":"Timeout","details":{"causes":[{"reason":"ResourceVersionTooLarge",)"
                R"("message":"Too large resource version"}]}})"));
        };
        return reply;
    });
    const auto result = run([](client& client) -> aio::task<> {
        auto stream = co_await client.open_watch("/api/v1/secrets?watch=1", "secrets");
        if (!stream) co_return base::pass(std::move(stream));
        co_return base::ok();
    });
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason, "Timeout");
    ASSERT_EQ(result.error().fields.size(), 1U);
    EXPECT_EQ(result.error().fields[0].code, "ResourceVersionTooLarge");
}

TEST_F(kube_client, logs_warnings_for_any_spelling_of_the_header) {
    start();
    log_ = std::make_unique<fakes::recording_log>();
    simulated_.respond_with([](const http::request&) {
        auto reply = simulated_server::object();
        reply.response.headers.add("warning", "299 - \"old\"");
        return reply;
    });
    ASSERT_TRUE(run_get());
    EXPECT_EQ(log_->lines_of("kubernetes_warning").size(), 1U);
}

// ---- traces --------------------------------------------------------------------------

TEST_F(kube_client, sends_the_span_of_each_request_as_traceparent) {
    start();
    fakes::recording_tracer tracer;
    tracer_ = &tracer;
    simulated_.respond_first({[](const http::request&) {
        return simulated_server::failure(503, "ServiceUnavailable", "1");
    }});
    const auto parent =
        obs::parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    const auto result = run([&](client& client) -> aio::task<> {
        traced_client traced(client, *parent);
        CO_REQUIRE(co_await traced.get(secrets, "shop", "one"));
        CO_REQUIRE(co_await client.get(secrets, "shop", "one"));  // without a span
        co_return base::ok();
    });
    ASSERT_TRUE(result) << result.error().text;
    const auto spans = tracer.spans();
    const auto requests = simulated_.requests();
    ASSERT_EQ(spans.size(), 2U);
    ASSERT_EQ(requests.size(), 3U);
    for (std::size_t i = 0; i < spans.size(); ++i) {
        EXPECT_EQ(spans[i].name, "get secrets");
        EXPECT_EQ(spans[i].parent_id, parent->span_id);
        EXPECT_EQ(requests[i].headers.get("traceparent"), obs::to_traceparent(spans[i].context));
    }
    EXPECT_EQ(spans[0].status, obs::span_status::error);
    EXPECT_EQ(spans[1].status, obs::span_status::unset);
    EXPECT_FALSE(requests[2].headers.has("traceparent"));
}

}  // namespace
}  // namespace kube
