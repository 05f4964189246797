#include "devcluster/synthetic/pages.hpp"

#include <gtest/gtest.h>

#include <map>

#include "scrape/exposition.hpp"
#include "scrape/mapping.hpp"

namespace {

using synthetic::page_template;

constexpr const char* engines[] = {"postgres", "mysql",         "mariadb",  "mongodb",
                                   "redis",    "elasticsearch", "memcached"};

std::map<std::string, double> read(const std::string& page) {
    scrape::page_reader reader;
    reader.open(page, scrape::page_format::text);
    std::map<std::string, double> all;
    scrape::sample each;
    while (reader.next(each)) {
        std::string key(each.name);
        for (const auto& label : each.labels) {
            key.append(" ").append(label.name).append("=").append(label.value);
        }
        EXPECT_TRUE(all.emplace(key, each.value).second) << key << " twice";
    }
    EXPECT_TRUE(reader.finish());
    return all;
}

TEST(pages, are_as_large_as_real_ones_and_well_formed) {
    for (const auto* engine : engines) {
        const page_template of(engine);
        const auto all = read(of.page(7, 1000));
        EXPECT_EQ(all.size(), of.series()) << engine;
        EXPECT_GE(of.series(), 300U) << engine;
        EXPECT_LE(of.series(), 900U) << engine;
    }
}

TEST(pages, are_functions_of_database_and_time) {
    const page_template of("postgres");
    EXPECT_EQ(of.page(7, 1000), of.page(7, 1000));
    EXPECT_NE(of.page(7, 1000), of.page(8, 1000));
    EXPECT_NE(of.page(7, 1000), of.page(7, 1030));
}

TEST(pages, counters_only_grow_and_do) {
    for (const auto* engine : engines) {
        const page_template of(engine);
        const auto text = of.page(3, 1e6);
        const auto before = read(text);
        const auto after = read(of.page(3, 1e6 + 30));
        std::size_t grown = 0;
        for (const auto& [key, value] : before) {
            const auto name = key.substr(0, key.find(' '));
            if (text.find("# TYPE " + name + " counter") == std::string::npos) continue;
            EXPECT_GE(after.at(key), value) << key;
            grown += after.at(key) > value ? 1 : 0;
        }
        EXPECT_GT(grown, 50U) << engine;
    }
}

TEST(pages, a_dead_engine_has_a_page_that_says_so) {
    for (const auto* engine : engines) {
        const auto all = read(page_template(engine).page_of_dead());
        ASSERT_EQ(all.size(), 1U) << engine;
        EXPECT_EQ(all.begin()->second, 0);
    }
}

}  // namespace
