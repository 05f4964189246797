#include "base/read_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace base {
namespace {

TEST(read_file, returns_the_whole_content_or_nullopt) {
    const std::filesystem::path folder = testing::TempDir();
    const auto path = (folder / "read_file_test").string();
    for (const std::size_t size : {0U, 1U, 16'384U, 100'000U}) {
        std::ofstream(path, std::ios::binary) << std::string(size, 'x');
        EXPECT_EQ(read_file(path), std::string(size, 'x'));
    }
    std::filesystem::remove(path);
    EXPECT_EQ(read_file(path), std::nullopt);
    EXPECT_EQ(read_file(folder.string()), std::nullopt);
}

}  // namespace
}  // namespace base
