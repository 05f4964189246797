#include "base/private_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/read_file.hpp"

namespace base {
namespace {

class private_file : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "private-file-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path() const { return folder_ + "/key"; }
    [[nodiscard]] std::size_t files() const {
        const std::filesystem::directory_iterator begin(folder_);
        return static_cast<std::size_t>(std::distance(begin, {}));
    }

    std::string folder_;
};

TEST_F(private_file, replaces_the_content_and_leaves_no_other_file) {
    ASSERT_TRUE(replace_private_file(path(), "first"));
    ASSERT_TRUE(replace_private_file(path(), "second"));
    EXPECT_EQ(read_file(path()), "second");
    EXPECT_EQ(files(), 1U);
}

TEST_F(private_file, only_its_owner_may_read_it) {
    ASSERT_TRUE(create_private_file(path(), "key"));
    struct stat status{};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_EQ(status.st_nlink, 1U);
}

TEST_F(private_file, creates_no_file_over_another_one) {
    ASSERT_TRUE(create_private_file(path(), "first"));
    const auto second = create_private_file(path(), "second");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, errc::conflict);
    EXPECT_EQ(read_file(path()), "first");
    EXPECT_EQ(files(), 1U);
}

TEST_F(private_file, replaces_the_rest_of_a_killed_process) {
    ASSERT_TRUE(create_private_file(path() + ".partial", "half"));
    ASSERT_TRUE(replace_private_file(path(), "whole"));
    EXPECT_EQ(read_file(path()), "whole");
    EXPECT_EQ(files(), 1U);
}

TEST_F(private_file, writers_at_the_same_time_leave_one_whole_content) {
    constexpr std::size_t size = 100'000;
    std::vector<std::jthread> writers;
    for (const char letter : {'a', 'b', 'c', 'd'}) {
        writers.emplace_back([this, letter] {
            for (int i = 0; i < 5; ++i) {
                EXPECT_TRUE(replace_private_file(path(), std::string(size, letter)));
            }
        });
    }
    writers.clear();
    const auto content = read_file(path());
    ASSERT_EQ(content->size(), size);
    EXPECT_EQ(content->find_first_not_of(content->front()), std::string::npos);
}

TEST_F(private_file, reports_a_folder_that_does_not_exist) {
    const auto missing = folder_ + "/missing/key";
    for (const auto& result :
         {create_private_file(missing, "key"), replace_private_file(missing, "key")}) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, errc::unavailable);
        EXPECT_NE(result.error().text.find(missing), std::string::npos);
    }
}

TEST_F(private_file, creates_a_folder_for_its_owner_alone) {
    const auto folder = folder_ + "/a/b";
    ASSERT_TRUE(create_private_folder(folder));
    ASSERT_TRUE(create_private_folder(folder + "/"));  // it exists
    ASSERT_TRUE(create_private_folder(""));
    for (const auto& path : {folder_ + "/a", folder}) {
        struct stat status{};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0700U) << path;
    }
    const auto nowhere = create_private_folder("/proc/none/a");
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().code, errc::unavailable);
    EXPECT_NE(nowhere.error().text.find("'/proc/none'"), std::string::npos);
}

TEST_F(private_file, reports_the_mode_that_others_can_use) {
    EXPECT_EQ(shared_mode_of(path()), std::nullopt);  // there is no such file
    ASSERT_TRUE(create_private_file(path(), "key"));
    EXPECT_EQ(shared_mode_of(path()), std::nullopt);
    for (const auto mode : {0640U, 0604U, 0620U}) {
        ASSERT_EQ(::chmod(path().c_str(), mode), 0);
        EXPECT_EQ(shared_mode_of(path()), mode);
    }
}

TEST_F(private_file, keeps_the_former_content_after_a_failed_replacement) {
    std::filesystem::create_directories(path() + "/not-empty");
    const auto result = replace_private_file(path(), "key");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, errc::unavailable);
    EXPECT_EQ(files(), 1U);
}

}  // namespace
}  // namespace base
