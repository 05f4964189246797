#include "redis/handshake.hpp"

#include <gtest/gtest.h>

namespace redis {
namespace {

using base::errc;

resp_value text(std::string value) {
    return {.kind = resp_kind::bulk, .text = std::move(value)};
}
resp_value error(std::string value) {
    return {.kind = resp_kind::error, .text = std::move(value)};
}
resp_value hello(const std::string& mode, const std::string& role = "master") {
    return {.kind = resp_kind::map,
            .items = {text("version"), text("7.0.15"), text("mode"), text(mode), text("role"),
                      text(role)}};
}
const resp_value done{.kind = resp_kind::simple, .text = "OK"};
const std::string unknown = "ERR unknown command 'X', with args beginning with: 'hunter2' ";

// Runs a handshake against the given responses. Returns the names of its commands.
class handshake_test : public ::testing::Test {
  protected:
    base::outcome<server_facts> run(handshake_options options,
                                    const std::vector<resp_value>& responses) {
        handshake shaking(std::move(options));
        commands_.clear();
        for (const auto& response : responses) {
            const auto words = shaking.next();
            if (!words) return base::fail(errc::internal, "complete too early");
            std::string line;
            for (const auto& word : *words) line += (line.empty() ? "" : " ") + word;
            commands_.push_back(line);
            auto result = shaking.on_response(response);
            if (!result) return base::pass(std::move(result));
        }
        if (shaking.next()) return base::fail(errc::internal, "not complete");
        return shaking.facts();
    }
    using lines = std::vector<std::string>;
    lines commands_;
    const base::secret password_{"hunter2"};
};

TEST_F(handshake_test, reads_the_kind_of_the_server_from_hello) {
    const auto standalone = run({}, {hello("standalone", "replica")});
    ASSERT_TRUE(standalone) << standalone.error().text;
    EXPECT_EQ(commands_, lines{"HELLO 3"});
    EXPECT_EQ(standalone->kind, server_kind::standalone);
    EXPECT_TRUE(standalone->is_replica);
    EXPECT_EQ(standalone->protocol, 3);
    EXPECT_EQ(standalone->version_major, 7);
    const auto cluster = run({}, {hello("cluster", "replica")});
    EXPECT_EQ(cluster->kind, server_kind::cluster);
    EXPECT_FALSE(cluster->is_replica);
    EXPECT_EQ(run({}, {hello("sentinel")})->kind, server_kind::sentinel);
}

TEST_F(handshake_test, authenticates_and_selects_the_database) {
    ASSERT_TRUE(
        run({.user = "ann", .password = password_, .database = 2}, {hello("standalone"), done}));
    EXPECT_EQ(commands_, (lines{"HELLO 3 AUTH ann hunter2", "SELECT 2"}));
    ASSERT_TRUE(run({.password = password_}, {hello("standalone")}));
    EXPECT_EQ(commands_, lines{"HELLO 3 AUTH default hunter2"});
}

TEST_F(handshake_test, falls_back_to_resp2_without_hello) {
    const auto facts = run({.password = password_, .database = 1},
                           {error(unknown),
                            done,
                            done,
                            error("ERR This instance has cluster support disabled"),
                            {.kind = resp_kind::array, .items = {text("slave")}}});
    ASSERT_TRUE(facts) << facts.error().text;
    EXPECT_EQ(commands_, (lines{"HELLO 3 AUTH default hunter2", "AUTH hunter2", "SELECT 1",
                                "CLUSTER INFO", "ROLE"}));
    EXPECT_EQ(facts->protocol, 2);
    EXPECT_EQ(facts->kind, server_kind::standalone);
    EXPECT_TRUE(facts->is_replica);
}

TEST_F(handshake_test, recognizes_a_cluster_without_hello) {
    const auto facts = run({.user = "ann", .password = password_},
                           {error("NOPROTO x"), done, text("cluster_state:ok")});
    ASSERT_TRUE(facts) << facts.error().text;
    EXPECT_EQ(facts->kind, server_kind::cluster);
    EXPECT_EQ(commands_.at(1), "AUTH ann hunter2");
}

TEST_F(handshake_test, recognizes_a_proxy_that_knows_no_command) {
    const auto facts = run({}, {error(unknown), error(unknown), error(unknown)});
    ASSERT_TRUE(facts) << facts.error().text;
    EXPECT_EQ(facts->kind, server_kind::proxy);
    EXPECT_EQ(facts->protocol, 2);
}

TEST_F(handshake_test, sends_fewer_commands_at_lower_levels) {
    EXPECT_EQ(run({.level = probe_level::none}, {})->kind, server_kind::proxy);
    ASSERT_TRUE(run({.password = password_, .level = probe_level::none}, {done}));
    EXPECT_EQ(commands_, lines{"AUTH hunter2"});
    ASSERT_TRUE(run({.level = probe_level::cluster}, {text("cluster_state:ok")}));
    EXPECT_EQ(commands_, lines{"CLUSTER INFO"});
}

TEST_F(handshake_test, reports_rejected_credentials_without_repeating_them) {
    const std::vector<std::vector<resp_value>> cases{
        {error("WRONGPASS hunter2")},
        {error("NOAUTH HELLO must be called with the client already authenticated")},
        {error(unknown), error("ERR invalid password hunter2")},
        {error(unknown), error(unknown)}};
    for (const auto& responses : cases) {
        const auto facts = run({.user = "ann", .password = password_}, responses);
        ASSERT_FALSE(facts);
        EXPECT_EQ(facts.error().code, errc::denied);
        EXPECT_EQ(facts.error().text.find("hunter2"), std::string::npos) << facts.error().text;
    }
}

TEST_F(handshake_test, reports_a_server_that_loads_and_a_database_that_does_not_exist) {
    EXPECT_EQ(run({}, {error("LOADING x")}).error().code, errc::unavailable);
    const auto missing = run(
        {.database = 99}, {hello("cluster"), error("ERR SELECT is not allowed in cluster mode")});
    EXPECT_EQ(missing.error().code, errc::invalid);
    EXPECT_NE(missing.error().text.find("99"), std::string::npos);
}

}  // namespace
}  // namespace redis
