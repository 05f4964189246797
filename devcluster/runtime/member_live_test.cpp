// Members with real servers and exporters. Engines that are not installed are skipped.
#include "devcluster/runtime/member.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "aio/block_on.hpp"
#include "base/random_id.hpp"
#include "devcluster/runtime/local_ports.hpp"
#include "devcluster/runtime/readiness_check.hpp"

namespace runtime {
namespace {

using namespace std::chrono_literals;

constexpr auto timeout = 60s;

// A socket that listens on loopback and never responds.
class taken_port {
  public:
    explicit taken_port(int port)
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), port_(port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        has_it_ = ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                  ::listen(fd_, 1) == 0;
    }
    ~taken_port() { ::close(fd_); }
    taken_port(const taken_port&) = delete;
    taken_port& operator=(const taken_port&) = delete;
    [[nodiscard]] bool has_it() const { return has_it_; }
    [[nodiscard]] int port() const { return port_; }

  private:
    int fd_;
    int port_;
    bool has_it_ = false;
};

class member_live : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        engine_ = find_engine(GetParam());
        ASSERT_NE(engine_, nullptr);
        std::string missing;
        if (installed_version(*engine_, missing).empty()) {
            GTEST_SKIP() << missing << " is not installed: apt-get install it to run this test";
        }
        std::filesystem::create_directory(folder_);
        // The engines' user must be able to enter the folder.
        std::filesystem::permissions(folder_, std::filesystem::perms(0755));
        user_ = choose_user(folder_.string());
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    member_plan plan(const std::string& name, int primary_port = 0) {
        const auto folder = folder_ / name;
        std::filesystem::create_directory(folder);
        std::filesystem::permissions(folder, std::filesystem::perms(0700));
        EXPECT_TRUE(change_owner(user_, folder.string()));
        return {.name = name,
                .folder = folder.string(),
                .password = "Abcd1234Efgh5678",
                .user = std::string(engine_->user),
                .primary_port = primary_port,
                .memory_bytes = 128 * mebibyte};
    }
    member::deps deps() {
        return {.engine = *engine_,
                .as = user_,
                .pool = pool_,
                .ports = ports_,
                .log = obs::null_log(),
                .on_event = [this](std::string, std::string reason,
                                   std::string) { events_.push_back(std::move(reason)); },
                .on_change = [] {}};
    }

    // Runs the members and `scene`, then stops the members.
    void run(std::vector<member*> members, std::move_only_function<aio::task<>()> scene) {
        auto whole = [](std::vector<member*> cast,
                        std::move_only_function<aio::task<>()> script) -> aio::task<> {
            aio::task_group group(co_await aio::this_executor());
            for (auto* each : cast) group.spawn(each->run());
            auto result = co_await script();
            for (auto* each : cast) each->stop();
            co_await group.join();
            co_return result;
        };
        const auto ended = aio::block_on(whole(std::move(members), std::move(scene)));
        EXPECT_TRUE(ended) << ended.error().text;
    }

    static aio::task<> until(std::function<bool()> is_so, std::string condition) {
        const auto deadline = std::chrono::steady_clock::now() + timeout;
        while (!is_so()) {
            if (std::chrono::steady_clock::now() > deadline) {
                co_return base::fail(base::errc::timed_out, "never: " + condition);
            }
            auto slept = co_await aio::sleep_for(20ms);
            if (!slept) co_return slept;
        }
        co_return base::ok();
    }

    // The page of the member's exporter; empty before the exporter serves one.
    static std::string page(const member& source) {
        const auto text =
            query(source.plan().exporter_port,
                  "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 10s,
                  [](std::string_view) { return false; });
        return text.starts_with("HTTP/1.1 200") ? text : "";
    }
    [[nodiscard]] std::string up() const {
        const auto name = engine_->name == "postgres"  ? "pg_up 1"
                          : engine_->name == "mariadb" ? "mysql_up 1"
                                                       : std::string(engine_->name) + "_up 1";
        return name;
    }

    const engine* engine_ = nullptr;
    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / base::random_id("runtime-");
    run_user user_;
    aio::blocking_pool pool_{4, 64};
    port_registry ports_;
    std::vector<std::string> events_;
};

TEST_P(member_live, starts_serves_metrics_survives_a_kill_and_stops) {
    member one(plan("one"), deps());
    pid_t first = 0;
    member_ports used;
    run({&one}, [&]() -> aio::task<> {
        auto ready = co_await until([&] { return one.state().is_ready; }, "ready");
        if (!ready) co_return ready;
        ready = co_await until([&] { return page(one).find(up()) != std::string::npos; }, up());
        if (!ready) co_return ready;
        first = one.state().pid;
        used = {.server = one.plan().port, .exporter = one.plan().exporter_port};
        ::kill(first, SIGKILL);
        ready = co_await until([&] { return !one.state().is_ready; }, "noticed");
        if (!ready) co_return ready;
        co_return co_await until([&] { return one.state().is_ready; }, "ready again");
    });
    EXPECT_EQ(one.state().restarts, 1);
    EXPECT_EQ(one.plan().port, used.server);
    EXPECT_EQ(one.plan().exporter_port, used.exporter);
    EXPECT_EQ(std::ranges::count(events_, "BackOff"), 1);
    EXPECT_EQ(one.state().pid, 0);
    EXPECT_TRUE(is_port_free(used.server));
    EXPECT_TRUE(is_port_free(used.exporter));
}

TEST_P(member_live, runs_in_a_folder_with_a_long_path) {
    member one(plan(std::string(100, 'n')), deps());
    run({&one}, [&]() -> aio::task<> {
        auto ready = co_await until([&] { return one.state().is_ready; }, "ready");
        if (!ready) co_return ready;
        co_return co_await until([&] { return page(one).find(up()) != std::string::npos; }, up());
    });
    EXPECT_EQ(one.state().restarts, 0);
}

TEST_P(member_live, restarts_an_exporter) {
    if (engine_->exporter == nullptr) GTEST_SKIP() << "its exporter is not a separate process";
    member one(plan("one"), deps());
    run({&one}, [&]() -> aio::task<> {
        auto ready = co_await until([&] { return !page(one).empty(); }, "a page");
        if (!ready) co_return ready;
        // The exporter is the second process with the member's folder as its working folder.
        for (const auto& each : std::filesystem::directory_iterator("/proc")) {
            std::error_code error;
            const auto cwd = std::filesystem::read_symlink(each.path() / "cwd", error);
            const auto program = std::filesystem::read_symlink(each.path() / "exe", error);
            if (cwd != one.plan().folder) continue;
            if (program.string().find("exporter") == std::string::npos) continue;
            ::kill(std::stoi(each.path().filename()), SIGKILL);
        }
        ready = co_await until([&] { return page(one).empty(); }, "no page");
        if (!ready) co_return ready;
        co_return co_await until([&] { return !page(one).empty(); }, "a page again");
    });
    EXPECT_EQ(one.state().restarts, 0);
    EXPECT_EQ(std::ranges::count(events_, "ExporterEnded"), 1);
}

TEST_P(member_live, moves_the_exporter_from_a_port_in_use) {
    auto member_deps = deps();
    const member* seen = nullptr;
    std::unique_ptr<taken_port> stranger;
    // Between the assignment of the ports and the start of the exporter.
    member_deps.on_change = [&] {
        const int promised = seen->plan().exporter_port;
        if (!stranger && promised != 0) stranger = std::make_unique<taken_port>(promised);
    };
    member one(plan("one"), std::move(member_deps));
    seen = &one;
    run({&one}, [&]() -> aio::task<> {
        auto ready = co_await until([&] { return one.state().is_ready; }, "ready");
        if (!ready) co_return ready;
        co_return co_await until([&] { return page(one).find(up()) != std::string::npos; }, up());
    });
    ASSERT_TRUE(stranger && stranger->has_it());
    EXPECT_NE(one.plan().exporter_port, stranger->port());
    EXPECT_EQ(remembered_ports(one.plan().folder).exporter, one.plan().exporter_port);
    EXPECT_EQ(one.state().restarts, 0);
}

TEST_P(member_live, a_follower_copies_the_first_member_and_follows_after_a_restart) {
    if (!engine_->can_follow) GTEST_SKIP() << "its members do not replicate";
    member one(plan("one"), deps());
    std::unique_ptr<member> two;
    run({&one}, [&]() -> aio::task<> {
        auto ready = co_await until([&] { return one.state().is_ready; }, "ready");
        if (!ready) co_return ready;
        two = std::make_unique<member>(plan("two", one.plan().port), deps());
        aio::task_group group(co_await aio::this_executor());
        group.spawn(two->run());
        ready = co_await until([&] { return two->state().is_ready; }, "a follower");
        if (ready) {
            two->restart();
            ready = co_await until([&] { return two->state().is_ready; }, "the follower again");
        }
        two->stop();
        co_await group.join();
        co_return ready;
    });
    EXPECT_EQ(two->state().restarts, 0);
}

TEST_P(member_live, a_stop_cancels_the_preparation) {
    member one(plan("one"), deps());
    run({&one}, [&]() -> aio::task<> { co_return co_await aio::sleep_for(100ms); });
    EXPECT_FALSE(one.state().is_ready);
}

// ---- PostgreSQL only ---------------------------------------------------------------------

class postgres_live : public member_live {
  protected:
    void SetUp() override {
        member_live::SetUp();
        psql_ = std::filesystem::path(engine_->needs.front()).parent_path() / "psql";
        if (!IsSkipped() && !std::filesystem::exists(psql_)) GTEST_SKIP() << "psql is missing";
    }
    [[nodiscard]] command ask_for(const member& source, const std::string& sql) const {
        return {.program = psql_.string(),
                .arguments = {"-h", "127.0.0.1", "-p", std::to_string(source.plan().port), "-U",
                              source.plan().user, "-d", "postgres", "-Atqc", sql},
                .environment = {{"PGPASSWORD", source.plan().password}},
                .folder = folder_.string(),
                .log_path = (folder_ / "psql.log").string()};
    }
    // Runs the statement and returns its output.
    aio::task<std::string> tell(const member& target, std::string sql) {
        std::filesystem::remove(folder_ / "psql.log");
        auto ran = co_await runtime::run(ask_for(target, sql), {}, timeout, never_);
        if (!ran) co_return base::pass(std::move(ran), sql);
        std::string line;
        std::getline(std::ifstream(folder_ / "psql.log"), line);
        co_return line;
    }
    // The process of the member with this title; 0 if there is none.
    static pid_t backend(const member& source, const std::string& title) {
        for (const auto& each : std::filesystem::directory_iterator("/proc")) {
            std::error_code error;
            const auto cwd = std::filesystem::read_symlink(each.path() / "cwd", error);
            if (error || cwd != source.plan().folder + "/data") continue;
            std::string words;
            std::getline(std::ifstream(each.path() / "cmdline"), words, '\0');
            if (words.find(title) != std::string::npos) return std::stoi(each.path().filename());
        }
        return 0;
    }
    std::filesystem::path psql_;
    bool never_ = false;
};

TEST_P(postgres_live, restarts_despite_a_query_that_outlives_its_server) {
    member one(plan("one"), deps());
    pid_t busy = 0;
    run({&one}, [&]() -> aio::task<> {
        auto ready = co_await until([&] { return one.state().is_ready; }, "ready");
        if (!ready) co_return ready;
        auto client = spawn(ask_for(one, "DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$"), {});
        if (!client) co_return base::pass(std::move(client));
        ready = co_await until([&] { return (busy = backend(one, " DO")) != 0; }, "a busy backend");
        if (!ready) co_return ready;
        ::kill(one.state().pid, SIGKILL);
        ready = co_await until([&] { return !one.state().is_ready; }, "noticed");
        if (!ready) co_return ready;
        ready = co_await until([&] { return one.state().is_ready; }, "ready again");
        EXPECT_EQ(backend(one, " DO"), 0);
        co_return ready;
    });
    EXPECT_EQ(one.state().restarts, 1);
}

TEST_P(postgres_live, starts_if_another_process_has_its_last_number) {
    {
        member one(plan("one"), deps());
        run({&one}, [&]() -> aio::task<> {
            co_return co_await until([&] { return one.state().is_ready; }, "ready");
        });
    }
    auto stranger = spawn({.program = "/bin/sleep", .arguments = {"1000"}, .folder = "/"}, user_);
    ASSERT_TRUE(stranger);
    member again(plan("one"), deps());
    const auto data = again.plan().folder + "/data";
    ASSERT_TRUE(write_private(data + "/postmaster.pid",
                              fmt::format("{}\n{}\n", (*stranger)->pid(), data), user_));
    run({&again}, [&]() -> aio::task<> {
        co_return co_await until([&] { return again.state().is_ready; }, "ready");
    });
    EXPECT_EQ(again.state().restarts, 0);
    EXPECT_TRUE((*stranger)->is_alive());
}

TEST_P(postgres_live, copies_a_follower_again_after_its_wal_was_removed) {
    member one(plan("one"), deps());
    run({&one}, [&]() -> aio::task<> {
        auto ready = co_await until([&] { return one.state().is_ready; }, "ready");
        if (!ready) co_return ready;
        const auto begin = [&](std::unique_ptr<member>& two, aio::task_group& group) {
            two = std::make_unique<member>(plan("two", one.plan().port), deps());
            group.spawn(two->run());
        };
        aio::task_group group(co_await aio::this_executor());
        std::unique_ptr<member> two;
        begin(two, group);
        ready = co_await until([&] { return two->state().is_ready; }, "a follower");
        two->stop();
        co_await group.join();
        if (!ready) co_return ready;
        for (const auto* sql :
             {"CREATE TABLE t AS SELECT 1 AS n", "SELECT pg_switch_wal()",
              "INSERT INTO t VALUES (2)", "SELECT pg_switch_wal()", "CHECKPOINT"}) {
            auto result = co_await tell(one, sql);
            if (!result) co_return base::pass(std::move(result));
        }
        // Simulates more WAL than the primary keeps.
        auto present = co_await tell(one, "SELECT pg_walfile_name(pg_current_wal_lsn())");
        if (!present) co_return base::pass(std::move(present));
        const auto wal = one.plan().folder + "/data/pg_wal";
        std::vector<std::filesystem::path> old;
        for (const auto& each : std::filesystem::directory_iterator(wal)) {
            const auto name = each.path().filename().string();
            if (name.size() == present->size() && name < *present) old.push_back(each.path());
        }
        for (const auto& each : old) std::filesystem::remove(each);
        begin(two, group);
        ready = co_await until(
            [&] { return std::ranges::find(events_, "CutOff") != events_.end(); }, "cut off");
        if (ready) ready = co_await until([&] { return two->state().is_ready; }, "copied");
        if (ready) {
            const auto rows = co_await tell(*two, "SELECT count(*) FROM t");
            EXPECT_EQ(rows.value_or("nothing"), "2");
        }
        EXPECT_EQ(two->state().restarts, 0);
        two->stop();
        co_await group.join();
        co_return ready;
    });
    EXPECT_EQ(std::ranges::count(events_, "CutOff"), 1);
}

INSTANTIATE_TEST_SUITE_P(of, postgres_live, testing::Values("postgres"),
                         [](const auto& each) { return each.param; });

INSTANTIATE_TEST_SUITE_P(of, member_live,
                         testing::Values("postgres", "redis", "mariadb", "memcached"),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace runtime
