#include "main/secret_rotation.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "aio/block_on.hpp"
#include "test/support/recording_log.hpp"

namespace {

class rotation : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = testing::TempDir() + "secret_rotation/";
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_ + "old");
        std::filesystem::create_directories(folder_ + "new");
        write("old/url", "first\n");
        write("new/url", "second\n");
        std::filesystem::create_directory_symlink("old", folder_ + "data");
        secrets_.add("mongodb-url", {folder_ + "data/url"}, {base::secret("first")},
                     [this](std::vector<base::secret> contents) -> aio::task<> {
                         applied_.push_back(contents.front().reveal());
                         if (!is_usable_) co_return base::fail(base::errc::denied, "rejected");
                         co_return base::ok();
                     });
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    void write(const std::string& name, const std::string& text) {
        std::ofstream(folder_ + name) << text;
    }
    base::outcome<void> check() { return aio::block_on(secrets_.check(log_)); }

    std::string folder_;
    std::vector<std::string> applied_;
    bool is_usable_ = true;
    fakes::recording_log log_;
    secret_rotation secrets_;
};

TEST_F(rotation, applies_nothing_while_the_content_is_equal) {
    EXPECT_TRUE(check());
    write("old/url", "  first  ");
    EXPECT_TRUE(check());
    EXPECT_TRUE(applied_.empty());
}

TEST_F(rotation, notices_a_swapped_symbolic_link) {
    std::filesystem::create_directory_symlink("new", folder_ + "next");
    std::filesystem::rename(folder_ + "next", folder_ + "data");
    EXPECT_TRUE(check());
    EXPECT_TRUE(check());
    EXPECT_EQ(applied_, std::vector<std::string>{"second"});
    EXPECT_EQ(log_.lines_of("secret_changed").size(), 1U);
}

TEST_F(rotation, tries_a_rejected_value_again_and_logs_it_once) {
    is_usable_ = false;
    write("old/url", "third");
    EXPECT_EQ(check().error().code, base::errc::denied);
    EXPECT_FALSE(check());
    EXPECT_EQ(log_.lines_of("secret_unusable").size(), 1U);
    is_usable_ = true;
    EXPECT_TRUE(check());
    EXPECT_TRUE(check());
    EXPECT_EQ(applied_, (std::vector<std::string>{"third", "third", "third"}));
    EXPECT_EQ(log_.lines_of("secret_changed").size(), 1U);
}

TEST_F(rotation, keeps_the_value_while_the_file_is_absent_or_empty) {
    std::filesystem::remove(folder_ + "old/url");
    EXPECT_EQ(check().error().code, base::errc::invalid);
    write("old/url", "\n");
    EXPECT_FALSE(check());
    write("old/url", "first");
    EXPECT_TRUE(check());
    EXPECT_TRUE(applied_.empty());
}

TEST_F(rotation, a_rejected_value_can_be_taken_back) {
    is_usable_ = false;
    write("old/url", "third");
    EXPECT_FALSE(check());
    write("old/url", "first");
    EXPECT_TRUE(check());
    EXPECT_EQ(applied_.size(), 1U);
}

}  // namespace
