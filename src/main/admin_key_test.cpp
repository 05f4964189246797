#include "main/admin_key.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {

class admin_key_in_file : public testing::Test {
  public:
    ~admin_key_in_file() override { std::filesystem::remove_all(folder_); }

  protected:
    admin_key_in_file() {
        folder_ = std::filesystem::temp_directory_path() /
                  ("dbaas-admin-key-" + std::to_string(getpid()));
        std::filesystem::create_directories(folder_);
    }
    [[nodiscard]] std::string path() const { return (folder_ / "admin-key").string(); }
    void write(const std::string& text, mode_t mode = 0600) const {
        std::ofstream(path()) << text;
        ASSERT_EQ(::chmod(path().c_str(), mode), 0);
    }

    const base::secret new_key_{"dbk_new"};
    std::filesystem::path folder_;
};

TEST_F(admin_key_in_file, is_made_for_its_owner_alone) {
    const auto key = obtain_admin_key({.path = path()}, new_key_);
    ASSERT_TRUE(key && *key) << key.error().text;
    EXPECT_TRUE((*key)->is_new);
    EXPECT_EQ((*key)->text, new_key_);
    struct stat state{};
    ASSERT_EQ(stat(path().c_str(), &state), 0);
    EXPECT_EQ(state.st_mode & 0777U, 0600U);
    const auto read = obtain_admin_key({.path = path()}, base::secret("other"));
    EXPECT_EQ((*read)->text, new_key_);
    EXPECT_FALSE((*read)->is_new);
}

TEST_F(admin_key_in_file, is_not_made_if_there_is_an_administrator) {
    EXPECT_EQ(obtain_admin_key({.path = path(), .has_administrator = true}, new_key_).value(),
              std::nullopt);
    EXPECT_FALSE(std::filesystem::exists(path()));
    const admin_key_file named{.path = path(), .is_always_made = true, .has_administrator = true};
    EXPECT_TRUE(obtain_admin_key(named, new_key_).value()->is_new);
}

TEST_F(admin_key_in_file, is_read_without_white_space) {
    write("\n dbk_old \r\n");
    const admin_key_file file{.path = path(), .has_administrator = true};
    EXPECT_EQ(obtain_admin_key(file, new_key_).value()->text, base::secret("dbk_old"));
    write(" \n");
    EXPECT_EQ(obtain_admin_key(file, new_key_).error().code, base::errc::invalid);
}

TEST_F(admin_key_in_file, is_rejected_if_every_user_can_change_it) {
    for (const mode_t mode : {0666U, 0602U, 0646U, 0777U}) {
        write("dbk_old", mode);
        const auto key = obtain_admin_key({.path = path()}, new_key_);
        ASSERT_FALSE(key) << mode;
        EXPECT_EQ(key.error().code, base::errc::invalid);
        EXPECT_TRUE(key.error().text.contains(path()));
        EXPECT_TRUE(key.error().text.contains(fmt::format("the mode {:04o}", mode)))
            << key.error().text;
        EXPECT_FALSE(key.error().text.contains("dbk_old"));
    }
    // As Kubernetes mounts Secrets and, with fsGroup, the data folder.
    for (const mode_t mode : {0400U, 0440U, 0444U, 0600U, 0640U, 0644U, 0660U}) {
        write("dbk_old", mode);
        EXPECT_TRUE(obtain_admin_key({.path = path()}, new_key_)) << mode;
        ASSERT_EQ(::chmod(path().c_str(), 0600), 0);
    }
}

TEST_F(admin_key_in_file, reports_a_directory_that_does_not_exist) {
    const auto key = obtain_admin_key({.path = path() + "/x/y"}, new_key_);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, base::errc::unavailable);
    EXPECT_FALSE(key.error().text.contains("dbk_new"));
}

}  // namespace
