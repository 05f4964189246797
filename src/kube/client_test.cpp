#include "kube/client.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <vector>

#include "aio/run_to_end.hpp"
#include "http/server.hpp"
#include "testing/certificates.hpp"
#include "testing/manual_clock.hpp"

namespace kube {
namespace {

using base::errc;
using std::chrono::seconds;

// What a played API server answers, and what it was asked. Any thread.
class played_server {
  public:
    using answering = std::function<http::answer(const http::request&)>;

    static http::answer object(unsigned status = 200) {
        return {.response = {.status = status, .body = http::body(R"({"kind":"Secret"})")}};
    }
    static http::answer failure(unsigned status, std::string_view reason,
                                std::string_view retry_after = {}) {
        http::answer made{.response = {.status = status,
                                       .body = http::body(R"({"kind":"Status","apiVersion":"v1",)"
                                                          R"("status":"Failure","reason":")" +
                                                          std::string(reason) + "\"}")}};
        if (!retry_after.empty()) {
            made.response.headers.set("Retry-After", std::string(retry_after));
        }
        return made;
    }
    // The connection ends before the answer does.
    static http::answer cut() {
        http::answer made{.response = {.status = 200}};
        made.stream = [](http::stream_writer&) -> aio::task<> {
            co_return base::fail(errc::unavailable, "cut");
        };
        return made;
    }

    void answer_with(answering how) {
        const std::lock_guard lock(mutex_);
        how_ = std::move(how);
        asked_.clear();
    }
    // These in order, then success.
    void answer_first(std::vector<answering> first) {
        answer_with(
            [first = std::move(first), at = std::size_t(0)](const http::request& asked) mutable {
                return at < first.size() ? first[at++](asked) : object();
            });
    }
    http::answer answer(const http::request& asked) {
        const std::lock_guard lock(mutex_);
        asked_.push_back(asked);
        return how_(asked);
    }
    std::vector<http::request> asked() {
        const std::lock_guard lock(mutex_);
        return asked_;
    }

  private:
    std::mutex mutex_;
    answering how_ = [](const http::request&) { return object(); };
    std::vector<http::request> asked_;
};

class played_handler final : public http::handler {
  public:
    explicit played_handler(played_server& by) : by_(by) {}
    std::optional<http::answer> handle_now(http::request&) override { return std::nullopt; }
    boost::asio::awaitable<http::answer> handle(http::request incoming) override {
        co_return by_.answer(incoming);
    }
    http::answer refuse(unsigned status, std::string_view) override {
        return {.response = {.status = status}};
    }

  private:
    played_server& by_;
};

class remembering_log final : public obs::log {
  public:
    std::vector<std::string> events;
    void write(obs::level, std::string_view event, std::initializer_list<obs::field>) override {
        events.emplace_back(event);
    }
    [[nodiscard]] bool is_enabled(obs::level) const noexcept override { return true; }
};

class kube_client : public testing::Test {
  protected:
    kube_client() {
        folder_ = std::filesystem::path(testing::TempDir()) /
                  ("dbaas-kube-client-" + std::to_string(getpid()) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder_);
        config_.server = {.host = "127.0.0.1"};
    }
    ~kube_client() override { std::filesystem::remove_all(folder_); }

    std::string keep(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
        return (folder_ / name).string();
    }
    void start(std::optional<http::tls_files> tls = {}) {
        auto started = http::start_server({.tls = std::move(tls)}, [this](aio::executor) {
            return std::make_unique<played_handler>(played_);
        });
        ASSERT_TRUE(started) << started.error().text;
        server_ = std::move(*started);
        config_.server.port = server_->port();
    }
    // A server that shows a certificate of `authority` for `host`.
    void start_secure(const fakes::certificate_authority& authority,
                      const std::string& host = "127.0.0.1", const std::string& clients_of = {}) {
        const auto shown = authority.issue({.hosts = {host}});
        http::tls_files files{.certificate_chain = keep("server.crt", shown.certificate),
                              .private_key = keep("server.key", shown.private_key)};
        if (!clients_of.empty()) files.client_ca = keep("clients.crt", clients_of);
        start(files);
        config_.server.secure = true;
    }

    using use = std::function<aio::task<>(client&)>;
    base::outcome<void> run(use act, int retries = 3) {
        auto work = [](client_options how, use acting) -> aio::task<> {
            const auto on = co_await aio::this_executor();
            auto made = make_client(on, std::move(how));
            if (!made) co_return base::pass(std::move(made));
            co_return co_await acting(**made);
        };
        return aio::run_to_end(
            work({.config = config_,
                  .retries_max = retries,
                  .retry_wait_max = std::chrono::milliseconds(1),
                  .clock = &clock_,
                  .log = log_ ? static_cast<obs::log*>(log_.get()) : &obs::null_log()},
                 std::move(act)));
    }
    base::outcome<void> run_get(int retries = 3) {
        return run(
            [](client& through) -> aio::task<> {
                auto got = co_await through.get(secrets, "shop", "one");
                if (!got) co_return base::pass(std::move(got));
                co_return done();
            },
            retries);
    }
    base::outcome<void> run_create() {
        return run([](client& through) -> aio::task<> {
            auto got = co_await through.create(secrets, "shop", {});
            if (!got) co_return base::pass(std::move(got));
            co_return done();
        });
    }
    static base::outcome<void> done() { return {}; }
    std::string shown(std::size_t index) {
        return std::string(played_.asked().at(index).headers.get("Authorization"));
    }
    // Only this token is good.
    static played_server::answering asks_for(std::string token) {
        return [token](const http::request& asked) {
            return asked.headers.get("Authorization") == "Bearer " + token
                       ? played_server::object()
                       : played_server::failure(401, "Unauthorized");
        };
    }

    static inline const resource secrets{.version = "v1", .plural = "secrets", .kind = "Secret"};
    std::filesystem::path folder_;
    fakes::manual_clock clock_;
    kube::config config_;
    played_server played_;
    std::unique_ptr<remembering_log> log_;
    std::unique_ptr<http::server> server_;
};

// ---- tokens --------------------------------------------------------------------------

// The kubelet puts a new file in place by turning a symbolic link.
TEST_F(kube_client, reads_its_token_again_after_a_minute) {
    start();
    keep("1", "one\n");
    keep("2", "two\n");
    const auto turn = [this](const char* to) {
        std::filesystem::create_symlink(folder_ / to, folder_ / "next");
        std::filesystem::rename(folder_ / "next", folder_ / "token");
    };
    turn("1");
    config_.token_file = (folder_ / "token").string();
    const auto got = run([&](client& through) -> aio::task<> {
        for (const int wait : {0, 60, 1}) {
            clock_.advance(seconds(wait));
            auto answer = co_await through.get(secrets, "shop", "one");
            EXPECT_TRUE(answer);
            if (wait == 0) turn("2");
        }
        co_return done();
    });
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(shown(0), "Bearer one");
    EXPECT_EQ(shown(1), "Bearer one");
    EXPECT_EQ(shown(2), "Bearer two");
}

TEST_F(kube_client, reads_its_token_again_when_refused_and_tries_once_more) {
    start();
    config_.token_file = keep("token", "one");
    std::string path = "/api/v1/namespaces/shop/services/http:a:b/proxy/metrics";
    const std::vector<use> calls{
        [](client& through) -> aio::task<> {
            auto got = co_await through.create(secrets, "shop", {});  // a POST had no effect, too
            if (!got) co_return base::pass(std::move(got));
            co_return done();
        },
        [path](client& through) -> aio::task<> {
            auto got = co_await through.raw_get(path, std::chrono::steady_clock::now() + seconds(9),
                                                1000, "services/proxy");
            if (!got) co_return base::pass(std::move(got));
            EXPECT_EQ(got->status, 200U);
            co_return done();
        },
        [](client& through) -> aio::task<> {
            auto got = co_await through.open_watch("/api/v1/secrets?watch=1", "secrets");
            if (!got) co_return base::pass(std::move(got));
            co_return done();
        },
    };
    for (const auto& call : calls) {
        const auto got = run([&](client& through) -> aio::task<> {
            keep("token", "one");
            played_.answer_with(asks_for("one"));
            auto first = co_await through.get(secrets, "shop", "one");
            EXPECT_TRUE(first);
            keep("token", "two");
            played_.answer_with(asks_for("two"));
            co_return co_await call(through);
        });
        EXPECT_TRUE(got) << got.error().text;
        EXPECT_EQ(played_.asked().size(), 2U);
    }
}

TEST_F(kube_client, tells_a_refusal_at_once_when_its_token_is_still_the_same) {
    start();
    config_.token_file = keep("token", "one");
    played_.answer_with(asks_for("two"));
    EXPECT_EQ(run_get().error().code, errc::denied);
    EXPECT_EQ(played_.asked().size(), 1U);
    config_.token_file.clear();
    config_.token = base::secret("three");
    EXPECT_EQ(run_get().error().code, errc::denied);
    EXPECT_EQ(shown(1), "Bearer three");
}

// A half-written file, or one that would write headers of its own.
TEST_F(kube_client, keeps_its_token_while_the_file_holds_none) {
    start();
    config_.token_file = keep("token", "one");
    const auto got = run([&](client& through) -> aio::task<> {
        for (const auto* text : {"one", "", "two\r\nX-Remote-User: root"}) {
            keep("token", text);
            clock_.advance(seconds(61));
            auto answer = co_await through.get(secrets, "shop", "one");
            EXPECT_TRUE(answer);
        }
        std::filesystem::remove(folder_ / "token");
        clock_.advance(seconds(61));
        auto answer = co_await through.get(secrets, "shop", "one");
        EXPECT_TRUE(answer);
        co_return done();
    });
    ASSERT_TRUE(got) << got.error().text;
    for (std::size_t index = 0; index < 4; ++index) EXPECT_EQ(shown(index), "Bearer one");
}

// ---- certificates --------------------------------------------------------------------

TEST_F(kube_client, takes_a_new_authority_from_its_file) {
    const fakes::certificate_authority before("before");
    const fakes::certificate_authority after("after");
    start_secure(after);
    config_.ca_pem = before.pem();
    config_.ca_file = keep("ca.crt", before.pem());
    const auto refused = run_get();
    EXPECT_EQ(refused.error().code, errc::denied);
    EXPECT_NE(refused.error().text.find("unable to get local issuer"), std::string::npos)
        << refused.error().text;
    const auto got = run([&](client& through) -> aio::task<> {
        auto answer = co_await through.get(secrets, "shop", "one");
        EXPECT_FALSE(answer);
        keep("ca.crt", "half a certif");  // being written
        answer = co_await through.get(secrets, "shop", "one");
        EXPECT_EQ(answer.error().code, errc::denied);
        keep("ca.crt", before.pem() + after.pem());
        answer = co_await through.get(secrets, "shop", "one");
        EXPECT_TRUE(answer) << answer.error().text;
        co_return done();
    });
    EXPECT_TRUE(got) << got.error().text;
    EXPECT_EQ(played_.asked().size(), 1U);
}

TEST_F(kube_client, takes_a_new_certificate_of_its_own_from_its_files) {
    const fakes::certificate_authority authority("authority");
    start_secure(authority, "127.0.0.1", authority.pem());
    const auto old = authority.issue({.has_expired = true});
    config_.ca_pem = authority.pem();
    config_.client_certificate_pem = old.certificate;
    config_.client_certificate_file = keep("client.crt", old.certificate);
    config_.client_key_pem = base::secret(old.private_key);
    config_.client_key_file = keep("client.key", old.private_key);
    const auto got = run([&](client& through) -> aio::task<> {
        auto answer = co_await through.get(secrets, "shop", "one");
        EXPECT_EQ(answer.error().code, errc::denied) << answer.error().text;
        const auto fresh = authority.issue({});
        keep("client.crt", fresh.certificate);  // without its key it cannot be used
        answer = co_await through.get(secrets, "shop", "one");
        EXPECT_FALSE(answer);
        keep("client.key", fresh.private_key);
        answer = co_await through.get(secrets, "shop", "one");
        EXPECT_TRUE(answer) << answer.error().text;
        co_return done();
    });
    EXPECT_TRUE(got) << got.error().text;
}

// From the kubeconfig to the handshake.
TEST_F(kube_client, does_with_a_kubeconfig_what_it_says) {
    const fakes::certificate_authority authority("authority");
    start_secure(authority, "kubernetes.default");
    played_.answer_with(asks_for("s3cret"));
    keep("ca.crt", authority.pem());
    const auto get_with = [this](const std::string& cluster) {
        const auto path = keep("config",
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
    EXPECT_EQ(mismatch.error().code, errc::denied);
    EXPECT_NE(mismatch.error().text.find("it is for kubernetes.default and not for 127.0.0.1"),
              std::string::npos)
        << mismatch.error().text;
    const auto named =
        get_with("certificate-authority: ca.crt, tls-server-name: kubernetes.default");
    EXPECT_TRUE(named) << named.error().text;
    EXPECT_EQ(get_with("tls-server-name: kubernetes.default").error().code, errc::denied);
    const auto insecure = get_with("insecure-skip-tls-verify: true");
    EXPECT_TRUE(insecure) << insecure.error().text;
    const auto authority_only = get_with("tls-server-name: x, certificate-authority: ca.crt");
    EXPECT_EQ(authority_only.error().code, errc::denied);
}

TEST_F(kube_client, asks_below_the_path_of_its_server) {
    start();
    config_.server.path = "/k8s/clusters/c-1";
    ASSERT_TRUE(run_get());
    EXPECT_EQ(played_.asked().at(0).target, "/k8s/clusters/c-1/api/v1/namespaces/shop/secrets/one");
}

// ---- another try ---------------------------------------------------------------------

struct retry_case {
    const char* name;
    http::answer (*first)();
    std::size_t gets;  // how often it is asked in all
    std::size_t posts;
};

class kube_client_retry : public kube_client, public testing::WithParamInterface<retry_case> {};

TEST_P(kube_client_retry, comes_when_it_does_no_harm) {
    start();
    const auto first = [](const http::request&) { return GetParam().first(); };
    played_.answer_first({first});
    EXPECT_EQ(run_get().has_value(), GetParam().gets == 2);
    EXPECT_EQ(played_.asked().size(), GetParam().gets);
    played_.answer_first({first});
    EXPECT_EQ(run_create().has_value(), GetParam().posts == 2);
    EXPECT_EQ(played_.asked().size(), GetParam().posts);
}

INSTANTIATE_TEST_SUITE_P(
    all, kube_client_retry,
    testing::Values(
        // Refused before it was looked at.
        retry_case{"too_many", [] { return played_server::failure(429, "TooManyRequests", "0"); },
                   2, 2},
        retry_case{"later", [] { return played_server::failure(503, "ServiceUnavailable", "0"); },
                   2, 2},
        // Nobody says that it had no effect.
        retry_case{"down", [] { return played_server::failure(503, "ServiceUnavailable"); }, 2, 1},
        retry_case{"slow", [] { return played_server::failure(500, "ServerTimeout", "0"); }, 2, 1},
        retry_case{"cut", [] { return played_server::cut(); }, 2, 1},
        // Would be the same the next time.
        retry_case{"broken", [] { return played_server::failure(500, "InternalError"); }, 1, 1},
        retry_case{"denied", [] { return played_server::failure(403, "Forbidden"); }, 1, 1},
        retry_case{"absent", [] { return played_server::failure(404, "NotFound"); }, 1, 1},
        // Of the time of a list, and the reflector knows better what to do.
        retry_case{"too_new", [] { return played_server::failure(504, "Timeout", "1"); }, 1, 1},
        // A redirect is no object, whatever it holds.
        retry_case{
            "elsewhere",
            [] { return http::answer{.response = {.status = 302, .body = http::body("{}")}}; }, 1,
            1}),
    [](const auto& which) { return which.param.name; });

TEST_F(kube_client, gives_up_after_so_many_tries) {
    start();
    played_.answer_with(
        [](const http::request&) { return played_server::failure(429, "TooManyRequests", "7"); });
    const auto got = run_get(2);
    EXPECT_EQ(got.error().code, errc::unavailable);
    EXPECT_EQ(got.error().retry_after, seconds(7));
    EXPECT_EQ(played_.asked().size(), 3U);
}

// The second try would meet the version that the first one made, and be told of a conflict.
TEST_F(kube_client, repeats_a_patch_only_when_it_names_no_version) {
    start();
    const auto patch = [this](patch_type how, json::value body) {
        played_.answer_first({[](const http::request&) { return played_server::cut(); }});
        auto act = [](client& through, patch_type type, json::value what) -> aio::task<> {
            auto got = co_await through.patch(secrets, "shop", "one", type, std::move(what));
            if (!got) co_return base::pass(std::move(got));
            co_return done();
        };
        const auto got = run([&](client& through) { return act(through, how, body); });
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
    played_.answer_with([](const http::request&) {
        http::answer made{.response = {.status = 504}};
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
    const auto got = run([](client& through) -> aio::task<> {
        auto stream = co_await through.open_watch("/api/v1/secrets?watch=1", "secrets");
        if (!stream) co_return base::pass(std::move(stream));
        co_return done();
    });
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().reason, "Timeout");
    ASSERT_EQ(got.error().fields.size(), 1U);
    EXPECT_EQ(got.error().fields[0].code, "ResourceVersionTooLarge");
}

TEST_F(kube_client, passes_on_warnings_however_they_are_spelled) {
    start();
    log_ = std::make_unique<remembering_log>();
    played_.answer_with([](const http::request&) {
        auto made = played_server::object();
        made.response.headers.add("warning", "299 - \"old\"");
        return made;
    });
    ASSERT_TRUE(run_get());
    EXPECT_EQ(log_->events, std::vector<std::string>{"kubernetes_warning"});
}

}  // namespace
}  // namespace kube
