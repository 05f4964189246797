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

TEST(page_template, builds_well_formed_pages_of_realistic_size) {
    for (const auto* engine : engines) {
        const page_template pages(engine);
        const auto all = read(pages.page(7, 1000));
        EXPECT_EQ(all.size(), pages.series()) << engine;
        EXPECT_GE(pages.series(), 300U) << engine;
        EXPECT_LE(pages.series(), 900U) << engine;
    }
}

TEST(page_template, depends_on_database_and_time_only) {
    const page_template pages("postgres");
    EXPECT_EQ(pages.page(7, 1000), pages.page(7, 1000));
    EXPECT_NE(pages.page(7, 1000), pages.page(8, 1000));
    EXPECT_NE(pages.page(7, 1000), pages.page(7, 1030));
}

TEST(page_template, counters_grow) {
    for (const auto* engine : engines) {
        const page_template pages(engine);
        const auto text = pages.page(3, 1e6);
        const auto before = read(text);
        const auto after = read(pages.page(3, 1e6 + 30));
        std::size_t growing = 0;
        for (const auto& [key, value] : before) {
            const auto name = key.substr(0, key.find(' '));
            if (text.find("# TYPE " + name + " counter") == std::string::npos) continue;
            EXPECT_GE(after.at(key), value) << key;
            growing += after.at(key) > value ? 1 : 0;
        }
        EXPECT_GT(growing, 50U) << engine;
    }
}

TEST(page_template, reports_an_unavailable_engine) {
    for (const auto* engine : engines) {
        const auto all = read(page_template(engine).page_of_unavailable());
        ASSERT_EQ(all.size(), 1U) << engine;
        EXPECT_EQ(all.begin()->second, 0);
    }
}

}  // namespace
