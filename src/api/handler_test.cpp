// Requests as a connection hands them over, against the platform over fakes. No sockets.

#include "api/handler.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "app/service.hpp"
#include "http/gzip.hpp"
#include "test/support/fake_authenticator.hpp"
#include "test/support/fake_cluster.hpp"
#include "test/support/fake_metrics_source.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/recording_log.hpp"

namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

// Takes a stream up to and with its "sync".
class sync_reader final : public http::stream_writer {
  public:
    aio::task<> write(std::shared_ptr<const std::string> bytes) override {
        text += *bytes;
        co_return base::ok();
    }
    void on_end(std::move_only_function<void()>) override {}
    [[nodiscard]] bool is_draining() const noexcept override {
        return text.contains("event: sync");
    }
    std::string text;
};

class api_handler : public testing::Test {
  protected:
    void SetUp() override {
        authenticator_.add_anonymous({.subject = "local-admin", .is_administrator = true});
        start();
    }
    void TearDown() override { stop(); }

    // Everything on one loop: the control loop is the connection's as well.
    void start(api::api_options how = {}) {
        health_ = std::make_unique<app::readiness>();
        registry_ = std::make_unique<obs::registry>();
        service_ = app::make_service({.on = loop_.executor(),
                                      .store = store_,
                                      .cluster = cluster_,
                                      .metrics = metrics_,
                                      .clock = clock_,
                                      .log = log_,
                                      .registry = *registry_,
                                      .health = *health_},
                                     {.metrics_interval = 10s});
        group_ = std::make_unique<aio::task_group>(loop_.executor());
        run([this] { return service_->load(); });
        api_ = api::make_api({.platform = *service_,
                              .control = loop_.executor(),
                              .health = *health_,
                              .registry = *registry_,
                              .log = log_,
                              .clock = clock_,
                              .authenticator = authenticator_},
                             std::move(how));
        api_->attach();
        group_->spawn(service_->run());
        handler_ = api_->make_handler(loop_.executor());
        settle();
    }
    void stop() {
        group_->cancel();
        while (group_->size() > 0) loop_.poll();
        run([this] { return service_->close(); });
        handler_.reset();
        service_.reset();
        api_.reset();
    }
    void settle() {
        for (int quiet = 0; quiet < 20;) quiet = loop_.poll() == 0 ? quiet + 1 : 0;
    }
    void run(const std::function<aio::task<>()>& start) {
        bool has_ended = false;
        aio::task_group once(loop_.executor());
        once.spawn([&]() -> aio::task<> {
            const auto ended = co_await start();
            EXPECT_TRUE(ended);
            has_ended = true;
            co_return base::ok();
        });
        while (!has_ended) loop_.poll();
        settle();
    }

    http::outgoing_response answer(http::request incoming) {
        auto now = handler_->handle_now(incoming);
        if (now) return std::move(*now);
        std::optional<http::outgoing_response> later;
        run([&]() -> aio::task<> {
            later.emplace(co_await handler_->handle(std::move(incoming)));
            co_return base::ok();
        });
        return std::move(*later);
    }
    http::response ask(http::method verb, std::string target, std::string body = {},
                       http::headers headers = {}) {
        if (!body.empty() && !headers.has("Content-Type")) {
            headers.add("Content-Type", "application/json");
        }
        return answer({.verb = verb,
                       .target = std::move(target),
                       .headers = std::move(headers),
                       .body = std::move(body)})
            .response;
    }
    http::response get(std::string target, http::headers headers = {}) {
        return ask(http::method::get, std::move(target), {}, std::move(headers));
    }
    http::response post(std::string target, std::string body, http::headers headers = {}) {
        return ask(http::method::post, std::move(target), std::move(body), std::move(headers));
    }
    // What a stream begins with.
    std::string snapshot(http::headers headers = {}) {
        auto begun = answer({.target = "/api/v1/stream", .headers = std::move(headers)});
        EXPECT_EQ(begun.response.status, 200U);
        sync_reader to;
        if (begun.stream) {
            run([&] { return begun.stream(to); });
        }
        return to.text;
    }
    // The id of a database whose creation was accepted.
    std::string create(const std::string& name) {
        const auto made =
            post(databases, R"({"project":"default","engine":"redis","name":")" + name + "\"}");
        EXPECT_EQ(made.status, 202U) << made.body.to_string();
        return std::string(json_of(made).at("database").at("id").as_string());
    }
    // What a route's pattern stands for here.
    static std::string path_of(const api::route& to, const std::string& database) {
        std::string path(to.pattern);
        const auto open = path.find('{');
        if (open == std::string::npos) return path;
        const auto length = path.find('}') + 1 - open;
        const auto name = path.substr(open, length);
        return path.replace(open, length,
                            name == "{id}"       ? database
                            : name == "{engine}" ? "redis"
                            : name == "{name}"   ? "default"
                                                 : "plain");
    }
    static json::value json_of(const http::response& from) {
        return json::parse(from.body.to_string());
    }
    static std::string code_of(const http::response& from) {
        return std::string(json_of(from).at("code").as_string());
    }

    static constexpr const char* databases = "/api/v1/databases";
    fakes::manual_clock clock_;
    fakes::memory_document_store store_;
    fakes::fake_cluster cluster_{clock_};
    fakes::fake_metrics_source metrics_{clock_};
    fakes::recording_log log_;
    fakes::fake_authenticator authenticator_;
    aio::loop loop_;
    std::unique_ptr<app::readiness> health_;
    std::unique_ptr<obs::registry> registry_;
    std::unique_ptr<app::service> service_;
    std::unique_ptr<api::api> api_;
    std::unique_ptr<http::handler> handler_;
    std::unique_ptr<aio::task_group> group_;
};

TEST_F(api_handler, a_tag_of_the_process_before_is_not_known) {
    const auto path = "/api/v1/databases/" + create("cache");
    const std::string tag(get(path).headers.get("ETag"));
    EXPECT_EQ(get(path, {{"If-None-Match", tag}}).status, 304U);
    EXPECT_EQ(get(path + "/status", {{"If-None-Match", tag}}).status, 304U);
    stop();
    start();
    EXPECT_EQ(get(path, {{"If-None-Match", tag}}).status, 200U);
}

TEST_F(api_handler, the_description_is_encoded_once_in_two_ways_with_a_tag_each) {
    const std::string path = "/api/v1/openapi.json";
    const auto plain = get(path);
    const auto packed = get(path, {{"Accept-Encoding", "gzip"}});
    EXPECT_EQ(plain.body.to_string(), api::openapi_document());
    EXPECT_EQ(packed.headers.get("Content-Encoding"), "gzip");
    EXPECT_EQ(http::gunzip(packed.body.to_string(), std::size_t{1} << 20U).value(),
              api::openapi_document());
    EXPECT_EQ(get(path).body.shared, plain.body.shared);
    const std::string tag(plain.headers.get("ETag"));
    EXPECT_TRUE(tag.starts_with('"')) << tag;  // strong
    EXPECT_NE(tag, packed.headers.get("ETag"));
    for (const auto& [first, accepts] : {std::pair(&plain, ""), std::pair(&packed, "gzip")}) {
        const std::string mine(first->headers.get("ETag"));
        const auto again = get(path, {{"Accept-Encoding", accepts}, {"If-None-Match", mine}});
        EXPECT_EQ(again.status, 304U);
        EXPECT_EQ(again.headers.get("ETag"), mine);
        EXPECT_EQ(again.body.size(), 0U);
    }
    EXPECT_EQ(get(path, {{"Accept-Encoding", "gzip"}, {"If-None-Match", tag}}).status, 200U);
}

TEST_F(api_handler, a_write_has_one_request_id_and_one_line_in_the_log) {
    for (const std::string given : {"", "mine-1"}) {
        http::request incoming{.verb = http::method::post,
                               .target = "/api/v1/projects",
                               .headers = {{"Content-Type", "application/json"}},
                               .body = R"({"name":"a"})"};
        if (!given.empty()) incoming.headers.add("X-Request-Id", given);
        const auto before = log_.lines_of("request").size();
        ASSERT_FALSE(handler_->handle_now(incoming));
        EXPECT_EQ(incoming.headers.get("X-Request-Id"), given);  // the request stays as it came
        const auto got = answer(incoming);
        const std::string id(got.response.headers.get("X-Request-Id"));
        EXPECT_FALSE(id.empty());
        if (!given.empty()) EXPECT_EQ(id, given);
        const auto lines = log_.lines_of("request");
        ASSERT_EQ(lines.size(), before + 1);
        EXPECT_TRUE(lines.back().contains("request_id=" + id)) << lines.back();
    }
}

TEST_F(api_handler, a_snapshot_has_the_operations_that_are_not_over) {
    const auto id = create("cache");
    const auto operation = json_of(get("/api/v1/operations")).at("items").at(0).at("id");
    const auto mark =
        fmt::format(R"({{"kind":"operation","id":"{}",)", std::string_view(operation.as_string()));
    const auto begun = snapshot();
    EXPECT_TRUE(begun.contains(mark)) << begun;
    EXPECT_TRUE(begun.contains(R"({"kind":"database","id":")" + id)) << begun;
    EXPECT_TRUE(begun.contains(R"({"kind":"project","id":"default")")) << begun;
    cluster_.report("cache", domain::observed_phase::ready);
    settle();
    const auto anew = snapshot({{"Last-Event-ID", "another-5"}});
    EXPECT_TRUE(anew.starts_with("event: reset\n")) << anew;
    EXPECT_FALSE(anew.contains(mark)) << anew;
    EXPECT_TRUE(anew.contains(R"({"kind":"database","id":")" + id)) << anew;
}

TEST_F(api_handler, what_an_answer_hides_is_in_the_log_under_its_request_id) {
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

TEST_F(api_handler, every_route_refuses_a_query_parameter_that_it_does_not_know) {
    const auto id = create("cache");
    for (const auto& to : api::all_routes()) {
        const auto got = ask(to.verb, path_of(to, id) + "?nonsense=1", to.body.empty() ? "" : "{}");
        if (to.query == api::query_rule::any) {
            EXPECT_EQ(got.status, to.status) << to.name;
        } else {
            EXPECT_EQ(got.status, 400U) << to.name;
            const auto said = got.body.to_string();
            EXPECT_TRUE(said.contains("query parameter")) << to.name << said;
        }
    }
    EXPECT_EQ(get("/api/v1/engines?").status, 200U);
}

TEST_F(api_handler, every_body_is_taken_by_its_media_type_alone) {
    for (const auto& to : api::all_routes()) {
        if (to.body.empty()) continue;
        const auto status = [&](std::string media) {  // "{" is not JSON: 400 once it is read
            return ask(to.verb, path_of(to, "db-1"), "{", {{"Content-Type", std::move(media)}})
                .status;
        };
        for (const auto* taken : {"application/json", "Application/JSON", "application/json ;a=b",
                                  " application/json; charset=utf-8"}) {
            EXPECT_EQ(status(taken), 400U) << to.name << taken;
        }
        for (const auto* other : {"", "application/json*", "application/jsonl", "text/plain",
                                  "application/json-patch+json", "application/json,text/plain"}) {
            EXPECT_EQ(status(other), 415U) << to.name << other;
        }
        const bool is_patch = to.verb == http::method::patch;
        EXPECT_EQ(status("application/Merge-Patch+json"), is_patch ? 400U : 415U) << to.name;
    }
}

TEST_F(api_handler, one_client_has_only_so_many_streams) {
    stop();
    start({.streams_per_client = 1});
    const auto ask_from = [this](const char* peer) {
        return answer({.target = "/api/v1/stream", .peer = peer});
    };
    auto first = std::optional(ask_from("10.0.0.1:4001"));
    EXPECT_TRUE(first->stream);
    const auto second = ask_from("10.0.0.1:4002");
    EXPECT_FALSE(second.stream);
    EXPECT_EQ(second.response.status, 429U);
    EXPECT_EQ(code_of(second.response), "too_many_streams");
    EXPECT_EQ(second.response.headers.get("Retry-After"), "1");
    EXPECT_TRUE(ask_from("10.0.0.2:4001").stream);
    first.reset();  // its connection has ended
    EXPECT_TRUE(ask_from("10.0.0.1:4002").stream);
}

// It wrote nothing, and the world may be another one by then.
TEST_F(api_handler, a_refusal_is_not_kept_for_an_idempotency_key) {
    const http::headers key{{"Idempotency-Key", "k"}};
    const std::string body = R"({"project":"late","engine":"redis","name":"a"})";
    EXPECT_EQ(post(databases, body, key).status, 422U);
    EXPECT_EQ(post("/api/v1/projects", R"({"name":"late"})").status, 201U);
    const auto made = post(databases, body, key);
    EXPECT_EQ(made.status, 202U) << made.body.to_string();
    const auto again = post(databases, body, key);
    EXPECT_EQ(again.status, 202U);
    EXPECT_EQ(again.headers.get("Idempotency-Replayed"), "true");
    EXPECT_EQ(again.body.to_string(), made.body.to_string());
}

}  // namespace
