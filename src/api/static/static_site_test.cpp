#include "api/static/static_site.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "api/api.hpp"
#include "api/routes.hpp"
#include "http/gzip.hpp"

namespace {

http::request request_with(http::headers headers) {
    return {.target = "/docs", .headers = std::move(headers)};
}

api::static_site site() {
    return {api::openapi_document(), api::embedded_files()};
}

// Returns the values of src and href of a page, except data: and fragments.
std::vector<std::string> references_in(const std::string& page) {
    static const std::regex reference(R"re((?:src|href)\s*=\s*(?:"([^"]*)"|([^\s>"]+)))re");
    std::vector<std::string> references;
    for (std::sregex_iterator it(page.begin(), page.end(), reference), end; it != end; ++it) {
        auto value = (*it)[1].matched ? (*it)[1].str() : (*it)[2].str();
        if (!value.starts_with('#') && value != "data:,") references.push_back(std::move(value));
    }
    return references;
}

TEST(docs, contain_the_viewer_of_the_build) {
    EXPECT_EQ(api::api_viewer().starts_with("Swagger UI "), DBAAS_HAS_VIEWER == 1);
    EXPECT_EQ(api::embedded_files().empty(), DBAAS_HAS_VIEWER == 0);
    const auto page = site().page({}).body.to_string();
    EXPECT_EQ(page.find("<script src=") != std::string::npos, DBAAS_HAS_VIEWER == 1);
    EXPECT_EQ(page.find("does not include Swagger UI") != std::string::npos, DBAAS_HAS_VIEWER == 0);
}

TEST(docs, load_nothing_from_other_hosts) {
    const auto docs = site();
    std::set<std::string> media;
    for (const auto& each : references_in(docs.page({}).body.to_string())) {
        EXPECT_EQ(each.find(':'), std::string::npos) << each;
        EXPECT_FALSE(each.starts_with("//")) << each;
        const std::string path = each.starts_with('/') ? each : "/" + each;  // as seen from /docs
        const auto matched = api::match(http::method::get, path);
        ASSERT_NE(matched.route, nullptr) << path;
        if (matched.route->id != api::endpoint::static_file) continue;
        const auto response = docs.file(matched.parameter, {});
        ASSERT_TRUE(response) << path;
        EXPECT_EQ(response->status, 200U);
        EXPECT_GT(response->body.size(), 0U);
        media.insert(std::string(response->headers.get("Content-Type")));
        const auto ending = path.substr(path.rfind('.') + 1);
        EXPECT_TRUE(response->headers.get("Content-Type")
                        .starts_with(ending == "js"    ? "text/javascript"
                                     : ending == "css" ? "text/css"
                                     : ending == "txt" ? "text/plain"
                                                       : "text/html"))
            << path;
    }
    EXPECT_EQ(media.size(), DBAAS_HAS_VIEWER == 1 ? 4U : 0U);
    EXPECT_EQ(docs.file("nothing.js", {}), std::nullopt);
    EXPECT_EQ(docs.file("index.html", {}), std::nullopt);
}

TEST(docs, run_no_script_but_ours_and_ask_no_host_but_us) {
    const auto docs = site();
    for (const auto& answer : {docs.page({}), *docs.file("plain", {})}) {
        const std::string policy(answer.headers.get("Content-Security-Policy"));
        EXPECT_TRUE(policy.starts_with("default-src 'none';")) << policy;
        for (const auto* forbidden : {"unsafe-eval", "//", "*", "http", "script-src 'unsafe"}) {
            EXPECT_EQ(policy.find(forbidden), std::string::npos) << policy;
        }
        const auto page = answer.body.to_string();
        EXPECT_FALSE(std::regex_search(page, std::regex("<script>|<script [^>]*>[^<]|\\son\\w+=")));
    }
}

TEST(docs, are_compressed_on_request_and_have_an_etag_per_encoding) {
    const auto docs = site();
    for (const auto& each : api::embedded_files()) {
        const auto ask = [&](http::headers headers) {
            const auto incoming = request_with(std::move(headers));
            return each.name == "index.html" ? docs.page(incoming)
                                             : *docs.file(each.path, incoming);
        };
        const auto plain = ask({});
        const auto compressed = ask({{"Accept-Encoding", "br, gzip"}});
        EXPECT_EQ(plain.headers.get("Content-Encoding"), "");
        EXPECT_EQ(plain.body.size(), each.bytes);
        EXPECT_EQ(compressed.headers.get("Content-Encoding"), "gzip");
        EXPECT_EQ(compressed.headers.get("Vary"), "Accept-Encoding");
        EXPECT_EQ(http::gunzip(compressed.body.to_string(), each.bytes).value(),
                  plain.body.to_string());
        const std::string tag(compressed.headers.get("ETag"));
        EXPECT_NE(tag, plain.headers.get("ETag"));
        const auto again = ask({{"Accept-Encoding", "gzip"}, {"If-None-Match", tag}});
        EXPECT_EQ(again.status, 304U);
        EXPECT_EQ(again.body.size(), 0U);
        EXPECT_EQ(again.headers.get("ETag"), tag);
        EXPECT_EQ(ask({{"If-None-Match", tag}}).status, 200U);
        const bool for_ever =
            compressed.headers.get("Cache-Control").find("immutable") != std::string_view::npos;
        EXPECT_EQ(for_ever, each.name != "index.html") << each.name;
    }
}

TEST(docs, have_a_plain_page_of_every_route) {
    const auto page = site().file("plain", {})->body.to_string();
    for (const auto& each : api::all_routes()) {
        if (!each.is_described) continue;
        const auto row = std::string(http::name(each.verb)) + "</b><code>" +
                         std::string(each.pattern) + "</code> " + std::string(each.summary);
        EXPECT_NE(page.find(row), std::string::npos) << row;
    }
    EXPECT_NE(page.find("<p>Body: <a href=#CreateDatabase>CreateDatabase</a></p>"),
              std::string::npos);
    EXPECT_NE(page.find("<h3 id=CreateDatabase>"), std::string::npos);
}

}  // namespace
