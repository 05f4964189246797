#include "main/archive_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace {

using base::errc;

class archive_file : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = testing::TempDir() + "archive_file/";
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::size_t files() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_),
                                                      std::filesystem::directory_iterator()));
    }
    const std::optional<base::secret> passphrase_{base::secret("secret")};
    std::string folder_;
};

TEST_F(archive_file, reads_what_it_wrote) {
    const auto path = folder_ + "a";
    for (const auto& passphrase : {std::optional<base::secret>(), passphrase_}) {
        ASSERT_TRUE(write_archive(path, "text\n", passphrase));
        EXPECT_EQ(load_archive(path, passphrase), "text\n");
        struct stat status{};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0600U);
        EXPECT_EQ(files(), 1U);
    }
    EXPECT_EQ(load_archive(path, std::nullopt).error().code, errc::invalid);
    EXPECT_EQ(load_archive(path, base::secret("wrong")).error().code, errc::denied);
}

TEST_F(archive_file, replaces_the_rest_of_a_killed_process) {
    std::ofstream(folder_ + "a.partial") << "rest";
    ASSERT_TRUE(write_archive(folder_ + "a", "text\n", std::nullopt));
    EXPECT_EQ(files(), 1U);
}

TEST_F(archive_file, reports_files_that_it_cannot_write_or_read) {
    EXPECT_EQ(write_archive(folder_ + "no/such", "", std::nullopt).error().code, errc::unavailable);
    EXPECT_EQ(load_archive(folder_ + "none", std::nullopt).error().code, errc::not_found);
    std::ofstream(folder_ + "plain") << "plain";
    EXPECT_EQ(load_archive(folder_ + "plain", std::nullopt).error().code, errc::corrupt);
}

TEST_F(archive_file, names_files_by_time_and_keeps_the_newest) {
    const base::instant start(std::chrono::seconds(1'800'000'000));
    EXPECT_EQ(archive_path("/a/b", start), "/a/b");
    EXPECT_EQ(archive_path("/a/", start), "/a/dbaas-20270115T080000Z.export");
    for (int day = 0; day < 5; ++day) {
        std::ofstream(archive_path(folder_, start + std::chrono::days(day))) << day;
    }
    std::ofstream(folder_ + "another") << "file";
    EXPECT_EQ(delete_old_archives(folder_, 2), 3U);
    EXPECT_EQ(files(), 3U);
    EXPECT_TRUE(std::filesystem::exists(archive_path(folder_, start + std::chrono::days(4))));
    EXPECT_EQ(delete_old_archives(folder_, 2), 0U);
    EXPECT_EQ(delete_old_archives(folder_ + "none/", 2).error().code, errc::unavailable);
}

TEST_F(archive_file, reads_a_passphrase_without_its_line_end) {
    std::ofstream(folder_ + "p") << "two words\n";
    EXPECT_EQ(read_passphrase(folder_ + "p")->reveal(), "two words");
    std::ofstream(folder_ + "e") << "\n";
    EXPECT_EQ(read_passphrase(folder_ + "e").error().code, errc::invalid);
    EXPECT_EQ(read_passphrase(folder_ + "none").error().code, errc::invalid);
}

}  // namespace
