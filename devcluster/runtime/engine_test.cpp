#include "devcluster/runtime/engine.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/random_id.hpp"
#include "devcluster/runtime/memcached.hpp"
#include "devcluster/runtime/postgres.hpp"

namespace runtime {
namespace {

member_plan plan_of(const engine& tested, int primary_port = 0) {
    return {.name = "orders-0",
            .folder = "/data/orders-0",
            .password = "s3cr3tS3cr3t",
            .user = std::string(tested.user),
            .port = 40001,
            .exporter_port = 40002,
            .primary_port = primary_port,
            .memory_bytes = 256 * mebibyte};
}

bool mentions(const command& program, const std::string& text) {
    return std::ranges::any_of(
        program.arguments, [&](const auto& each) { return each.find(text) != std::string::npos; });
}

TEST(engine, passes_no_password_as_an_argument) {
    for (const auto& each : all_engines()) {
        for (const int primary : {0, 40003}) {
            const auto plan = plan_of(each, primary);
            EXPECT_FALSE(mentions(each.server(plan), plan.password)) << each.name;
            if (each.exporter != nullptr) {
                EXPECT_FALSE(mentions(each.exporter(plan), plan.password)) << each.name;
            }
        }
    }
}

TEST(engine, exporters_listen_on_loopback_only) {
    for (const auto& each : all_engines()) {
        if (each.exporter == nullptr) continue;
        EXPECT_TRUE(mentions(each.exporter(plan_of(each)), "127.0.0.1:40002")) << each.name;
    }
}

TEST(engine, has_one_kind_of_exporter) {
    for (const auto& each : all_engines()) {
        EXPECT_NE(each.exporter == nullptr, each.start_builtin_exporter == nullptr) << each.name;
    }
}

TEST(engine, finds_the_version_in_the_output) {
    EXPECT_EQ(version_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), "15.18");
    EXPECT_EQ(version_in("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0"), "7.0.15");
    EXPECT_EQ(version_in("mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux"), "10.11.19");
    EXPECT_EQ(version_in("memcached 1.6.18"), "1.6.18");
    EXPECT_EQ(version_in("no digits"), "");
    EXPECT_EQ(version_in("only 12 without a point"), "");
}

TEST(engine, names_a_missing_program) {
    auto absent = *find_engine("redis");
    absent.needs.insert(absent.needs.begin(), "/nonexistent/redis-server");
    std::string missing;
    EXPECT_EQ(installed_version(absent, missing), "");
    EXPECT_EQ(missing, "/nonexistent/redis-server");
}

TEST(engine, starting_postgres_is_not_ready) {
    const auto& postgres = *find_engine("postgres");
    const auto plan = plan_of(postgres);
    EXPECT_TRUE(postgres.is_ready(plan, std::string_view("R\0\0\0\x17", 5)));
    EXPECT_FALSE(postgres.is_ready(plan, "E...the database system is starting up"));
    EXPECT_FALSE(postgres.is_ready(plan, ""));
}

TEST(engine, postgres_log_reports_removed_wal) {
    const std::string line =
        "2025-11-24 14:30:00.000 UTC [7] FATAL:  could not receive data from WAL stream: ERROR:  "
        "requested WAL segment 000000010000000000000003 has already been removed";
    EXPECT_TRUE(log_reports_cut_off("LOG:  started\n" + line + "\n"));
    EXPECT_TRUE(log_reports_cut_off(line));
    EXPECT_FALSE(log_reports_cut_off("LOG:  started streaming WAL from primary at 0/3000000\n"));
    EXPECT_FALSE(log_reports_cut_off(
        "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 3\n"
        "STATEMENT:  SELECT 'has already been removed'\n"));
}

TEST(engine, only_a_follower_can_be_cut_off) {
    const auto folder = std::filesystem::temp_directory_path() / base::random_id("runtime-");
    std::filesystem::create_directory(folder);
    const auto& postgres = *find_engine("postgres");
    auto plan = plan_of(postgres, 40003);
    plan.folder = folder.string();
    EXPECT_FALSE(postgres.is_cut_off(plan));  // no log yet
    std::ofstream(folder / "server.log")
        << std::string(100'000, '\n')
        << "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 3 has "
           "already been removed\n";
    EXPECT_TRUE(postgres.is_cut_off(plan));
    plan.primary_port = 0;
    EXPECT_FALSE(postgres.is_cut_off(plan));
    std::filesystem::remove_all(folder);
}

TEST(engine, postgres_startup_message_has_its_stated_length) {
    const auto& postgres = *find_engine("postgres");
    const auto hello = postgres.question(plan_of(postgres));
    ASSERT_GE(hello.size(), 4U);
    EXPECT_EQ(static_cast<std::size_t>(hello[3]), hello.size());
}

TEST(engine, loading_redis_is_not_ready) {
    const auto& redis = *find_engine("redis");
    const auto plan = plan_of(redis);
    EXPECT_TRUE(redis.is_ready(plan, "+OK\r\n+PONG\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"));
    EXPECT_FALSE(
        redis.is_ready(plan, "+OK\r\n-LOADING Redis is loading\r\n*3\r\n$6\r\nmaster\r\n"));
    EXPECT_FALSE(redis.is_ready(plan, "-WRONGPASS invalid\r\n-NOAUTH\r\n-NOAUTH\r\n"));
    EXPECT_FALSE(redis.is_ready(plan, "+OK\r\n+PONG\r\n"));
}

TEST(engine, redis_replica_is_ready_with_its_link) {
    const auto& redis = *find_engine("redis");
    const auto plan = plan_of(redis, 40003);
    const std::string head = "+OK\r\n+PONG\r\n*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:40003\r\n";
    EXPECT_TRUE(redis.is_ready(plan, head + "$9\r\nconnected\r\n:14\r\n"));
    EXPECT_FALSE(redis.is_ready(plan, head + "$10\r\nconnecting\r\n:-1\r\n"));
    EXPECT_FALSE(redis.is_ready(plan, head + "$4\r\nsync\r\n:-1\r\n"));
}

TEST(engine, mariadb_with_an_error_packet_is_not_ready) {
    const auto& mariadb = *find_engine("mariadb");
    const auto plan = plan_of(mariadb);
    EXPECT_TRUE(mariadb.is_ready(plan, std::string_view("\x5c\0\0\0\x0a"
                                                        "10.11",
                                                        10)));
    EXPECT_FALSE(mariadb.is_ready(plan, std::string_view("\x17\0\0\0\xff too many", 14)));
    EXPECT_FALSE(mariadb.is_ready(plan, "R"));
}

TEST(engine, replaces_private_files_atomically) {
    const auto folder = std::filesystem::temp_directory_path() / base::random_id("runtime-");
    std::filesystem::create_directory(folder);
    const auto path = (folder / "secret").string();
    ASSERT_TRUE(write_private(path, "first", {}));
    ASSERT_TRUE(write_private(path, "second", {}));
    struct stat info{};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    EXPECT_EQ(info.st_size, 6);
    EXPECT_FALSE(write_private((folder / "no/way").string(), "x", {}));
    std::filesystem::remove_all(folder);
}

// ---- built-in exporter of memcached ----

TEST(memcached_page, uses_the_names_of_the_public_exporter) {
    const auto page = memcached_page(
        "STORED\r\nSTAT version 1.6.18\r\nSTAT uptime 8\r\nSTAT curr_connections 4\r\n"
        "STAT get_hits 286\r\nSTAT get_misses 14064\r\nSTAT cmd_set 100\r\nSTAT cas_hits 3\r\n"
        "STAT cas_misses 2\r\nSTAT cas_badval 1\r\nSTAT rusage_user 0.106570\r\nEND\r\n");
    for (const auto* line :
         {"memcached_up 1\n", "memcached_uptime_seconds 8\n", "memcached_current_connections 4\n",
          "memcached_version{version=\"1.6.18\"} 1\n",
          "memcached_commands_total{command=\"get\",status=\"hit\"} 286\n",
          "memcached_commands_total{command=\"get\",status=\"miss\"} 14064\n",
          "memcached_commands_total{command=\"set\",status=\"hit\"} 94\n",
          "memcached_process_user_cpu_seconds_total 0.106570\n"}) {
        EXPECT_NE(page.find(line), std::string::npos) << line << page;
    }
}

TEST(memcached_page, reports_a_server_without_response_as_down) {
    EXPECT_EQ(memcached_page(""), "# TYPE memcached_up gauge\nmemcached_up 0\n");
    EXPECT_EQ(memcached_page("CLIENT_ERROR unauthenticated\r\n"), memcached_page(""));
}

TEST(memcached_page, skips_values_that_are_not_numbers) {
    const auto page = memcached_page("STAT uptime eight\r\nSTAT bytes 5x\r\nSTAT curr_items 2\r\n");
    EXPECT_EQ(page.find("uptime"), std::string::npos);
    EXPECT_EQ(page.find("memcached_current_bytes"), std::string::npos);
    EXPECT_NE(page.find("memcached_current_items 2\n"), std::string::npos);
}

}  // namespace
}  // namespace runtime
