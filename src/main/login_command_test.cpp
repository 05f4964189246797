#include "main/login_command.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/read_file.hpp"

namespace {

const std::map<std::string, std::string> at_home{{"HOME", "/h/ada"}};

TEST(login_command, keeps_the_tokens_in_the_folder_of_the_user) {
    const auto wanted = login::parse({"--url", "https://dbaas.example.com/"}, at_home);
    ASSERT_TRUE(wanted);
    EXPECT_EQ(wanted->url, "https://dbaas.example.com");
    EXPECT_EQ(wanted->token_file, "/h/ada/.config/dbaas/tokens.json");
    EXPECT_EQ(login::parse({"--token"}, {{"XDG_CONFIG_HOME", "/c"}})->token_file,
              "/c/dbaas/tokens.json");
    EXPECT_EQ(login::parse({"--token", "--token-file=t"}, {})->token_file, "t");
}

TEST(login_command, rejects_wrong_flags) {
    const std::vector<std::vector<std::string>> cases{{},
                                                      {"--url"},
                                                      {"--url", "dbaas"},
                                                      {"--url=http://a/path"},
                                                      {"--issuer"},
                                                      {"--fast"},
                                                      {"--token", "--url=http://a"},
                                                      {"--url=http://a", "x"}};
    for (const auto& flags : cases) {
        const auto wanted = login::parse(flags, at_home);
        ASSERT_FALSE(wanted);
        EXPECT_EQ(wanted.error().code, base::errc::invalid);
    }
    EXPECT_FALSE(login::parse({"--token"}, {}));  // no place for the file
}

TEST(login_command, writes_a_file_that_only_its_owner_may_read) {
    const auto folder = testing::TempDir() + "login_command_test";
    std::filesystem::remove_all(folder);
    const auto path = folder + "/new/tokens.json";
    login::stored_tokens tokens{.url = "http://a",
                                .access_token = base::secret("t1"),
                                .expires_at = base::instant(std::chrono::seconds(60)),
                                .refresh_token = base::secret("r1")};
    ASSERT_TRUE(login::write_tokens(path, tokens));
    tokens.access_token = base::secret("t2");
    ASSERT_TRUE(login::write_tokens(path, tokens));  // replaces the file
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    const auto text = base::read_file(path);
    ASSERT_TRUE(text);
    const auto present = login::decode(*text);
    ASSERT_TRUE(present);
    EXPECT_EQ(present->url, "http://a");
    EXPECT_EQ(present->access_token.reveal(), "t2");
    EXPECT_EQ(present->expires_at, tokens.expires_at);
    EXPECT_EQ(present->refresh_token.reveal(), "r1");
    EXPECT_FALSE(login::write_tokens("/proc/none/tokens.json", tokens));
    EXPECT_FALSE(login::decode("[]"));
    std::filesystem::remove_all(folder);
}

}  // namespace
