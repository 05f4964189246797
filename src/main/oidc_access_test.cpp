#include "main/oidc_access.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "test/support/certificates.hpp"

namespace {

class check_issuer_options_of_files : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "oidc-access-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        options_.oidc_issuers_file = folder_ + "/issuers.json";
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    static void write(const std::string& path, const std::string& text) {
        std::ofstream(path) << text;
    }
    // Returns the errors with this content of the file of issuers.
    std::vector<std::string> errors_with(const std::string& content) const {
        write(options_.oidc_issuers_file, content);
        return check_issuer_options(options_);
    }
    // Returns the texts with the name of the option and the path in front of them.
    [[nodiscard]] std::vector<std::string> named(const std::string& text) const {
        return {"OIDC_ISSUERS_FILE: '" + options_.oidc_issuers_file + "'" + text};
    }

    const std::string issuer_ =
        R"({"name":"corp","issuer":"https://id.example","client_id":"c1","client_secret":"s3cret"})";
    std::string folder_;
    config::options options_;
};

TEST_F(check_issuer_options_of_files, names_a_file_that_cannot_be_used_and_the_field) {
    EXPECT_EQ(check_issuer_options(options_), named(" cannot be read"));
    EXPECT_EQ(errors_with("issuers: []"),
              named(R"(: the text must be JSON: {"issuers":[{"name":…}]})"));
    EXPECT_EQ(errors_with(R"({"issuers":[)" + issuer_ +
                          R"(,{"name":"b","issuer":"http://b","client_secret":"s3cret"}]})"),
              named(": issuer 'b': issuer must be an https URL without query; http only on a "
                    "loopback address; client_id is required"));
    EXPECT_EQ(errors_with(R"({"issuers":[{"clientid":"c"}]})").size(), 1U);
    EXPECT_EQ(errors_with(R"({"issuers":[)" + issuer_ + "]}"), std::vector<std::string>());
    EXPECT_EQ(check_issuer_options({}), std::vector<std::string>());
}

TEST_F(check_issuer_options_of_files, names_authorities_that_cannot_be_used) {
    options_.oidc_ca_file = folder_ + "/ca.pem";
    const auto start = "OIDC_CA_FILE: '" + options_.oidc_ca_file + "'";
    const auto both = check_issuer_options(options_);  // neither file exists
    ASSERT_EQ(both.size(), 2U);
    EXPECT_EQ(both.back(), start + " cannot be read");
    const auto file = R"({"issuers":[)" + issuer_ + "]}";
    write(options_.oidc_ca_file, "no certificate");
    const auto invalid = errors_with(file);
    ASSERT_EQ(invalid.size(), 1U);
    EXPECT_TRUE(invalid.front().starts_with(start + ": ")) << invalid.front();
    write(options_.oidc_ca_file, fakes::certificate_authority("authority").pem());
    EXPECT_EQ(errors_with(file), std::vector<std::string>());
}

TEST(check_issuer_options, names_a_rule_that_is_not_valid) {
    config::options options;
    options.oidc_issuer = "https://id.example";
    options.oidc_roles = "devs=shop";
    EXPECT_EQ(check_issuer_options(options),
              (std::vector<std::string>{
                  "OIDC_ROLES: the rule of the group 'devs' must name admin or PROJECT:ROLE"}));
    options.oidc_roles = "devs=shop:viewer";
    EXPECT_EQ(check_issuer_options(options), std::vector<std::string>());
}

}  // namespace
