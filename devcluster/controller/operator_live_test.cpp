// The operator against an API server in this process, with a real Redis where it is installed.
#include "devcluster/controller/operator.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "aio/block_on.hpp"
#include "base/random_id.hpp"
#include "devcluster/apiserver/api_server.hpp"
#include "devcluster/controller/kinds.hpp"
#include "devcluster/controller/kubedb_objects.hpp"
#include "devcluster/runtime/engine.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"

namespace controller {
namespace {

using namespace std::chrono_literals;
using base::errc;

constexpr auto patience = 60s;
const std::string ns = "shop";

const engine_kind& kind(std::string_view engine) {
    for (const auto& each : engine_kinds()) {
        if (each.engine == engine) return each;
    }
    ADD_FAILURE() << "no such kind: " << engine;
    return engine_kinds()[0];
}

json::object database(const engine_kind& kind_of_database, const std::string& name,
                      const std::string& policy) {
    return {{"apiVersion", "kubedb.com/v1"},
            {"kind", kind_of_database.kind},
            {"metadata", {{"name", name}, {"namespace", ns}}},
            {"spec",
             {{"version", "7"},
              {"replicas", 1},
              {"storage", {{"resources", {{"requests", {{"storage", "1Gi"}}}}}}},
              {"monitor", {{"agent", "prometheus.io/builtin"}}},
              {"deletionPolicy", policy}}}};
}

json::object request(const std::string& name, const std::string& type, json::object more) {
    more["type"] = type;
    more["databaseRef"] = json::object{{"name", "cache"}};
    return {{"apiVersion", "ops.kubedb.com/v1alpha1"},
            {"kind", "RedisOpsRequest"},
            {"metadata", {{"name", name}, {"namespace", ns}}},
            {"spec", std::move(more)}};
}

std::string phase_of(const json::object& object) {
    const auto* status = json::object_at(object, "status");
    return status == nullptr ? "" : std::string(json::text_at(*status, "phase"));
}

class operator_live : public testing::Test {
  protected:
    void SetUp() override {
        std::string missing;
        if (runtime::installed_version(*runtime::find_engine("redis"), missing).empty()) {
            GTEST_SKIP() << missing << " is not installed: apt-get install it to run this test";
        }
        std::filesystem::create_directory(folder_);
        // The engines' user must be able to enter the folder.
        std::filesystem::permissions(folder_, std::filesystem::perms(0755));
        auto started = apiserver::start({.data_dir = (folder_ / "apiserver").string()});
        ASSERT_TRUE(started) << started.error().text;
        server_ = std::move(*started);
    }
    void TearDown() override {
        server_.reset();
        std::filesystem::remove_all(folder_);
    }

    // Runs the operator and `scene`, then stops everything.
    void run(std::move_only_function<aio::task<>()> scene) {
        const auto ended = aio::block_on(life(std::move(scene)));
        EXPECT_TRUE(ended) << ended.error().text;
    }
    aio::task<> life(std::move_only_function<aio::task<>()> scene) {
        const auto executor = co_await aio::this_executor();
        auto client = kube::make_client(
            executor, {.config = {.server = {.host = "127.0.0.1", .port = server_->port()}}});
        if (!client) co_return base::pass(std::move(client));
        kube_ = client->get();
        aio::blocking_pool pool(4, 256);
        auto local = make_operator(executor, **client, pool, base::system_clock(), obs::null_log(),
                                   {.data_dir = folder_.string()});
        aio::task_group work(executor);
        work.spawn(local->run());
        auto result = co_await scene();
        work.cancel();
        co_await work.join();
        co_await local->stop();
        kube_ = nullptr;
        co_return result;
    }

    aio::task<> make_home() {
        auto created = co_await kube_->create(
            {.version = "v1", .plural = "namespaces", .kind = "Namespace", .namespaced = false}, {},
            {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", ns}}}});
        if (!created) co_return base::pass(std::move(created));
        co_return base::ok();
    }
    aio::task<> make(kube::resource resource, json::object object) {
        auto created = co_await kube_->create(std::move(resource), ns, std::move(object));
        if (!created) co_return base::pass(std::move(created));
        co_return base::ok();
    }
    aio::task<> change(json::object spec) {
        auto changed =
            co_await kube_->patch(database_resource(kind("redis")), ns, "cache",
                                  kube::patch_type::merge, json::object{{"spec", std::move(spec)}});
        if (!changed) co_return base::pass(std::move(changed));
        co_return base::ok();
    }
    // Waits until the object has the phase; "": until the object does not exist.
    aio::task<json::object> reaches(kube::resource resource, std::string name, std::string phase) {
        const auto give_up = std::chrono::steady_clock::now() + patience;
        std::string last;
        while (std::chrono::steady_clock::now() < give_up) {
            auto stored = co_await kube_->get(resource, ns, name);
            if (!stored && stored.error().code != errc::not_found) co_return stored;
            if (!stored && phase.empty()) co_return json::object{};
            if (stored) last = phase_of(*stored);
            if (stored && last == phase) co_return stored;
            auto slept = co_await aio::sleep_for(20ms);
            if (!slept) co_return base::pass(std::move(slept));
        }
        co_return base::fail(errc::timed_out,
                             resource.plural + " " + name + " is " + last + ", not " + phase);
    }
    aio::task<json::object> cache_reaches(std::string phase) {
        return reaches(database_resource(kind("redis")), "cache", std::move(phase));
    }
    aio::task<json::object> request_reaches(std::string name, std::string phase) {
        return reaches(request_resource(kind("redis")), std::move(name), std::move(phase));
    }
    aio::task<> vanishes(kube::resource resource, std::string name) {
        const auto give_up = std::chrono::steady_clock::now() + patience;
        while (std::chrono::steady_clock::now() < give_up) {
            const auto stored = co_await kube_->get(resource, ns, name);
            if (!stored && stored.error().code == errc::not_found) co_return base::ok();
            auto slept = co_await aio::sleep_for(20ms);
            if (!slept) co_return slept;
        }
        co_return base::fail(errc::timed_out, resource.plural + " " + name + " is still there");
    }
    // Deletes the object and waits until it is created again.
    aio::task<json::object> comes_back(kube::resource resource, std::string name) {
        auto before = co_await kube_->get(resource, ns, name);
        if (!before) co_return base::pass(std::move(before), resource.plural);
        const auto uid = json::value(before->at("metadata").at("uid"));
        auto removed = co_await kube_->remove(resource, ns, name);
        if (!removed) co_return base::pass(std::move(removed), resource.plural);
        const auto give_up = std::chrono::steady_clock::now() + patience;
        while (std::chrono::steady_clock::now() < give_up) {
            auto stored = co_await kube_->get(resource, ns, name);
            if (stored && stored->at("metadata").at("uid") != uid) co_return stored;
            auto slept = co_await aio::sleep_for(20ms);
            if (!slept) co_return base::pass(std::move(slept));
        }
        co_return base::fail(errc::timed_out, resource.plural + " " + name + " does not come back");
    }
    aio::task<std::size_t> count(kube::resource resource) {
        auto page = co_await kube_->list(std::move(resource), ns);
        if (!page) co_return base::pass(std::move(page));
        co_return page->items.size();
    }

    [[nodiscard]] std::filesystem::path member(int ordinal) const {
        return folder_ / "members/redis" / ns / "cache" / ("cache-" + std::to_string(ordinal));
    }
    // The server process of a member's folder; 0 if there is none.
    [[nodiscard]] pid_t server_of(int ordinal) const {
        for (const auto& each : std::filesystem::directory_iterator("/proc")) {
            std::error_code error;
            const auto cwd = std::filesystem::read_symlink(each.path() / "cwd", error);
            const auto program = std::filesystem::read_symlink(each.path() / "exe", error);
            // Redis changes to its "dir" at the start.
            const bool is_there = cwd == member(ordinal) || cwd == member(ordinal) / "data";
            if (is_there && program.string().find("exporter") == std::string::npos) {
                return std::stoi(each.path().filename());
            }
        }
        return 0;
    }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / base::random_id("controller-");
    std::unique_ptr<apiserver::api_server> server_;
    kube::client* kube_ = nullptr;
};

// NOLINTBEGIN(bugprone-macro-parentheses): `name` is declared
#define CO_TRY(name, expression)       \
    auto name = co_await (expression); \
    if (!name) co_return base::pass(std::move(name))
// NOLINTEND(bugprone-macro-parentheses)

TEST_F(operator_live, runs_a_database_through_failure_recovery_and_wipe_out) {
    run([this]() -> aio::task<> {
        CO_TRY(home_made, make_home());
        CO_TRY(made,
               make(database_resource(kind("redis")), database(kind("redis"), "cache", "WipeOut")));
        CO_TRY(ready, cache_reaches("Ready"));
        const auto* metadata = json::object_at(*ready, "metadata");
        EXPECT_EQ(metadata->at("finalizers"), json::value(json::array{"kubedb.com"}));

        const auto first = server_of(0);
        // Never 0: that would be the whole process group of this test.
        if (first <= 0) co_return base::fail(errc::not_found, "no server works for the member");
        ::kill(first, SIGKILL);
        CO_TRY(broken, cache_reaches("NotReady"));
        CO_TRY(mended, cache_reaches("Ready"));
        CO_TRY(pod, kube_->get(core("pods", "Pod"), ns, "cache-0"));
        EXPECT_EQ(pod->at("status").at("containerStatuses").as_array()[0].at("restartCount"), 1);
        CO_TRY(events, kube_->list(core("events", "Event"), ns));
        EXPECT_TRUE(std::ranges::any_of(events->items, [](const json::object& each) {
            return json::text_at(each, "reason") == "BackOff";
        }));

        CO_TRY(deleted, kube_->remove(database_resource(kind("redis")), ns, "cache"));
        CO_TRY(gone, cache_reaches(""));
        for (const auto& resource :
             {core("pods", "Pod"), core("services", "Service"), core("endpoints", "Endpoints"),
              core("secrets", "Secret"), claims()}) {
            CO_TRY(left, count(resource));
            EXPECT_EQ(*left, 0U) << resource.plural;
        }
        EXPECT_EQ(server_of(0), 0);
        EXPECT_FALSE(std::filesystem::exists(member(0)));
        co_return base::ok();
    });
}

TEST_F(operator_live, executes_requests_one_at_a_time) {
    run([this]() -> aio::task<> {
        CO_TRY(home_made, make_home());
        CO_TRY(made,
               make(database_resource(kind("redis")), database(kind("redis"), "cache", "WipeOut")));
        CO_TRY(ready, cache_reaches("Ready"));
        const auto resource = request_resource(kind("redis"));
        const auto first = server_of(0);
        CO_TRY(r1, make(resource, request("a-restart", "Restart", {})));
        CO_TRY(r2, make(resource, request("more", "HorizontalScaling",
                                          {{"horizontalScaling", {{"replicas", 2}}}})));
        CO_TRY(r3, make(resource, request("no-shards", "HorizontalScaling",
                                          {{"horizontalScaling", {{"shards", 3}}}})));
        CO_TRY(done, request_reaches("a-restart", "Successful"));
        EXPECT_NE(server_of(0), first);
        CO_TRY(refused, request_reaches("no-shards", "Failed"));
        CO_TRY(superseded, request_reaches("more", "Skipped"));
        CO_TRY(r4, make(resource, request("more-now", "HorizontalScaling",
                                          {{"horizontalScaling", {{"replicas", 2}}}})));
        CO_TRY(scaled, request_reaches("more-now", "Successful"));
        CO_TRY(pods, count(core("pods", "Pod")));
        EXPECT_EQ(*pods, 2U);
        CO_TRY(r5, make(resource,
                        request("grow", "VolumeExpansion",
                                {{"volumeExpansion", {{"redis", "2Gi"}, {"mode", "Online"}}}})));
        CO_TRY(grown, request_reaches("grow", "Successful"));
        CO_TRY(claim, kube_->get(claims(), ns, "data-cache-1"));
        EXPECT_EQ(claim->at("status").at("capacity").at("storage"), "2Gi");
        CO_TRY(fewer, make(resource, request("fewer", "HorizontalScaling",
                                             {{"horizontalScaling", {{"replicas", 1}}}})));
        CO_TRY(shrunk, request_reaches("fewer", "Successful"));
        EXPECT_FALSE(std::filesystem::exists(member(1)));
        CO_TRY(orphan, make(resource, [] {
                   auto made_up = request("orphan", "Restart", {});
                   made_up["spec"].as_object()["databaseRef"] = json::object{{"name", "absent"}};
                   return made_up;
               }()));
        CO_TRY(failed, request_reaches("orphan", "Failed"));
        co_return base::ok();
    });
}

TEST_F(operator_live, completes_a_request_after_its_pod_was_deleted) {
    run([this]() -> aio::task<> {
        CO_TRY(home_made, make_home());
        CO_TRY(made,
               make(database_resource(kind("redis")), database(kind("redis"), "cache", "WipeOut")));
        CO_TRY(ready, cache_reaches("Ready"));
        CO_TRY(deleted, kube_->remove(core("pods", "Pod"), ns, "cache-0"));
        CO_TRY(asked, make(request_resource(kind("redis")), request("again", "Restart", {})));
        CO_TRY(done, request_reaches("again", "Successful"));
        CO_TRY(pod, reaches(core("pods", "Pod"), "cache-0", "Running"));
        co_return base::ok();
    });
}

TEST_F(operator_live, creates_deleted_objects_again) {
    run([this]() -> aio::task<> {
        CO_TRY(home_made, make_home());
        CO_TRY(made,
               make(database_resource(kind("redis")), database(kind("redis"), "cache", "WipeOut")));
        CO_TRY(ready, cache_reaches("Ready"));
        const auto secrets = core("secrets", "Secret");
        CO_TRY(before, kube_->get(secrets, ns, "cache-auth"));
        CO_TRY(after, comes_back(secrets, "cache-auth"));
        EXPECT_EQ(after->at("data"), before->at("data"));
        CO_TRY(pod, comes_back(core("pods", "Pod"), "cache-0"));
        CO_TRY(claim, comes_back(claims(), "data-cache-0"));
        CO_TRY(service, comes_back(core("services", "Service"), "cache"));
        CO_TRY(endpoints, comes_back(core("endpoints", "Endpoints"), "cache"));
        CO_TRY(set, comes_back(pet_sets(), "cache"));
        CO_TRY(binding, comes_back(bindings(), "cache"));
        // The operator owns the created object again, so it is deleted with the database.
        CO_TRY(gone, kube_->remove(database_resource(kind("redis")), ns, "cache"));
        CO_TRY(ended, cache_reaches(""));
        CO_TRY(left, count(secrets));
        EXPECT_EQ(*left, 0U);
        co_return base::ok();
    });
}

TEST_F(operator_live, keeps_data_and_ports_of_a_halted_database) {
    run([this]() -> aio::task<> {
        CO_TRY(home_made, make_home());
        CO_TRY(made,
               make(database_resource(kind("redis")), database(kind("redis"), "cache", "Delete")));
        CO_TRY(ready, cache_reaches("Ready"));
        std::string ports;
        std::getline(std::ifstream(member(0) / "ports"), ports);
        CO_TRY(asked, change({{"halted", true}}));
        CO_TRY(halted, cache_reaches("Halted"));
        EXPECT_EQ(server_of(0), 0);
        CO_TRY(pods, count(core("pods", "Pod")));
        CO_TRY(services, count(core("services", "Service")));
        EXPECT_EQ(*pods + *services, 0U);
        CO_TRY(again, change({{"halted", false}}));
        CO_TRY(back, cache_reaches("Ready"));
        std::string later;
        std::getline(std::ifstream(member(0) / "ports"), later);
        EXPECT_EQ(ports, later);
        co_return base::ok();
    });
}

TEST_F(operator_live, restart_continues_databases_and_deletes_leftovers) {
    run([this]() -> aio::task<> {
        CO_TRY(home_made, make_home());
        CO_TRY(made,
               make(database_resource(kind("redis")), database(kind("redis"), "cache", "Halt")));
        CO_TRY(ready, cache_reaches("Ready"));
        co_return base::ok();
    });
    EXPECT_EQ(server_of(0), 0);
    const auto leftover = folder_ / "members/redis" / ns / "forgotten";
    std::filesystem::create_directories(leftover / "forgotten-0");
    run([&]() -> aio::task<> {
        // Not "Provisioning": the database was provisioned before.
        CO_TRY(ready, cache_reaches("Ready"));
        while (server_of(0) == 0 || std::filesystem::exists(leftover)) {
            CO_TRY(slept, aio::sleep_for(20ms));
        }
        // The policy keeps the volume and its folder after the deletion of the object.
        CO_TRY(deleted, kube_->remove(database_resource(kind("redis")), ns, "cache"));
        CO_TRY(gone, cache_reaches(""));
        EXPECT_TRUE(std::filesystem::exists(member(0) / "data"));
        CO_TRY(kept, count(claims()));
        EXPECT_EQ(*kept, 1U);
        co_return base::ok();
    });
}

TEST_F(operator_live, a_failed_restart_does_not_restart_other_members) {
    run([this]() -> aio::task<> {
        CO_TRY(home_made, make_home());
        auto two = database(kind("redis"), "cache", "WipeOut");
        two["spec"].get_object()["replicas"] = 2;
        CO_TRY(made, make(database_resource(kind("redis")), std::move(two)));
        CO_TRY(ready, cache_reaches("Ready"));
        const auto first = server_of(0);
        const auto last = server_of(1);
        if (last <= 0) co_return base::fail(errc::not_found, "no server works for the follower");
        // Stops the member that would restart first.
        ::kill(last, SIGSTOP);
        CO_TRY(asked, make(request_resource(kind("redis")),
                           request("late", "Restart", {{"timeout", "1s"}})));
        auto failed = co_await request_reaches("late", "Failed");
        ::kill(last, SIGCONT);
        if (!failed) co_return base::pass(std::move(failed));
        CO_TRY(mended, cache_reaches("Ready"));
        EXPECT_EQ(server_of(0), first);
        EXPECT_NE(server_of(1), last);
        co_return base::ok();
    });
}

TEST_F(operator_live, deletes_members_that_a_halt_made_surplus) {
    run([this]() -> aio::task<> {
        CO_TRY(home_made, make_home());
        auto two = database(kind("redis"), "cache", "Delete");
        two["spec"].get_object()["replicas"] = 2;
        CO_TRY(made, make(database_resource(kind("redis")), std::move(two)));
        CO_TRY(ready, cache_reaches("Ready"));
        CO_TRY(asked, change({{"halted", true}}));
        CO_TRY(halted, cache_reaches("Halted"));
        CO_TRY(again, change({{"halted", false}, {"replicas", 1}}));
        CO_TRY(back, cache_reaches("Ready"));
        EXPECT_FALSE(std::filesystem::exists(member(1)));
        CO_TRY(kept, count(claims()));
        EXPECT_EQ(*kept, 1U);
        co_return base::ok();
    });
}

TEST_F(operator_live, restart_completes_an_interrupted_removal) {
    run([this]() -> aio::task<> {
        CO_TRY(home_made, make_home());
        CO_TRY(made,
               make(database_resource(kind("redis")), database(kind("redis"), "cache", "Delete")));
        CO_TRY(ready, cache_reaches("Ready"));
        // Three members, each with a different remainder; the last member is removed first.
        const auto wanted = read_database(kind("redis"), *ready);
        std::filesystem::create_directory(member(3));
        CO_TRY(claim, make(claims(), claim_object(wanted, 2)));
        CO_TRY(pod, make(core("pods", "Pod"), pod_object(wanted, 1)));
        co_return base::ok();
    });
    run([this]() -> aio::task<> {
        CO_TRY(no_claim, vanishes(claims(), "data-cache-2"));
        CO_TRY(no_pod, vanishes(core("pods", "Pod"), "cache-1"));
        EXPECT_FALSE(std::filesystem::exists(member(3)));
        CO_TRY(ready, cache_reaches("Ready"));
        CO_TRY(pods, count(core("pods", "Pod")));
        EXPECT_EQ(*pods, 1U);
        co_return base::ok();
    });
}

TEST_F(operator_live, rejects_unsupported_databases_with_an_event) {
    run([this]() -> aio::task<> {
        CO_TRY(home_made, make_home());
        const auto& mysql = kind("mysql");
        CO_TRY(made, make(database_resource(mysql), database(mysql, "my", "WipeOut")));
        CO_TRY(refused, reaches(database_resource(mysql), "my", "NotReady"));
        CO_TRY(events, kube_->list(core("events", "Event"), ns));
        EXPECT_TRUE(std::ranges::any_of(events->items, [](const json::object& each) {
            return json::text_at(each, "reason") == "NoRuntime";
        }));
        CO_TRY(deleted, kube_->remove(database_resource(mysql), ns, "my"));
        CO_TRY(gone, reaches(database_resource(mysql), "my", ""));
        co_return base::ok();
    });
}

}  // namespace
}  // namespace controller
