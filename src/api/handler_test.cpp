// Requests as a connection passes them to the handler, against the platform over fakes.

#include "api/handler.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "http/gzip.hpp"
#include "json/json.hpp"
#include "test/support/api_stage.hpp"
#include "test/support/recording_tracer.hpp"

namespace {

using namespace std::chrono_literals;

using fakes::api_handler;

TEST_F(api_handler, an_etag_survives_a_restart) {
    const auto path = "/api/v1/databases/" + create("cache");
    for (const auto& target :
         {path, path + "/status", path + "/metrics", path + "/operations", std::string(databases),
          std::string("/api/v1/operations"), std::string("/api/v1/projects/default")}) {
        const std::string etag(get(target).headers.get("ETag"));
        EXPECT_FALSE(etag.empty()) << target;
        EXPECT_EQ(get(target, {{"If-None-Match", etag}}).status, 304U) << target;
        stop();
        start();
        EXPECT_EQ(get(target, {{"If-None-Match", etag}}).status, 304U) << target;
    }
}

TEST_F(api_handler, a_write_returns_the_etag_of_the_next_read) {
    const auto path = "/api/v1/databases/" + create("cache");
    const auto response = ask(http::method::patch, path, R"({"labels":{"a":"b"}})");
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(get(path).headers.get("ETag"), response.headers.get("ETag"));
    const auto project = post("/api/v1/projects", R"({"name":"shop"})");
    EXPECT_EQ(get("/api/v1/projects/shop").headers.get("ETag"), project.headers.get("ETag"));
}

TEST_F(api_handler, each_encoding_of_the_description_has_an_etag) {
    const std::string path = "/api/v1/openapi.json";
    const auto plain = get(path);
    const auto compressed = get(path, {{"Accept-Encoding", "gzip"}});
    EXPECT_EQ(plain.body.to_string(), api::openapi_document());
    EXPECT_EQ(compressed.headers.get("Content-Encoding"), "gzip");
    EXPECT_EQ(http::gunzip(compressed.body.to_string(), std::size_t{1} << 20U).value(),
              api::openapi_document());
    EXPECT_EQ(get(path).body.shared, plain.body.shared);
    const std::string tag(plain.headers.get("ETag"));
    EXPECT_TRUE(tag.starts_with('"')) << tag;  // strong
    EXPECT_NE(tag, compressed.headers.get("ETag"));
    for (const auto& [first, accepts] : {std::pair(&plain, ""), std::pair(&compressed, "gzip")}) {
        const std::string mine(first->headers.get("ETag"));
        const auto again = get(path, {{"Accept-Encoding", accepts}, {"If-None-Match", mine}});
        EXPECT_EQ(again.status, 304U);
        EXPECT_EQ(again.headers.get("ETag"), mine);
        EXPECT_EQ(again.body.size(), 0U);
    }
    EXPECT_EQ(get(path, {{"Accept-Encoding", "gzip"}, {"If-None-Match", tag}}).status, 200U);
}

TEST_F(api_handler, a_write_has_one_request_id_and_one_log_line) {
    for (const std::string request_id : {"", "mine-1"}) {
        http::request incoming{.verb = http::method::post,
                               .target = "/api/v1/projects",
                               .headers = {{"Content-Type", "application/json"}},
                               .body = R"({"name":"a"})"};
        if (!request_id.empty()) incoming.headers.add("X-Request-Id", request_id);
        const auto before = log_.lines_of("request").size();
        ASSERT_FALSE(handler_->handle_now(incoming));
        EXPECT_EQ(incoming.headers.get("X-Request-Id"), request_id);  // the request is unchanged
        const auto result = answer(incoming);
        const std::string id(result.response.headers.get("X-Request-Id"));
        EXPECT_FALSE(id.empty());
        if (!request_id.empty()) EXPECT_EQ(id, request_id);
        const auto lines = log_.lines_of("request");
        ASSERT_EQ(lines.size(), before + 1);
        EXPECT_TRUE(lines.back().contains("request_id=" + id)) << lines.back();
    }
}

TEST_F(api_handler, a_snapshot_contains_unfinished_operations) {
    const auto id = create("cache");
    const auto operation = json_of(get("/api/v1/operations")).at("items").at(0).at("id");
    const auto mark =
        fmt::format(R"({{"kind":"operation","id":"{}",)", std::string_view(operation.as_string()));
    const auto first_events = snapshot();
    EXPECT_TRUE(first_events.contains(mark)) << first_events;
    EXPECT_TRUE(first_events.contains(R"({"kind":"database","id":")" + id)) << first_events;
    EXPECT_TRUE(first_events.contains(R"({"kind":"project","id":"default")")) << first_events;
    cluster_.report("cache", domain::observed_phase::ready);
    settle();
    const auto second = snapshot({{"Last-Event-ID", "another-5"}});
    EXPECT_TRUE(second.starts_with(": open\n\nevent: reset\n")) << second;
    EXPECT_FALSE(second.contains(mark)) << second;
    EXPECT_TRUE(second.contains(R"({"kind":"database","id":")" + id)) << second;
}

TEST_F(api_handler, a_hidden_cause_is_logged_with_the_request_id) {
    const auto id = create("cache");
    for (const auto code : {base::errc::internal, base::errc::corrupt}) {
        cluster_.fail_next("read_credentials", {.code = code, .text = "the inner cause"});
        const auto hidden = get("/api/v1/databases/" + id + "/credentials");
        EXPECT_FALSE(hidden.body.to_string().contains("inner")) << hidden.body.to_string();
        const auto lines = log_.lines_of("request_failed");
        ASSERT_FALSE(lines.empty());
        EXPECT_TRUE(lines.back().contains("the inner cause")) << lines.back();
        EXPECT_TRUE(lines.back().contains(hidden.headers.get("X-Request-Id"))) << lines.back();
    }
}

TEST_F(api_handler, every_route_rejects_unknown_query_parameters) {
    const auto id = create("cache");
    create_api_key();
    create_user("default");
    create_service_account("default");
    for (const auto& route : api::all_routes()) {
        const auto result =
            ask(route.verb, path_of(route, id) + "?unknown=1", route.body.empty() ? "" : "{}");
        if (route.query == api::query_rule::any) {
            const bool has_object = route.id != api::endpoint::finish_oidc_login;
            EXPECT_EQ(result.status, has_object ? route.status : 404U) << route.name;
        } else {
            EXPECT_EQ(result.status, 400U) << route.name;
            const auto text = result.body.to_string();
            EXPECT_TRUE(text.contains("query parameter")) << route.name << text;
        }
    }
    EXPECT_EQ(get("/api/v1/engines?").status, 200U);
}

// A shared cache must not store what depends on a credential. A tag revalidates the copy of a
// client.
TEST_F(api_handler, a_response_that_depends_on_the_credential_is_private) {
    const auto id = create("cache");
    create_api_key();
    create_user("default");
    create_service_account("default");
    constexpr std::string_view revalidated = "private, no-cache";
    std::size_t tags = 0;
    for (const auto& route : api::all_routes()) {
        const bool is_read = route.verb == http::method::get && route.id != api::endpoint::stream;
        if (!is_read || route.access.is_public()) continue;
        const auto path = path_of(route, id);
        const auto response = get(path);
        const auto control = response.headers.get("Cache-Control");
        EXPECT_TRUE(control == revalidated || control == "no-store") << route.name << control;
        EXPECT_EQ(ask(http::method::head, path).headers.get("Cache-Control"), control);
        const auto other = get(path + "?unknown=1");  // most routes reject it
        EXPECT_EQ(other.headers.get("Cache-Control"), other.status == 200 ? control : "no-store");
        const std::string tag(response.headers.get("ETag"));
        if (tag.empty()) continue;
        ++tags;
        EXPECT_EQ(control, revalidated) << route.name;
        const auto unchanged = get(path, {{"If-None-Match", tag}});
        EXPECT_EQ(unchanged.status, 304U) << route.name;
        EXPECT_EQ(unchanged.headers.get("Cache-Control"), revalidated) << route.name;
    }
    EXPECT_GT(tags, 15U);
    // A response that is public has its own rule.
    EXPECT_EQ(get("/api/v1/openapi.json").headers.get("Cache-Control"), "no-cache");
    EXPECT_FALSE(get("/api/v1/auth/methods").headers.has("Cache-Control"));
}

TEST_F(api_handler, a_body_is_accepted_by_its_media_type) {
    create_api_key();
    create_user("default");
    create_service_account("default");
    for (const auto& route : api::all_routes()) {
        if (route.body.empty()) continue;
        const auto status = [&](std::string media) {  // "{" is not JSON: 400 once it is read
            return ask(route.verb, path_of(route, "db-1"), "{",
                       {{"Content-Type", std::move(media)}})
                .status;
        };
        for (const auto* accepted : {"application/json", "Application/JSON",
                                     "application/json ;a=b", " application/json; charset=utf-8"}) {
            EXPECT_EQ(status(accepted), 400U) << route.name << accepted;
        }
        for (const auto* other : {"", "application/json*", "application/jsonl", "text/plain",
                                  "application/json-patch+json", "application/json,text/plain"}) {
            EXPECT_EQ(status(other), 415U) << route.name << other;
        }
        const bool is_patch = route.verb == http::method::patch;
        EXPECT_EQ(status("application/Merge-Patch+json"), is_patch ? 400U : 415U) << route.name;
    }
}

TEST_F(api_handler, the_streams_of_one_client_of_a_trusted_proxy_are_bounded) {
    stop();
    api::api_options options{.streams_per_client = 1};
    options.limits.trusted_proxies = {*base::parse_ip_network("10.0.0.0/8")};
    start(std::move(options));
    const auto stream_of = [this](const char* client) {
        return answer({.target = "/api/v1/stream",
                       .headers = {{"X-Forwarded-For", client}},
                       .peer = "10.0.0.1:4001"});
    };
    const auto first = stream_of("192.0.2.1");
    EXPECT_TRUE(first.stream);
    EXPECT_EQ(stream_of("192.0.2.1").response.status, 429U);
    EXPECT_TRUE(stream_of("192.0.2.2").stream);
    const auto second = stream_of("2001:db8::1");
    EXPECT_TRUE(second.stream);
    EXPECT_EQ(stream_of("2001:db8::2").response.status, 429U);  // the same network
}

TEST_F(api_handler, the_streams_of_one_address_are_bounded) {
    stop();
    start({.streams_per_client = 1});
    const auto stream_from = [this](const char* peer) {
        return answer({.target = "/api/v1/stream", .peer = peer});
    };
    auto first = std::optional(stream_from("10.0.0.1:4001"));
    EXPECT_TRUE(first->stream);
    const auto second = stream_from("10.0.0.1:4002");
    EXPECT_FALSE(second.stream);
    EXPECT_EQ(second.response.status, 429U);
    EXPECT_EQ(code_of(second.response), "too_many_streams");
    EXPECT_EQ(second.response.headers.get("Retry-After"), "1");
    EXPECT_TRUE(stream_from("10.0.0.2:4001").stream);
    first.reset();  // its connection ends
    EXPECT_TRUE(stream_from("10.0.0.1:4002").stream);
}

TEST_F(api_handler, is_ready_for_reads_without_the_store_and_the_cluster) {
    const auto status_of = [this](const char* query) {
        return get(std::string("/health/ready") + query).status;
    };
    health_->set_store(app::component_state::connected);
    EXPECT_EQ(status_of(""), 200U);
    EXPECT_EQ(status_of("?for=reads"), 200U);
    health_->set_store(app::component_state::disconnected);
    EXPECT_EQ(status_of(""), 503U);
    EXPECT_EQ(status_of("?for=reads"), 200U);
    EXPECT_EQ(status_of("?for=writes"), 503U);
    health_->stopped(app::background::status_sync);
    EXPECT_EQ(status_of("?for=reads"), 200U);
    health_->begin_shutdown();
    EXPECT_EQ(status_of("?for=reads"), 503U);
}

TEST_F(api_handler, closes_connections_after_their_response_while_the_platform_stops) {
    EXPECT_FALSE(answer({.target = databases}).close);
    health_->begin_shutdown();
    EXPECT_TRUE(answer({.target = databases}).close);
    const auto created = answer({.verb = http::method::post,
                                 .target = "/api/v1/projects",
                                 .headers = {{"Content-Type", "application/json"}},
                                 .body = R"({"name":"late"})"});
    EXPECT_EQ(created.response.status, 201U);
    EXPECT_TRUE(created.close);
}

// The request wrote nothing, and a retry may succeed.
TEST_F(api_handler, an_error_response_is_not_stored_for_an_idempotency_key) {
    const http::headers key{{"Idempotency-Key", "k"}};
    const std::string body = R"({"project":"late","engine":"redis","name":"a"})";
    EXPECT_EQ(post(databases, body, key).status, 422U);
    EXPECT_EQ(post("/api/v1/projects", R"({"name":"late"})").status, 201U);
    const auto created = post(databases, body, key);
    EXPECT_EQ(created.status, 202U) << created.body.to_string();
    const auto again = post(databases, body, key);
    EXPECT_EQ(again.status, 202U);
    EXPECT_EQ(again.headers.get("Idempotency-Replayed"), "true");
    EXPECT_EQ(again.body.to_string(), created.body.to_string());
}

TEST_F(api_handler, a_stored_response_does_not_hide_an_invalid_header) {
    const std::string body = R"({"project":"default","engine":"redis","name":"a"})";
    EXPECT_EQ(post(databases, body, {{"Idempotency-Key", "k"}}).status, 202U);
    for (const auto* if_match : {"", "5"}) {
        const auto rejected =
            post(databases, body, {{"Idempotency-Key", "k"}, {"If-Match", if_match}});
        EXPECT_EQ(rejected.status, 400U) << if_match;
    }
}

TEST_F(api_handler, a_request_whose_idempotency_key_is_in_use_may_be_repeated) {
    std::vector<http::response> responses;
    aio::task_group clients(loop_.executor());
    for (int client = 0; client < 2; ++client) {
        clients.spawn([this, &responses]() -> aio::task<> {
            http::request incoming{
                .verb = http::method::post,
                .target = databases,
                .headers = {{"Content-Type", "application/json"}, {"Idempotency-Key", "k"}},
                .body = R"({"project":"default","engine":"redis","name":"a"})"};
            EXPECT_FALSE(handler_->handle_now(incoming));
            auto outgoing = co_await handler_->handle(std::move(incoming));
            responses.push_back(std::move(outgoing.response));
            co_return base::ok();
        });
    }
    while (clients.size() > 0) loop_.poll();
    ASSERT_EQ(responses.size(), 2U);
    std::ranges::sort(responses, {}, &http::response::status);
    EXPECT_EQ(responses[0].status, 202U);
    ASSERT_EQ(responses[1].status, 409U);
    EXPECT_EQ(code_of(responses[1]), "idempotency_key_in_use");
    EXPECT_EQ(responses[1].headers.get("Retry-After"), "1");
    EXPECT_NE(responses[1].body.to_string().find(R"("retryable":true)"), std::string::npos);
}

// An HTTP loop may start after the first changes.
TEST_F(api_handler, the_first_stream_of_a_later_loop_is_not_reset_at_the_first_change) {
    create("first");
    handler_ = api_->make_handler(loop_.executor());
    auto outgoing = answer({.target = "/api/v1/stream"});
    fakes::stream_reader reader("event: upsert");
    aio::task_group streams(loop_.executor());
    streams.spawn([&] { return outgoing.stream(reader); });
    settle();
    EXPECT_TRUE(reader.text.contains("event: sync")) << reader.text;
    create("second");
    while (streams.size() > 0) loop_.poll();
    EXPECT_FALSE(reader.text.contains("event: reset")) << reader.text;
    EXPECT_TRUE(reader.text.contains(R"("name":"second")")) << reader.text;
}

TEST_F(api_handler, a_history_with_too_many_points_is_invalid) {
    const auto path = "/api/v1/databases/" + create("cache") + "/metrics/history";
    const auto query =
        "?metric=connections.current&from=2025-11-24T00:00:00Z&to=2025-11-25T00:00:00Z&step=";
    const auto response = get(path + query + "1");
    EXPECT_EQ(response.status, 422U);
    EXPECT_EQ(code_of(response), "too_many_points");
    EXPECT_EQ(json_of(response).at("errors").at(0).at("pointer").as_string(), "/step");
    EXPECT_EQ(get(path + query + "8").status, 200U);
}

constexpr auto traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST_F(api_handler, a_request_is_a_server_span_of_the_trace_of_its_client) {
    stop();
    fakes::recording_tracer tracer;
    tracer_ = &tracer;
    start();
    EXPECT_EQ(get("/api/v1/databases?q=secret", {{"traceparent", traceparent}}).status, 200U);
    EXPECT_EQ(get("/api/v1/databases/db-none").status, 404U);
    const auto span = tracer.span_named("GET /api/v1/databases");
    ASSERT_TRUE(span);
    EXPECT_EQ(span->kind, obs::span_kind::server);
    EXPECT_EQ(obs::hex_text(span->context.trace_id), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(obs::hex_text(span->parent_id), "b7ad6b7169203331");
    for (const auto& [name, value] : span->attributes) EXPECT_FALSE(value.contains("secret"));
    const auto missing = tracer.span_named("GET /api/v1/databases/{id}");
    ASSERT_TRUE(missing);
    EXPECT_EQ(missing->parent_id, obs::span_id_bytes{});
    EXPECT_EQ(missing->status, obs::span_status::unset);  // an error of the client
    stop();
    tracer_ = &obs::null_tracer();
    start();
}

TEST_F(api_handler, a_request_without_a_sampled_trace_is_no_span) {
    stop();
    fakes::recording_tracer tracer;
    tracer_ = &tracer;
    start();
    std::string unsampled = traceparent;
    unsampled.back() = '0';
    EXPECT_EQ(get("/api/v1/databases", {{"traceparent", unsampled}}).status, 200U);
    EXPECT_FALSE(tracer.span_named("GET /api/v1/databases"));
    stop();
    tracer_ = &obs::null_tracer();
    start();
}

}  // namespace
