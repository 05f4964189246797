#include "json/json_writer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "json/json.hpp"

namespace {

TEST(json_writer, escapes_control_characters_and_quotes) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("a\"b", "x\n\t\\\x01ü").key("n").number(0.5).key("nan");
    out.number(std::nan("")).key("list").begin_array().integer(1).null().boolean(true).end_array();
    out.end_object();
    EXPECT_EQ(text, R"({"a\"b":"x\n\t\\\u0001ü","n":0.5,"nan":null,"list":[1,null,true]})");
    EXPECT_NO_THROW(json::parse(text));
}

}  // namespace
