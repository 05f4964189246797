#include "scrape/exposition.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace scrape {
namespace {

struct kept_sample {
    std::string name;
    std::vector<std::pair<std::string, std::string>> labels;
    double value;
};

struct page_result {
    std::vector<kept_sample> samples;
    base::outcome<void> end;
};

page_result read_all(std::string_view page, page_format format = page_format::text,
                     page_limits limits = {}, const name_table* wanted = nullptr) {
    page_reader reader(limits);
    reader.open(page, format, wanted);
    page_result result;
    sample line;
    while (reader.next(line)) {
        kept_sample copy{std::string(line.name), {}, line.value};
        for (const auto& pair : line.labels) {
            copy.labels.emplace_back(
                pair.name, pair.escaped ? unescaped(pair.value) : std::string(pair.value));
        }
        result.samples.push_back(std::move(copy));
    }
    result.end = reader.finish();
    return result;
}

std::string error_of(std::string_view page, page_format format = page_format::text) {
    const auto result = read_all(page, format);
    if (result.end) return "";
    EXPECT_EQ(result.end.error().code, base::errc::corrupt);
    EXPECT_EQ(result.end.error().reason, "malformed_page");
    return result.end.error().text;
}

TEST(page_reader, reads_names_labels_values_and_timestamps) {
    const auto result = read_all(
        "# HELP http_requests_total The total.\n"
        "# TYPE http_requests_total counter\n"
        "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n"
        "\n"
        "  rpc:duration\t{ quantile = \"0.5\" , } 4.7e+3\n"
        "bare 1\n"
        "empty{} 2 \n"
        "old -3982045\n"
        "close{a=\"b\"}7\n");
    ASSERT_TRUE(result.end) << result.end.error().text;
    ASSERT_EQ(result.samples.size(), 6u);
    EXPECT_EQ(result.samples[0].labels[1], (std::pair<std::string, std::string>("code", "200")));
    EXPECT_EQ(result.samples[0].value, 1027);
    EXPECT_EQ(result.samples[1].name, "rpc:duration");
    EXPECT_EQ(result.samples[1].labels[0].second, "0.5");
    EXPECT_EQ(result.samples[1].value, 4700);
    EXPECT_EQ(result.samples[3].value, 2);
    EXPECT_EQ(result.samples[5].value, 7);
}

TEST(page_reader, resolves_escapes_in_label_values) {
    const auto result = read_all(R"(x{a="C:\\DIR",b="say \"hi\"\n",c="{},= #"} 1)"
                                 "\n");
    ASSERT_TRUE(result.end);
    ASSERT_EQ(result.samples.size(), 1u);
    EXPECT_EQ(result.samples[0].labels[0].second, "C:\\DIR");
    EXPECT_EQ(result.samples[0].labels[1].second, "say \"hi\"\n");
    EXPECT_EQ(result.samples[0].labels[2].second, "{},= #");
}

TEST(page_reader, parses_every_spelling_of_a_number) {
    EXPECT_EQ(parse_number("+Inf"), std::numeric_limits<double>::infinity());
    EXPECT_EQ(parse_number("-inf"), -std::numeric_limits<double>::infinity());
    EXPECT_EQ(parse_number("Infinity"), std::numeric_limits<double>::infinity());
    EXPECT_TRUE(std::isnan(*parse_number("NaN")));
    EXPECT_EQ(parse_number("0x1p-2"), 0.25);
    EXPECT_EQ(parse_number("-0X1.8P1"), -3.0);
    EXPECT_EQ(parse_number("1.795485017e+09"), 1795485017.0);
    EXPECT_EQ(parse_number("+.5"), 0.5);
    EXPECT_EQ(parse_number("1e-999"), 0.0);
    for (const auto* bad : {"", "+", "-", "1e999", "nan(1)", "--1", "+-1", "0x", "0x10", "0x-1p1",
                            "1_000", "1,5", "one", "1 2", "1\r"}) {
        EXPECT_FALSE(parse_number(bad)) << bad;
    }
}

TEST(page_reader, reports_the_line_of_an_error) {
    EXPECT_EQ(error_of("a 1\nb{x=\"1\" 2\n"), "line 2: ',' or '}' was expected after a label");
    EXPECT_EQ(error_of("a 1\n\n# c\nb\n"), "line 4: a blank was expected before the value");
    EXPECT_EQ(error_of("a \n"), "line 1: the value is not a number");
    EXPECT_EQ(error_of("a x\n"), "line 1: the value is not a number");
    EXPECT_EQ(error_of("1a 1\n"), "line 1: a metric name was expected");
    EXPECT_EQ(error_of("<html>\n"), "line 1: a metric name was expected");
    EXPECT_EQ(error_of("a{x=1} 1\n"), "line 1: a label value in quotes was expected");
    EXPECT_EQ(error_of("a{x=\"1} 1\n"), "line 1: a label value is not closed");
    EXPECT_EQ(error_of("a{x=\"1\\\n"), "line 1: a label value is not closed");
    EXPECT_EQ(error_of("a{x=\"\\q\"} 1\n"), "line 1: an unknown escape in a label value");
    EXPECT_EQ(error_of("a{x} 1\n"), "line 1: '=' was expected after a label name");
    EXPECT_EQ(error_of("a{x=\"1\"\n"), "line 1: the labels are not closed");
    EXPECT_EQ(error_of("a{=\"1\"} 1\n"), "line 1: a label name was expected");
    EXPECT_EQ(error_of("a 1 x\n"), "line 1: an invalid timestamp");
    EXPECT_EQ(error_of("a 1 2 3\n"), "line 1: text after the timestamp");
}

TEST(page_reader, rejects_carriage_returns_and_truncated_lines) {
    // In both formats a line feed alone ends each line, including the last. Its absence shows that
    // the page is truncated.
    EXPECT_EQ(error_of("a 1\r\nb 2\r\n"), "line 1: the value is not a number");
    EXPECT_EQ(error_of("a 1\nb 2"), "line 2: the page ends in the middle of a line");
}

TEST(page_reader, enforces_its_limits) {
    const std::string long_value(100, 'x');
    const page_limits tight{.page_bytes = 200, .line_bytes = 60, .labels = 2};
    EXPECT_EQ(
        read_all("a{b=\"" + long_value + "\"} 1\n", page_format::text, tight).end.error().text,
        "line 1: the line is too long");
    EXPECT_EQ(read_all("a{b=\"1\",c=\"1\",d=\"1\"} 1\n", page_format::text, tight).end.error().text,
              "line 1: too many labels");
    const auto big = read_all(std::string(201, '\n'), page_format::text, tight);
    EXPECT_EQ(big.end.error().code, base::errc::limit);
    EXPECT_EQ(big.end.error().reason, "page_too_large");
    EXPECT_TRUE(big.samples.empty());
}

TEST(page_reader, reads_openmetrics_exemplars_and_eof) {
    const auto result = read_all(
        "# TYPE foo histogram\n# UNIT foo seconds\n# HELP foo It.\n"
        "foo_bucket{le=\"+Inf\"} 17 1520879607.789 # {trace_id=\"a}b\"} 0.67 1520879607.7\n"
        "foo_count 17 # {} 1\n"
        "# EOF\n",
        page_format::openmetrics);
    ASSERT_TRUE(result.end) << result.end.error().text;
    ASSERT_EQ(result.samples.size(), 2u);
    EXPECT_EQ(result.samples[0].labels.size(), 1u);
    EXPECT_EQ(result.samples[0].value, 17);
    EXPECT_TRUE(read_all("a 1\n# EOF", page_format::openmetrics).end);
}

TEST(page_reader, rejects_invalid_openmetrics) {
    const auto error = [](std::string_view page) {
        return error_of(page, page_format::openmetrics);
    };
    EXPECT_EQ(error("a 1\n"), "line 2: # EOF is missing: the page is truncated");
    EXPECT_EQ(error("# EOF\na 1\n"), "line 2: text after # EOF");
    EXPECT_EQ(error("\n# EOF\n"), "line 1: an empty line");
    EXPECT_EQ(error("# a comment\n# EOF\n"),
              "line 1: a comment other than # HELP, # TYPE, # UNIT or # EOF");
    EXPECT_EQ(error("a  1\n# EOF\n"), "line 1: the value is not a number");
    EXPECT_EQ(error("a{}1\n# EOF\n"), "line 1: a blank was expected before the value");
    EXPECT_EQ(error("a 1 # {x=\"1\"\n# EOF\n"), "line 1: the labels are not closed");
    EXPECT_EQ(error("a 1 # nope\n# EOF\n"), "line 1: an invalid exemplar");
    EXPECT_EQ(error("a 1 # {} 1 x\n# EOF\n"), "line 1: an invalid exemplar");
    EXPECT_EQ(error("a 1 now\n# EOF\n"), "line 1: an invalid timestamp");
    EXPECT_EQ(error("a 1\n# HELP a cu"), "line 2: the page ends in the middle of a line");
}

TEST(page_reader, skips_unwanted_lines) {
    const name_table wanted({"up", "up_total", "requests"});
    const auto text = read_all("up 1\nup2 x\nrequests_total 3\nup{a=\"b\"} 4\nup_total 5\n",
                               page_format::text, {}, &wanted);
    ASSERT_TRUE(text.end) << "unwanted lines are not validated";
    ASSERT_EQ(text.samples.size(), 3u);
    EXPECT_EQ(text.samples[1].value, 4);
    EXPECT_EQ(text.samples[2].name, "up_total");

    const auto open = read_all("requests_total 3\n# EOF\n", page_format::openmetrics, {}, &wanted);
    ASSERT_EQ(open.samples.size(), 1u) << "an OpenMetrics counter is found without its suffix";
}

TEST(page_reader, skips_an_unwanted_line_of_any_length) {
    const name_table wanted({"up", "requests"});
    const std::string large(page_limits{}.line_bytes + 1, 'x');
    for (const auto& line :
         {"redis_key_value_as_string{db=\"db0\",key=\"k\",val=\"" + large + "\"} 1\n",
          "# HELP other " + large + "\n", "# " + large + "\n"}) {
        const auto result =
            read_all("up 1\n" + line + "requests 3\n", page_format::text, {}, &wanted);
        ASSERT_TRUE(result.end) << result.end.error().text;
        EXPECT_EQ(result.samples.size(), 2u);
    }
    const auto help = "up 1\n# HELP other " + large + "\nrequests 3\n# EOF\n";
    EXPECT_EQ(read_all(help, page_format::openmetrics, {}, &wanted).samples.size(), 2u);
    const auto own = read_all("up{a=\"" + large + "\"} 1\n", page_format::text, {}, &wanted);
    ASSERT_FALSE(own.end);
    EXPECT_EQ(own.end.error().text, "line 1: the line is too long");
}

TEST(page_reader, skips_an_unwanted_line_of_any_syntax) {
    const name_table wanted({"up", "requests"});
    const std::string page =
        "up 1\n"
        "# TYPE \"queue.depth\" gauge\n"
        "{\"queue.depth\"} 3\n"
        "{\"queue.depth\",\"tenant.id\"=\"a\"} 1\n"
        "{\"queue.\\\"depth\n"
        "{} 1\n{\n{\"\n\"up\" 1\n"
        "other{a=~b} {count:12,sum:100.0,schema:3} st@17\n"
        "@future syntax\n\xc3\xa9t\xc3\xa9 1\n"
        "requests 3\n";
    const auto text = read_all(page, page_format::text, {}, &wanted);
    ASSERT_TRUE(text.end) << text.end.error().text;
    EXPECT_EQ(text.samples.size(), 2u);
    const auto open =
        read_all(page + "# KIND other\n\n# EOF\n", page_format::openmetrics, {}, &wanted);
    ASSERT_TRUE(open.end) << open.end.error().text;
    EXPECT_EQ(open.samples.size(), 2u);
}

TEST(page_reader, reads_names_in_quotes) {
    const std::string page =
        "{\"queue.depth\"} 3\n"
        "{\"queue.depth\",\"tenant.id\"=\"a\"} 1\n"
        "redis_up{\"k8s.pod.name\"=\"cache-0\",b=\"c\"} 1\n";
    const auto result = read_all(page);
    ASSERT_TRUE(result.end) << result.end.error().text;
    ASSERT_EQ(result.samples.size(), 3u);
    EXPECT_EQ(result.samples[0].name, "queue.depth");
    EXPECT_EQ(result.samples[0].value, 3);
    EXPECT_EQ(result.samples[1].labels[0].first, "tenant.id");
    EXPECT_EQ(result.samples[1].labels[0].second, "a");
    EXPECT_EQ(result.samples[2].labels[0].first, "k8s.pod.name");
    EXPECT_EQ(result.samples[2].labels[1].second, "c");

    const name_table wanted({"redis_up"});
    const auto selected =
        read_all(page + "{\"redis_up\",a=\"b\"} 4\nredis_up 5\n", page_format::text, {}, &wanted);
    ASSERT_TRUE(selected.end) << selected.end.error().text;
    ASSERT_EQ(selected.samples.size(), 3u);
    EXPECT_EQ(selected.samples[1].labels[0].first, "a");
    EXPECT_EQ(selected.samples[1].value, 4);

    EXPECT_EQ(error_of("{\"a.b\" c=\"1\"} 1\n"),
              "line 1: ',' or '}' was expected after the metric name");
    EXPECT_EQ(error_of("{\"a.b\"\n"), "line 1: the labels are not closed");
    EXPECT_EQ(error_of("a{1\"b\"=\"1\"} 1\n"), "line 1: a label name was expected");
    EXPECT_EQ(error_of("{\"\"} 1\n"), "line 1: a metric name was expected");
    EXPECT_EQ(error_of("{a=\"1\"} 1\n"), "line 1: a metric name was expected");
    EXPECT_EQ(error_of("{\"a.b\"} 1\na.b 1\n"), "line 2: a blank was expected before the value");
}

TEST(page_reader, reports_the_error_of_a_wanted_line) {
    const name_table wanted({"up"});
    const auto result = read_all("x 1\nup one\n", page_format::text, {}, &wanted);
    ASSERT_FALSE(result.end);
    EXPECT_EQ(result.end.error().text, "line 2: the value is not a number");
}

TEST(name_table, finds_its_names_only) {
    std::vector<std::string> names;
    names.reserve(504);
    for (int index = 0; index < 500; ++index)
        names.push_back("metric_" + std::to_string(index * 7));
    names.insert(names.end(), {"a", "ab", "abcdefg", "abcdefgh"});
    const name_table table(std::vector<std::string_view>(names.begin(), names.end()));
    for (std::size_t index = 0; index < names.size(); ++index) {
        EXPECT_EQ(table.find(names[index]), index);
        EXPECT_EQ(table.find(names[index] + "x"), name_table::absent);
    }
    EXPECT_EQ(table.find(""), name_table::absent);
    EXPECT_EQ(name_table().find("a"), name_table::absent);
}

TEST(page_format, is_that_of_the_content_type) {
    EXPECT_EQ(format_of("text/plain; version=0.0.4; charset=utf-8"), page_format::text);
    EXPECT_EQ(format_of(""), page_format::text);
    EXPECT_EQ(format_of("Application/OpenMetrics-Text; version=1.0.0"), page_format::openmetrics);
    EXPECT_EQ(format_of("text/html").error().reason, "wrong_media_type");
    EXPECT_EQ(format_of("application/json").error().code, base::errc::corrupt);
}

// Damaged pages yield an error or fewer samples. ASan detects reads beyond the page.
TEST(page_reader, survives_damaged_pages) {
    const std::string page =
        "# HELP a b\na{x=\"1\",y=\"a\\\\b\"} 1 5\nb 2e5\n"
        "{\"a.b\",\"c.d\"=\"e\"} 1\nc{} NaN # {t=\"1\"} 2 3.5\n\n# EOF\n";
    const name_table names({"a", "c"});
    std::mt19937 random(20260101);
    constexpr std::string_view spice = "{}\"\\=,# \t\n\r0aZ_:+-.eExX\x80\xff";
    for (int round = 0; round < 20000; ++round) {
        auto damaged = page.substr(0, random() % (page.size() + 1));
        for (auto changes = random() % 4; changes > 0 && !damaged.empty(); --changes) {
            damaged[random() % damaged.size()] = spice[random() % spice.size()];
        }
        const std::vector<char> exact(damaged.begin(), damaged.end());  // no spare byte at the end
        for (const auto format : {page_format::text, page_format::openmetrics}) {
            for (const auto* wanted : {static_cast<const name_table*>(nullptr), &names}) {
                const auto result = read_all({exact.data(), exact.size()}, format, {}, wanted);
                EXPECT_LE(result.samples.size(), 12u);
            }
        }
    }
}

}  // namespace
}  // namespace scrape
