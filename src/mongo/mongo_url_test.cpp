#include "mongo/mongo_url.hpp"

#include <gtest/gtest.h>

namespace {

using base::secret;

TEST(mongo_url, prints_a_url_without_its_password_and_options) {
    const auto printed = [](std::string_view url) { return mongo::printable_url(url); };
    EXPECT_EQ(printed("mongodb://u:pa55@h1:1,h2/db?tlsCertificateKeyFilePassword=pa55"),
              "mongodb://u:***@h1:1,h2/db");
    EXPECT_EQ(printed("mongodb+srv://cluster.example.com"), "mongodb+srv://cluster.example.com");
    EXPECT_EQ(printed("mongodb://u@h"), "mongodb://u@h");
    EXPECT_EQ(printed("mongodb://u:p/a@55@h/db"), "mongodb://u:***@h/db")
        << "a password that is not encoded";
    EXPECT_EQ(printed("u:pa55@h"), "***");
}

TEST(mongo_url, reads_the_database_of_the_path) {
    EXPECT_EQ(mongo::check_url(secret("mongodb://h/platform"))->database, "platform");
    EXPECT_EQ(mongo::check_url(secret("mongodb://h"))->database, "dbaas");
    EXPECT_EQ(mongo::check_url(secret("mongodb://h/?tls=true"))->database, "dbaas");
    EXPECT_TRUE(mongo::check_url(secret(
        "mongodb+srv://u:p@db.example.com/d?tls=true&authMechanism=SCRAM-SHA-256&replicaSet=rs0")));
}

TEST(mongo_url, rejects_invalid_urls_without_repeating_the_password) {
    for (const std::string url :
         {"mongodb://", "mongodb://u:pa55%zz@h/d", "mongodb://u:pa55@h:port/d",
          "mongodb://u:pa55@h1@h2/d", "http://u:pa55@h/d", "mongodb://u:pa55@h/d?w=pa55&w=0",
          "mongodb://u:pa/55@h/d", "mongodb+srv://u:pa55@h1,h2/d"}) {
        const auto checked = mongo::check_url(secret(url));
        if (checked) {
            EXPECT_EQ(checked->printable.find("pa55"), std::string::npos) << url;
            continue;
        }
        EXPECT_EQ(checked.error().code, base::errc::invalid) << url;
        EXPECT_EQ(checked.error().text.find("pa55"), std::string::npos) << checked.error().text;
    }
}

TEST(mongo_url, rejects_pool_sizes_outside_of_the_limits) {
    const auto check = [](std::string_view size) {
        return mongo::check_url(secret("mongodb://u:pa55@h/d?maxPoolSize=" + std::string(size)));
    };
    EXPECT_TRUE(check("0")) << "the driver reads 0 as a missing option";
    EXPECT_TRUE(check("1"));
    EXPECT_TRUE(check("1000"));
    for (const std::string_view size : {"-1", "1001", "100000"}) {
        const auto checked = check(size);
        ASSERT_FALSE(checked) << size;
        EXPECT_EQ(checked.error().code, base::errc::invalid) << size;
        const auto& text = checked.error().text;
        EXPECT_NE(text.find("maxPoolSize"), std::string::npos) << text;
    }
    EXPECT_NE(check("1001").error().text.find("from 1 to 1000"), std::string::npos);
}

TEST(mongo_url, masks_credentials_in_texts) {
    const secret url("mongodb://u:pa%2355@h/d?tlsCertificateKeyFilePassword=key1");
    EXPECT_EQ(mongo::without_credentials("a pa#55 b pa%2355 c", url), "a *** b *** c");
    EXPECT_EQ(mongo::without_credentials(url.reveal(), url), "***");
    EXPECT_EQ(mongo::without_credentials("bad tlsCertificateKeyFilePassword=key1", url), "bad ***");
    EXPECT_EQ(mongo::without_credentials("text", secret("mongodb://h")), "text");
}

}  // namespace
