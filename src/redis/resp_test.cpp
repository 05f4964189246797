#include "redis/resp.hpp"

#include <gtest/gtest.h>

namespace redis {
namespace {

resp_value text_value(resp_kind kind, std::string text) {
    return {.kind = kind, .text = std::move(text)};
}
resp_value integer_value(std::int64_t value) {
    return {.kind = resp_kind::integer, .integer = value};
}

class resp_parser_test : public ::testing::Test {
  protected:
    std::vector<resp_value> parse(std::string_view bytes, std::size_t piece = 1) {
        std::vector<resp_value> values;
        while (!bytes.empty()) {
            parser_.add(bytes.substr(0, piece));
            bytes.remove_prefix(std::min(piece, bytes.size()));
            while (true) {
                auto value = parser_.next();
                EXPECT_TRUE(value) << value.error().text;
                if (!value || !*value) break;
                values.push_back(std::move(**value));
            }
        }
        return values;
    }
    static base::errc code_of(std::string_view bytes, resp_limits limits = {}) {
        resp_parser parser(limits);
        parser.add(bytes);
        while (true) {
            const auto value = parser.next();
            if (!value) return value.error().code;
            if (!*value) return base::errc::not_found;  // waits for more
        }
    }
    resp_parser parser_;
};

TEST_F(resp_parser_test, reads_the_types_of_resp2) {
    const auto values =
        parse("+OK\r\n-ERR x\r\n:-7\r\n$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n");
    EXPECT_EQ(values, (std::vector<resp_value>{text_value(resp_kind::simple, "OK"),
                                               text_value(resp_kind::error, "ERR x"),
                                               integer_value(-7),
                                               text_value(resp_kind::bulk, "a\r\n"),
                                               text_value(resp_kind::bulk, ""),
                                               {},
                                               {},
                                               {.kind = resp_kind::array}}));
}

TEST_F(resp_parser_test, reads_the_types_of_resp3) {
    const auto values = parse(
        "_\r\n#t\r\n,1.5\r\n(123456789012345678901\r\n!3\r\nE x\r\n=6\r\ntxt:ab\r\n~1\r\n:1\r\n"
        "%1\r\n+k\r\n:2\r\n>1\r\n+p\r\n");
    EXPECT_EQ(values,
              (std::vector<resp_value>{
                  {},
                  {.kind = resp_kind::boolean, .integer = 1},
                  text_value(resp_kind::number, "1.5"),
                  text_value(resp_kind::number, "123456789012345678901"),
                  text_value(resp_kind::error, "E x"),
                  text_value(resp_kind::bulk, "ab"),
                  {.kind = resp_kind::set, .items = {integer_value(1)}},
                  {.kind = resp_kind::map,
                   .items = {text_value(resp_kind::simple, "k"), integer_value(2)}},
                  {.kind = resp_kind::push, .items = {text_value(resp_kind::simple, "p")}}}));
}

TEST_F(resp_parser_test, reads_nested_arrays_and_drops_attributes) {
    const auto values =
        parse("|1\r\n+ttl\r\n*1\r\n:9\r\n*3\r\n*1\r\n:1\r\n|1\r\n+a\r\n:0\r\n:2\r\n*0\r\n:3\r\n");
    EXPECT_EQ(values, (std::vector<resp_value>{
                          {.kind = resp_kind::array,
                           .items = {{.kind = resp_kind::array, .items = {integer_value(1)}},
                                     integer_value(2),
                                     {.kind = resp_kind::array}}},
                          integer_value(3)}));
}

TEST_F(resp_parser_test, finds_values_of_maps_and_of_arrays_of_pairs) {
    for (const auto* head : {"%2", "*4"}) {
        const auto values = parse(std::string(head) + "\r\n$1\r\na\r\n:1\r\n+b\r\n:2\r\n");
        ASSERT_EQ(values.size(), 1U);
        ASSERT_NE(values[0].find("b"), nullptr);
        EXPECT_EQ(values[0].find("b")->integer, 2);
        EXPECT_EQ(values[0].find("c"), nullptr);
    }
}

TEST_F(resp_parser_test, rejects_bytes_that_are_not_resp) {
    for (const auto* bytes : {"\r\n", "x\r\n", ":\r\n", ":1x\r\n", "$x\r\n", "$-2\r\n", "$1\r\nabc",
                              "*-2\r\n", "#x\r\n", "_x\r\n", "=3\r\nabc\r\n",
                              "$99999999999999999999\r\n", "HTTP/1.1 400 Bad Request\r\n"}) {
        EXPECT_EQ(code_of(bytes), base::errc::corrupt) << bytes;
    }
}

TEST_F(resp_parser_test, rejects_values_over_its_limits_before_it_reads_them) {
    EXPECT_EQ(code_of("$101\r\n", {.value_bytes = 100}), base::errc::corrupt);
    EXPECT_EQ(code_of("*2\r\n$60\r\n" + std::string(60, 'x') + "\r\n$60\r\n", {.value_bytes = 100}),
              base::errc::corrupt);
    EXPECT_EQ(code_of("*9223372036854775807\r\n"), base::errc::corrupt);
    EXPECT_EQ(code_of("%9223372036854775807\r\n"), base::errc::corrupt);
    EXPECT_EQ(code_of("*3\r\n*3\r\n*3\r\n", {.items = 10}), base::errc::corrupt);
    EXPECT_EQ(code_of("*1\r\n*1\r\n*1\r\n", {.depth = 2}), base::errc::corrupt);
    EXPECT_EQ(code_of(std::string(101, '+'), {.line_bytes = 100}), base::errc::corrupt);
    EXPECT_EQ(code_of("*1000000\r\n"), base::errc::corrupt);  // with its own frame
    EXPECT_EQ(code_of("*999999\r\n"), base::errc::not_found);
}

TEST_F(resp_parser_test, stays_corrupt_after_an_error) {
    parser_.add("x\r\n+OK\r\n");
    EXPECT_FALSE(parser_.next());
    EXPECT_FALSE(parser_.next());
}

TEST_F(resp_parser_test, reads_what_encode_command_writes) {
    const command_words words{"SET", std::string("\0\r\n", 3), ""};
    std::string bytes;
    encode_command(words, bytes);
    EXPECT_EQ(bytes.substr(0, 17), "*3\r\n$3\r\nSET\r\n$3\r\n");
    const auto values = parse(bytes);
    ASSERT_EQ(values.size(), 1U);
    for (std::size_t index = 0; index < words.size(); ++index) {
        EXPECT_EQ(values[0].items[index].text, words[index]);
    }
}

}  // namespace
}  // namespace redis
