// The rate limits of callers through the whole API.

#include <gtest/gtest.h>

#include "test/support/api_stage.hpp"
#include "test/support/fake_rate_limiter.hpp"

namespace {

using namespace std::chrono_literals;
using domain::rate_class;

class rate_limits : public fakes::api_handler {
  protected:
    void SetUp() override {
        authenticator_.add({.subject = "ada", .is_administrator = true});
        authenticator_.add({.subject = "ben"});
        start(limited());
    }
    static api::api_options limited() {
        api::api_options options;
        auto& quotas = options.limits.quotas;
        quotas[std::size_t(rate_class::reads)] = {.interval = 100ms, .burst = 5};
        quotas[std::size_t(rate_class::writes)] = {.interval = 1s, .burst = 3};
        options.limits.trusted_proxies = {*base::parse_ip_network("10.0.0.0/8")};
        return options;
    }
    // Sends requests until one is rejected. Returns the number of admitted ones.
    int admitted(const std::function<http::response()>& request) {
        for (int count = 0; count < 50; ++count) {
            if (request().status == 429) return count;
        }
        return 50;
    }
    http::response read(const std::string& name) {
        return get("/api/v1/projects", {{"Authorization", "Bearer " + name}});
    }
    http::response write(const std::string& name) {
        return post("/api/v1/projects", "{}", {{"Authorization", "Bearer " + name}});
    }
    double limited_total(std::string_view kind) {
        const auto text = registry_->expose();
        const auto name = fmt::format("dbaas_rate_limited_total{{class=\"{}\"}} ", kind);
        const auto position = text.find(name);
        if (position == std::string::npos) return -1;
        return std::stod(text.substr(position + name.size()));
    }
};

TEST_F(rate_limits, limit_each_principal_and_class_on_its_own) {
    EXPECT_EQ(admitted([&] { return read("ada"); }), 5);
    EXPECT_EQ(admitted([&] { return read("ben"); }), 5);
    EXPECT_EQ(admitted([&] { return write("ada"); }), 3);
    clock_.advance(250ms);
    EXPECT_EQ(admitted([&] { return read("ada"); }), 2);
    EXPECT_EQ(limited_total("reads"), 3);
    EXPECT_EQ(limited_total("writes"), 1);
}

TEST_F(rate_limits, describe_themselves_in_the_headers_of_the_draft) {
    const auto response = read("ada");
    EXPECT_EQ(response.headers.get("RateLimit-Policy"), R"("reads";q=5;w=1)");
    EXPECT_EQ(response.headers.get("RateLimit"), R"("reads";r=4;t=1)");
    EXPECT_FALSE(response.headers.has("Retry-After"));
    while (write("ada").status != 429) {
    }
    const auto rejected = write("ada");
    EXPECT_EQ(rejected.headers.get("RateLimit"), R"("writes";r=0;t=3)");
    EXPECT_EQ(rejected.headers.get("Retry-After"), "1");
    EXPECT_EQ(rejected.headers.get("Content-Type"), "application/problem+json");
    const auto document = json_of(rejected);
    EXPECT_EQ(document.at("type").as_string(),
              "https://iana.org/assignments/http-problem-types#quota-exceeded");
    EXPECT_EQ(document.at("violated-policies").as_array().at(0).as_string(), "writes");
    EXPECT_TRUE(document.at("retryable").as_bool());
}

TEST_F(rate_limits, count_denied_requests) {
    // "ben" has no role, so that each request is a 403.
    EXPECT_EQ(admitted([&] { return write("ben"); }), 3);
}

TEST_F(rate_limits, never_apply_to_probes) {
    EXPECT_EQ(admitted([&] { return get("/health/live"); }), 50);
    EXPECT_FALSE(get("/health/live").headers.has("RateLimit"));
}

TEST_F(rate_limits, limit_invalid_credentials_by_address) {
    const auto ask_as = [&](std::string peer, std::string forwarded) {
        http::request request{.target = "/api/v1/projects",
                              .headers = {{"Authorization", "Bearer wrong"}},
                              .peer = std::move(peer)};
        if (!forwarded.empty()) request.headers.add("X-Forwarded-For", std::move(forwarded));
        return answer(std::move(request)).response;
    };
    EXPECT_EQ(ask_as("192.0.2.1:1", "").status, 401U);
    EXPECT_EQ(admitted([&] { return ask_as("192.0.2.1:2", ""); }), 4);
    // A forged header of a client that is no trusted proxy changes nothing.
    EXPECT_EQ(admitted([&] { return ask_as("192.0.2.1:3", "198.51.100.1"); }), 0);
    EXPECT_EQ(admitted([&] { return ask_as("10.0.0.1:1", "198.51.100.2"); }), 5);
    EXPECT_EQ(admitted([&] { return ask_as("10.0.0.1:1", "198.51.100.3"); }), 5);
    EXPECT_EQ(admitted([&] { return read("ada"); }), 5);
}

TEST_F(rate_limits, are_divided_by_the_live_replicas) {
    health_->set_replicas(2);
    EXPECT_EQ(admitted([&] { return read("ada"); }), 2);
    EXPECT_EQ(read("ada").headers.get("RateLimit-Policy"), R"("reads";q=2;w=1)");
}

TEST_F(rate_limits, are_listed_for_their_caller) {
    write("ada");
    const auto items = json_of(get("/api/v1/rate-limits", {{"Authorization", "Bearer ada"}}))
                           .at("items")
                           .as_array();
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[0].at("class").as_string(), "reads");
    EXPECT_EQ(items[1].at("remaining").as_int64(), 2);
    EXPECT_EQ(items[1].at("scope").as_string(), "replica");
}

TEST_F(rate_limits, are_off_by_default) {
    stop();
    start();
    EXPECT_EQ(admitted([&] { return read("ada"); }), 50);
    EXPECT_EQ(json_of(get("/api/v1/rate-limits", {{"Authorization", "Bearer ada"}}))
                  .at("items")
                  .as_array()
                  .size(),
              0U);
}

class shared_rate_limits : public rate_limits {
  protected:
    void SetUp() override {
        shared_limits_ = &limiter_;
        rate_limits::SetUp();
    }
    fakes::fake_rate_limiter limiter_{clock_};
};

TEST_F(shared_rate_limits, decide_about_writes_over_all_replicas) {
    health_->set_replicas(2);
    // Another replica has admitted two writes of the caller.
    EXPECT_EQ(write("ada").status, 422U);
    const auto key = api::rate_limits::shared_key({.kind = rate_class::writes, .name = "ada"});
    const domain::rate_quota quota{.interval = 1s, .burst = 3};
    run([&]() -> aio::task<> {
        EXPECT_TRUE(co_await limiter_.admit(key, quota));
        EXPECT_TRUE(co_await limiter_.admit(key, quota));
        co_return base::ok();
    });
    const auto rejected = write("ada");
    EXPECT_EQ(rejected.status, 429U);
    EXPECT_EQ(rejected.headers.get("RateLimit-Policy"), R"("writes";q=3;w=3)");
    // The debt is known here now, so further requests cost no round trip.
    const auto calls = limiter_.calls;
    EXPECT_EQ(write("ada").status, 429U);
    EXPECT_EQ(limiter_.calls, calls);
}

TEST_F(shared_rate_limits, never_ask_for_reads) {
    EXPECT_EQ(admitted([&] { return read("ada"); }), 5);
    EXPECT_EQ(limiter_.calls, 0);
}

TEST_F(shared_rate_limits, admit_the_share_of_the_replica_while_the_limiter_fails) {
    limiter_.is_failing = true;
    EXPECT_EQ(admitted([&] { return write("ada"); }), 3);
    clock_.advance(10s);
    settle();
    health_->set_replicas(3);
    EXPECT_EQ(admitted([&] { return write("ada"); }), 1);
}

}  // namespace
