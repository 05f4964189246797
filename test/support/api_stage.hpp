#pragma once
// The fixture of the tests of api: a handler over a platform over fakes, without sockets. All of it
// runs on one loop, which the test polls.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/handler.hpp"
#include "app/service.hpp"
#include "json/json.hpp"
#include "test/support/fake_authenticator.hpp"
#include "test/support/fake_cluster.hpp"
#include "test/support/fake_metrics_source.hpp"
#include "test/support/manual_clock.hpp"
#include "test/support/memory_document_store.hpp"
#include "test/support/poll_until_done.hpp"
#include "test/support/recording_log.hpp"

namespace fakes {

// Reads a stream until it has received a text.
class stream_reader final : public http::stream_writer {
  public:
    explicit stream_reader(std::string last) : last_(std::move(last)) {}
    aio::task<> write(std::shared_ptr<const std::string> bytes) override {
        text += *bytes;
        co_return base::ok();
    }
    void on_end(std::move_only_function<void()>) override {}
    [[nodiscard]] bool is_draining() const noexcept override { return text.contains(last_); }
    std::string text;

  private:
    std::string last_;
};

class api_handler : public testing::Test {
  protected:
    void SetUp() override {
        authenticator_.add_anonymous({.subject = "local-admin", .is_administrator = true});
        start();
    }
    void TearDown() override { stop(); }

    void start(api::api_options options = {}) {
        health_ = std::make_unique<app::readiness>();
        registry_ = std::make_unique<obs::registry>();
        service_ =
            app::make_service({.executor = loop_.executor(),
                               .store = store_,
                               .cluster = cluster_,
                               .metrics = metrics_,
                               .clock = clock_,
                               .log = log_,
                               .registry = *registry_,
                               .health = *health_,
                               .tracer = *tracer_},
                              {.metrics_interval = std::chrono::seconds(10),
                               .anti_entropy_interval = anti_entropy_interval_,
                               .passwords = {.parameters = {.memory_kibibytes = 64, .passes = 1}}});
        group_ = std::make_unique<aio::task_group>(loop_.executor());
        run([this] { return service_->load(); });
        api_ = api::make_api({.platform = service_->interfaces(),
                              .control = loop_.executor(),
                              .health = *health_,
                              .registry = *registry_,
                              .log = log_,
                              .clock = clock_,
                              .authenticator = authenticator(),
                              .shared_limits = shared_limits_,
                              .tracer = *tracer_,
                              .provider = provider(),
                              .logins = logins(),
                              .lookup = lookup()},
                             std::move(options));
        api_->attach();
        group_->spawn(service_->run());
        handler_ = api_->make_handler(loop_.executor());
        settle();
    }
    // Called by start(), after the platform is loaded.
    virtual const ports::authenticator& authenticator() { return authenticator_; }
    // Called by start(), after authenticator().
    virtual ports::credential_lookup* lookup() { return nullptr; }
    virtual ports::identity_provider* provider() { return nullptr; }
    virtual app::external_login* logins() { return nullptr; }
    void stop() {
        group_->cancel();
        while (group_->size() > 0) loop_.poll();
        run([this] { return service_->close(); });
        handler_.reset();
        service_.reset();
        api_.reset();
    }
    void settle() { poll_until_idle(loop_); }
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
    // Returns the events of a new stream up to the one that contains `last`.
    std::string snapshot(http::headers headers = {}, std::string last = "event: sync") {
        return snapshot_of("/api/v1/stream", std::move(headers), std::move(last));
    }
    std::string snapshot_of(std::string target, http::headers headers = {},
                            std::string last = "event: sync") {
        auto outgoing = answer({.target = std::move(target), .headers = std::move(headers)});
        EXPECT_EQ(outgoing.response.status, 200U);
        stream_reader reader(std::move(last));
        if (outgoing.stream) {
            run([&] { return outgoing.stream(reader); });
        }
        return reader.text;
    }
    // Creates a database and returns its id.
    std::string create(const std::string& name, const std::string& project = "default") {
        const auto response =
            post(databases,
                 fmt::format(R"({{"project":"{}","engine":"redis","name":"{}"}})", project, name));
        EXPECT_EQ(response.status, 202U) << response.body.to_string();
        return std::string(json_of(response).at("database").at("id").as_string());
    }
    void create_user(const std::string& name) {
        EXPECT_EQ(post("/api/v1/users", fmt::format(R"({{"name":"{}"}})", name)).status, 201U);
    }
    void create_service_account(const std::string& name) {
        EXPECT_EQ(post("/api/v1/service-accounts", fmt::format(R"({{"name":"{}"}})", name)).status,
                  201U);
    }
    // Creates an API key, which path_of() uses from then on.
    void create_api_key() {
        const auto response = post("/api/v1/api-keys", R"({"name":"ci"})");
        EXPECT_EQ(response.status, 201U) << response.body.to_string();
        api_key_id_ = json_of(response).at("api_key").at("id").as_string();
    }
    // Returns a path that matches the route's pattern. {name} is "default".
    [[nodiscard]] std::string path_of(const api::route& route, const std::string& database) const {
        std::string path(route.pattern);
        const auto subject = path.find("{subject}");
        if (subject != std::string::npos) path.replace(subject, path.size(), "zoe");
        const auto open = path.find('{');
        if (open == std::string::npos) return path;
        const auto second = path.rfind('{');
        if (second != open) path.replace(second, path.size(), "other");
        const auto length = path.find('}') + 1 - open;
        const auto name = path.substr(open, length);
        return path.replace(open, length,
                            path.starts_with("/api/v1/api-keys/") ? api_key_id_
                            : name == "{id}"                      ? database
                            : name == "{engine}"                  ? "redis"
                            : name == "{name}"                    ? "default"
                                                                  : "plain");
    }
    static json::value json_of(const http::response& response) {
        return json::parse(response.body.to_string());
    }
    static std::string code_of(const http::response& response) {
        return std::string(json_of(response).at("code").as_string());
    }

    static constexpr const char* databases = "/api/v1/databases";
    std::string api_key_id_ = "unknown";
    std::chrono::milliseconds anti_entropy_interval_{0};  // 0: no other platform writes
    manual_clock clock_;
    memory_document_store store_;
    fake_cluster cluster_{clock_};
    fake_metrics_source metrics_{clock_};
    recording_log log_;
    fake_authenticator authenticator_;
    obs::tracer* tracer_ = &obs::null_tracer();
    ports::rate_limiter* shared_limits_ = nullptr;
    aio::loop loop_;
    std::unique_ptr<app::readiness> health_;
    std::unique_ptr<obs::registry> registry_;
    std::unique_ptr<app::service> service_;
    std::unique_ptr<api::api> api_;
    std::unique_ptr<http::handler> handler_;
    std::unique_ptr<aio::task_group> group_;
};

}  // namespace fakes
