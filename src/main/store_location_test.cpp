#include "main/store_location.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {

using base::errc;

TEST(store_location, accepts_files_and_urls) {
    EXPECT_EQ(parse_store_location("sqlite:data/platform.db")->sqlite_path, "data/platform.db");
    EXPECT_EQ(parse_store_location("mongodb://h/d")->mongodb_url.reveal(), "mongodb://h/d");
    EXPECT_EQ(parse_store_location("mongodb+srv://h/d")->mongodb_url.reveal(), "mongodb+srv://h/d");
}

TEST(store_location, rejects_other_texts_without_repeating_them) {
    for (const std::string text :
         {"", "sqlite:", "postgres://u:pa55@h/d", "data/platform.db", "@/nonexistent/file"}) {
        const auto parsed = parse_store_location(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, errc::invalid);
        EXPECT_EQ(parsed.error().text.find("pa55"), std::string::npos);
    }
}

TEST(store_location, reads_a_location_from_a_file) {
    const auto path =
        (std::filesystem::temp_directory_path() / fmt::format("dbaas-location-{}", getpid()))
            .string();
    std::ofstream(path) << "mongodb://u:pa55@h/d\n";
    EXPECT_EQ(parse_store_location("@" + path)->mongodb_url.reveal(), "mongodb://u:pa55@h/d");
    std::ofstream(path) << "@" << path;
    EXPECT_EQ(parse_store_location("@" + path).error().code, errc::invalid);
    std::ofstream(path) << "\n";
    EXPECT_EQ(parse_store_location("@" + path).error().code, errc::invalid);
    std::filesystem::remove(path);
}

}  // namespace
