#include "scrape/excerpt.hpp"

#include <gtest/gtest.h>

namespace scrape {
namespace {

TEST(excerpt, joins_the_first_lines) {
    EXPECT_EQ(
        excerpt_of("An error has occurred while serving metrics:\n\n1 error(s) occurred:\n"
                   "* collected metric \"pg_up\"\r\n"),
        "An error has occurred while serving metrics: 1 error(s) occurred: * collected metric "
        "\"pg_up\"");
    EXPECT_EQ(excerpt_of(""), "");
    EXPECT_EQ(excerpt_of("\x1b[31mred\xff\xfe end\n"), "[31mred end");
}

TEST(excerpt, cuts_a_long_text_between_characters) {
    std::string text(excerpt_bytes_max - 1, 'x');
    text += "\xc3\xa9\xc3\xa9";
    EXPECT_EQ(excerpt_of(text), std::string(excerpt_bytes_max - 1, 'x') + "...");
    EXPECT_EQ(excerpt_of(std::string(100'000, 'y')).size(), excerpt_bytes_max + 3);
}

TEST(excerpt, masks_credentials) {
    for (const auto& [text, expected] : {
             std::pair{"dial postgresql://admin:s3cret@10.0.0.1:5432/x: no route to host",
                       "dial postgresql://***@10.0.0.1:5432/x: no route to host"},
             std::pair{"dsn=exporter:s3cr/et@x@tcp(10.0.0.1:3306)/", "***@tcp(10.0.0.1:3306)/"},
             std::pair{"parse \"redis://:s3cret@cache:6379\": invalid port",
                       "parse \"redis://***@cache:6379\": invalid port"},
             std::pair{"host=db password=s3cret user=admin", "host=db password=*** user=admin"},
             std::pair{"password='s3 cret' host=db", "password=*** host=db"},
             std::pair{R"({"password": "s3cret", "user":"admin"})",
                       R"({"password": ***, "user":"admin"})"},
             std::pair{"{Username:admin Password:s3cret}", "{Username:admin Password:***}"},
             std::pair{"DATA_SOURCE_PASS=s3cret", "DATA_SOURCE_PASS=***"},
             std::pair{"Authorization: Basic czNjcmV0", "Authorization: ***"},
             std::pair{"header Bearer s3cret. rejected", "header Bearer *** rejected"},
             std::pair{"/metrics?api_key=s3cret&x=1", "/metrics?api_key=***&x=1"},
             std::pair{"password=a,b;s3cret&x)y host=db", "password=*** host=db"},
             std::pair{"{Password:a}s3cret User:admin}", "{Password:*** User:admin}"},
             std::pair{R"({"password": "a\"s3cret", "user":"admin"})",
                       R"({"password": ***, "user":"admin"})"},
             std::pair{R"(msg="{\"password\":\"a\\\"s3cret\",\"x\":1}")",
                       R"(msg="{\"password\":***,\"x\":1}")"},
             std::pair{"REDISCLI_AUTH=s3cret", "REDISCLI_AUTH=***"},
             std::pair{"key_passphrase: s3cret", "key_passphrase: ***"},
             std::pair{"redis-cli -h db -a s3cret ping", "redis-cli -h db -a *** ping"},
             std::pair{"mysqldump --password s3cret db", "mysqldump --password *** db"},
             std::pair{"ALTER USER x IDENTIFIED BY 's3 cret';", "ALTER USER x IDENTIFIED BY ***;"},
             std::pair{"alter role x with password 's3 cret' login",
                       "alter role x with password *** login"},
         }) {
        EXPECT_EQ(excerpt_of(text), expected);
    }
}

TEST(excerpt, keeps_text_without_credentials) {
    for (const std::string text : {
             "password authentication failed for user \"admin\"",
             "Error 1045 (28000): Access denied for user 'exporter'@'10.0.0.1' (using password)",
             "error trying to reach service: dial tcp 10.0.0.1:9121: connect: no route to host",
             "Error 1045: Access denied for user 'exporter'@'db' (using password: YES)",
             "missing token",
             "owned by 'x', -ab cd",
         }) {
        EXPECT_EQ(excerpt_of(text), text);
    }
}

TEST(excerpt, masks_a_credential_at_the_cut) {
    const auto text = std::string(excerpt_bytes_max - 10, 'x') + " postgres://a:s3cretpassword@db/";
    EXPECT_EQ(excerpt_of(text).find("s3"), std::string::npos);
    // A token that the limit of examined bytes cuts has no '@'.
    const auto far = std::string(4090, '\n') + "a:s3cretpassword@db/";
    EXPECT_EQ(excerpt_of(far).find("s3"), std::string::npos) << excerpt_of(far);
}

}  // namespace
}  // namespace scrape
