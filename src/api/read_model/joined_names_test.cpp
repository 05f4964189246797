#include "api/read_model/joined_names.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace api {
namespace {

std::vector<std::size_t> matches(const joined_names& names, std::string_view part) {
    std::vector<std::size_t> indexes;
    names.find(part, [&](std::size_t index) { indexes.push_back(index); });
    return indexes;
}

std::vector<std::size_t> compared(const std::vector<std::string>& names, std::string_view part) {
    std::vector<std::size_t> indexes;
    for (std::size_t index = 0; index < names.size(); ++index) {
        if (names[index].contains(part)) indexes.push_back(index);
    }
    return indexes;
}

joined_names joined(const std::vector<std::string>& names) {
    joined_names result;
    for (std::size_t index = 0; index < names.size(); ++index) result.insert(index, names[index]);
    return result;
}

TEST(joined_names, finds_the_names_with_a_part) {
    struct row {
        std::vector<std::string> names;
        std::string part;
        std::vector<std::size_t> expected;
    };
    using namespace std::string_literals;
    const row rows[] = {
        {{}, "a", {}},
        {{"a"}, "a", {0}},
        {{"ab", "cd"}, "bc", {}},               // not across names
        {{"aa", "aaa", "a"}, "aa", {0, 1}},     // once per name
        {{"", "a", "", "a", ""}, "a", {1, 3}},  // empty names
        {{"orders", "Orders"}, "orders", {0}},  // case
        {{"schlo\xc3\x9f", "schloss"}, "\xc3\x9f", {0}},
        {{"\xff\xfe", "\xfe\xff"}, "\xfe\xff", {1}},
        {{"x-orders", "orders-x", "orders"}, "orders", {0, 1, 2}},
        {{"ab"}, "abc", {}},
        {{"a", "b"}, "a\0"s, {}},
        {{"a", "b"}, "\0"s, {}},
        {{"a\0b"s, "b"}, "b", {0, 1}},  // does not divide the name
    };
    for (const auto& row : rows) {
        EXPECT_EQ(matches(joined(row.names), row.part), row.expected) << row.part;
    }
}

TEST(joined_names, equals_a_comparison_of_every_name_after_random_changes) {
    std::mt19937 random(3);
    const auto text = [&] {
        constexpr const char* parts[] = {"a",   "A", "b", "-", "1", "\xc3\xa9", "\xe6\x97\xa5",
                                         "\xff"};
        std::string result;
        for (auto count = random() % 9; count > 0; --count) result += parts[random() % 8];
        return result;
    };
    std::vector<std::string> model;
    joined_names names;
    for (int step = 0; step < 5000; ++step) {
        const auto index = random() % (model.size() + 1);
        const auto place = model.begin() + static_cast<std::ptrdiff_t>(index);
        if (index < model.size() && random() % 3 == 0) {
            model.erase(place);
            names.erase(index);
        } else if (random() % 20 == 0) {  // a split, and both parts in the other order
            std::vector<std::string> rest(place, model.end());
            auto joined_rest = names.split(index);
            model.erase(place, model.end());
            rest.insert(rest.end(), model.begin(), model.end());
            joined_rest.append(names);
            model = std::move(rest);
            names = std::move(joined_rest);
        } else if (model.size() < 300) {
            auto name = text();
            names.insert(index, name);
            model.insert(place, std::move(name));
        }
        auto part = text();
        if (part.empty()) part = "b";
        ASSERT_EQ(matches(names, part), compared(model, part)) << step;
    }
}

}  // namespace
}  // namespace api
