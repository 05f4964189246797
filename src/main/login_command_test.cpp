#include "main/login_command.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

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

TEST(login_command, prints_no_escape_sequence_of_an_issuer) {
    EXPECT_EQ(login::printable("ABCD-\x1b[2J\x1b]0;x\x07\nlogged in \xc3\xa9 \x7f"),
              "ABCD-?[2J?]0;x??logged in ?? ?");
    EXPECT_EQ(login::printable("https://id.example/device?user_code=AB~C"),
              "https://id.example/device?user_code=AB~C");
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

class token_file : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "token-file-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name + "/config";
        path_ = folder_ + "/dbaas/tokens.json";
    }
    void TearDown() override {
        std::filesystem::remove_all(std::filesystem::path(folder_).parent_path());
    }
    static unsigned mode_of(const std::string& path) {
        struct stat status{};
        EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
        return status.st_mode & 0777U;
    }
    // Runs `dbaas login --token` and returns its messages.
    std::string print_token(const std::string& token) const {
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        EXPECT_EQ(login::run({"--token", "--token-file", path_}, {}), 0);
        EXPECT_EQ(testing::internal::GetCapturedStdout(), token + "\n");
        return testing::internal::GetCapturedStderr();
    }

    std::string folder_;
    std::string path_;
    login::stored_tokens tokens_{.url = "http://a",
                                 .access_token = base::secret("t1"),
                                 .expires_at = base::instant(std::chrono::seconds(60)),
                                 .refresh_token = base::secret("r1")};
};

TEST_F(token_file, is_in_a_folder_of_its_owner_alone) {
    const auto former = ::umask(0);
    EXPECT_TRUE(login::write_tokens(path_, tokens_));
    ::umask(former);
    EXPECT_EQ(mode_of(folder_), 0700U);
    EXPECT_EQ(mode_of(folder_ + "/dbaas"), 0700U);
    EXPECT_EQ(mode_of(path_), 0600U);
    // A folder that exists keeps its mode.
    ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
    EXPECT_TRUE(login::write_tokens(path_, tokens_));
    EXPECT_EQ(mode_of(folder_), 0755U);
}

TEST_F(token_file, that_others_may_read_is_named_with_the_remedy) {
    tokens_.expires_at = base::system_clock().utc_now() + std::chrono::hours(1);
    ASSERT_TRUE(login::write_tokens(path_, tokens_));
    EXPECT_EQ(print_token("t1"), "");
    for (const auto mode : {0644U, 0640U, 0620U}) {
        ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
        EXPECT_EQ(print_token("t1"),
                  fmt::format("dbaas login: warning: other users can access '{0}' (mode 0{1:o}); "
                              "run: chmod 600 '{0}'\n",
                              path_, mode));
    }
}

TEST_F(token_file, gets_the_mode_0600_when_it_is_written) {
    ASSERT_TRUE(login::write_tokens(path_, tokens_));
    ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
    tokens_.access_token = base::secret("t2");
    ASSERT_TRUE(login::write_tokens(path_, tokens_));  // replaces the file
    EXPECT_EQ(mode_of(path_), 0600U);
    const auto text = base::read_file(path_);
    ASSERT_TRUE(text);
    const auto present = login::decode(*text);
    ASSERT_TRUE(present);
    EXPECT_EQ(present->url, "http://a");
    EXPECT_EQ(present->access_token.reveal(), "t2");
    EXPECT_EQ(present->expires_at, tokens_.expires_at);
    EXPECT_EQ(present->refresh_token.reveal(), "r1");
    EXPECT_FALSE(login::write_tokens("/proc/none/tokens.json", tokens_));
    EXPECT_FALSE(login::write_tokens(path_ + "/tokens.json", tokens_));  // a file is no folder
    EXPECT_FALSE(login::decode("[]"));
}

// Otherwise, a command that has read the file before a refresh of another one brings the used
// refresh token back.
TEST_F(token_file, is_not_written_while_its_token_is_fresh) {
    tokens_.expires_at = base::system_clock().utc_now() + std::chrono::hours(1);
    ASSERT_TRUE(login::write_tokens(path_, tokens_));
    struct stat before{};
    ASSERT_EQ(::stat(path_.c_str(), &before), 0);
    print_token("t1");
    struct stat after{};
    ASSERT_EQ(::stat(path_.c_str(), &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
}

}  // namespace
