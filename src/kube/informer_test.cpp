// The informer with scripted watches and lists and a clock that the test moves.

#include "kube/informer.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "aio/aio.hpp"
#include "aio/block_on.hpp"
#include "kube/api_status.hpp"
#include "kube/kube_client.hpp"
#include "test/support/manual_clock.hpp"

namespace kube {
namespace {

using base::errc;
using std::chrono::seconds;

std::string bookmark(int version) {
    return fmt::format(R"({{"type":"BOOKMARK","object":{{"metadata":{{"resourceVersion":"{}"}}}}}})"
                       "\n",
                       version);
}
std::string page(int version) {
    return fmt::format(R"({{"metadata":{{"resourceVersion":"{}"}},"items":[]}})", version);
}

// Yields the given bytes, then nothing until it is cancelled.
class scripted_stream final : public http::stream_reader {
  public:
    explicit scripted_stream(std::string bytes) : bytes_(std::move(bytes)) {}
    [[nodiscard]] unsigned status() const noexcept override { return 200; }
    [[nodiscard]] const http::headers& headers() const noexcept override { return headers_; }
    aio::task<std::string> read(std::chrono::milliseconds) override {
        if (!bytes_.empty()) co_return std::exchange(bytes_, {});
        auto slept = co_await aio::until_cancelled();
        co_return base::pass(std::move(slept));
    }

  private:
    std::string bytes_;
    http::headers headers_;
};

// Records the requests. Lists report `version`; watches get the scripted responses.
class scripted_server final : public client {
  public:
    using response = base::outcome<std::string>;
    int version = 0;
    std::deque<response> watches;  // then quiet streams
    std::vector<std::string> requests;

    aio::task<std::string> list_text(resource, std::string, list_options options) override {
        requests.push_back(options.limit == 1 ? "check" : "list " + options.resource_version);
        co_return page(version);
    }
    aio::task<std::unique_ptr<http::stream_reader>> open_watch(std::string path,
                                                               std::string) override {
        const auto position = path.find("resourceVersion=");
        requests.push_back("watch " + path.substr(position + 16));
        response next = std::string();
        if (!watches.empty()) {
            next = std::move(watches.front());
            watches.pop_front();
        }
        if (!next) co_return base::pass(std::move(next));
        co_return std::make_unique<scripted_stream>(std::move(*next));
    }

    aio::task<json::object> get(resource, std::string, std::string) override { return none(); }
    aio::task<json::object> create(resource, std::string, json::object, write_options) override {
        return none();
    }
    aio::task<json::object> update(resource, std::string, std::string, json::object, std::string,
                                   write_options) override {
        return none();
    }
    aio::task<json::object> patch(resource, std::string, std::string, patch_type, json::value,
                                  std::string, write_options) override {
        return none();
    }
    aio::task<json::object> remove(resource, std::string, std::string, delete_options) override {
        return none();
    }
    aio::task<list_page> list(resource, std::string, list_options) override {
        co_return base::fail(errc::unsupported, "no objects here");
    }
    aio::task<http::response> raw_get(std::string, base::steady_time, std::size_t,
                                      std::string) override {
        co_return base::fail(errc::unsupported, "no text here");
    }
    void on_call(std::function<void(const call_record&)>) override {}

  private:
    static aio::task<json::object> none() {
        co_return base::fail(errc::unsupported, "no objects here");
    }
};

class state_listener final : public informer_listener {
  public:
    std::vector<std::string> states;
    void on_upsert(const object_meta&, std::string_view) override {}
    void on_delete(const object_meta&) override {}
    void on_synced() override {}
    void on_sync_state(bool connected, const std::string& error) override {
        states.push_back(connected ? "up" : "down: " + error);
    }
};

class informer_test : public testing::Test {
  protected:
    // Runs the informer next to `act`, which ends the run.
    void run(std::function<aio::task<>(informer&)> act) {
        const auto done = aio::block_on(run_with(std::move(act)));
        EXPECT_TRUE(done) << done.error().text;
    }
    aio::task<> run_with(std::function<aio::task<>(informer&)> act) {
        const auto executor = co_await aio::this_executor();
        const auto subject = make_informer(server_, {.kind = secrets_}, listener_, clock_);
        aio::task_group group(executor);
        group.spawn([&subject] { return subject->run(); });
        auto done = co_await act(*subject);
        group.cancel();
        (void)co_await group.join();
        co_return done;
    }
    // Lets the informer work until it waits.
    static aio::task<> settle_loop() {
        for (int turn = 0; turn < 20; ++turn) {
            auto slept = co_await aio::sleep_for(std::chrono::seconds(0));
            if (!slept) co_return slept;
        }
        co_return base::ok();
    }
    aio::task<> pass(seconds duration) {
        clock_.advance(duration);
        return settle_loop();
    }

    const resource secrets_{.version = "v1", .plural = "secrets", .kind = "Secret"};
    fakes::manual_clock clock_;
    scripted_server server_;
    state_listener listener_;
};

TEST_F(informer_test, relists_after_three_rejected_watches_on_the_clock_of_the_test) {
    server_.version = 5;
    for (int turn = 0; turn < 3; ++turn) {
        server_.watches.emplace_back(std::unexpected(failure_of_response(403, "")));
    }
    run([this](informer&) -> aio::task<> {
        (void)co_await settle_loop();
        for (int turn = 0; turn < 3; ++turn) (void)co_await pass(seconds(10));
        EXPECT_EQ(server_.requests, (std::vector<std::string>{"list ", "watch 5", "watch 5",
                                                              "watch 5", "list 5", "watch 5"}));
        co_return base::ok();
    });
}

TEST_F(informer_test, reports_a_quiet_watch_as_up_after_the_settle_time) {
    server_.version = 5;
    server_.watches.emplace_back(std::unexpected(failure_of_response(500, "")));
    run([this](informer&) -> aio::task<> {
        (void)co_await settle_loop();
        (void)co_await pass(seconds(5));  // the backoff
        EXPECT_EQ(listener_.states,
                  (std::vector<std::string>{"up", "down: HTTP 500 without a Status"}));
        (void)co_await pass(seconds(1));
        EXPECT_EQ(listener_.states.size(), 2U);
        (void)co_await pass(seconds(1));
        EXPECT_EQ(listener_.states.back(), "up");
        co_return base::ok();
    });
}

TEST_F(informer_test, verify_position_relists_when_the_server_went_back) {
    server_.version = 1000;
    run([this](informer& subject) -> aio::task<> {
        (void)co_await settle_loop();
        auto is_current = co_await subject.verify_position();
        EXPECT_EQ(is_current, true);
        server_.version = 900;
        is_current = co_await subject.verify_position();
        EXPECT_EQ(is_current, false);
        (void)co_await settle_loop();
        EXPECT_EQ(server_.requests, (std::vector<std::string>{"list ", "watch 1000", "check",
                                                              "check", "list ", "watch 900"}));
        EXPECT_EQ(listener_.states.back(), "up");
        co_return base::ok();
    });
}

TEST_F(informer_test, verify_position_asks_nothing_without_an_open_watch) {
    server_.version = 1000;
    server_.watches.emplace_back(std::unexpected(failure_of_response(403, "")));
    run([this](informer& subject) -> aio::task<> {
        (void)co_await settle_loop();
        const auto is_current = co_await subject.verify_position();
        EXPECT_EQ(is_current, true);
        EXPECT_EQ(server_.requests, (std::vector<std::string>{"list ", "watch 1000"}));
        co_return base::ok();
    });
}

TEST_F(informer_test, relists_after_a_bookmark_of_an_older_history) {
    server_.version = 1000;
    server_.watches.emplace_back(bookmark(900));
    run([this](informer&) -> aio::task<> {
        server_.version = 1000;
        (void)co_await settle_loop();
        EXPECT_EQ(server_.requests,
                  (std::vector<std::string>{"list ", "watch 1000", "list ", "watch 1000"}));
        co_return base::ok();
    });
}

}  // namespace
}  // namespace kube
