#include "devcluster/apiserver/api_core.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "devcluster/apiserver/definitions.hpp"
#include "devcluster/apiserver/journal.hpp"
#include "devcluster/apiserver/patch.hpp"

namespace {

using namespace apiserver;

class api_core : public testing::Test {
  protected:
    api_core() : core_(objects_, types_, base::system_clock()) {
        for (auto& each : kubedb_definitions()) {
            EXPECT_TRUE(core_.ensure("apiextensions.k8s.io/v1", "customresourcedefinitions",
                                     std::move(each)));
        }
        EXPECT_TRUE(core_.ensure("v1", "namespaces", {{"metadata", {{"name", "t"}}}}));
    }
    json::value call(http::method verb, std::string target, std::string body = {},
                     std::string media = "application/json") {
        http::request request{.verb = verb, .target = std::move(target), .body = std::move(body)};
        request.headers.add("Content-Type", std::move(media));
        auto reply = core_.handle(request);
        auto* response = std::get_if<http::response>(&reply);
        if (response == nullptr) return "a stream";
        status_ = response->status;
        boost::system::error_code error;
        auto parsed = json::parse(response->body.to_string(), error);
        return error ? json::value(response->body.to_string()) : parsed;
    }
    json::value post(std::string body, std::string query = {}) {
        return call(http::method::post, redises_ + query, std::move(body));
    }
    json::value get(const std::string& name) {
        return call(http::method::get, redises_ + "/" + name);
    }
    json::value merge(const std::string& target, std::string body) {
        return call(http::method::patch, target, std::move(body), "application/merge-patch+json");
    }
    static std::string text(const json::value& document, std::string_view pointer) {
        boost::system::error_code error;
        const auto* member = document.find_pointer(pointer, error);
        if (member == nullptr) return "(none)";
        return member->is_string() ? std::string(member->get_string()) : json::serialize(*member);
    }

    const std::string redises_ = "/apis/kubedb.com/v1/namespaces/t/redises";
    object_store objects_;
    type_table types_;
    apiserver::api_core core_;
    unsigned status_ = 0;
};

TEST_F(api_core, creates_with_defaults_and_server_fields) {
    const auto created = post(R"({"metadata":{"name":"r"},"spec":{"version":"7"}})");
    EXPECT_EQ(status_, 201U);
    EXPECT_EQ(text(created, "/kind"), "Redis");
    EXPECT_EQ(text(created, "/spec/healthChecker/periodSeconds"), "10");
    EXPECT_EQ(text(created, "/metadata/generation"), "1");
    EXPECT_NE(text(created, "/metadata/uid"), "(none)");
    EXPECT_EQ(text(get("r"), "/metadata/resourceVersion"),
              text(created, "/metadata/resourceVersion"));
    EXPECT_EQ(text(post(R"({"metadata":{"name":"r"},"spec":{"version":"7"}})"), "/reason"),
              "AlreadyExists");
}

TEST_F(api_core, rejects_with_kubernetes_messages) {
    auto status = post(R"({"metadata":{"name":"r"},"spec":{}})");
    EXPECT_EQ(status_, 422U);
    EXPECT_EQ(text(status, "/details/causes/0/reason"), "FieldValueRequired");
    EXPECT_EQ(text(status, "/details/causes/0/field"), "spec.version");
    status = post(
        R"({"metadata":{"name":"r"},
            "spec":{"version":"7","replicas":"x","storageType":"Floppy"}})");
    EXPECT_NE(text(status, "/message").find("supported values: \"Durable\", \"Ephemeral\""),
              std::string::npos);
    status = post(R"({"metadata":{"name":"r"},"spec":{"version":"7","nope":1}})",
                  "?fieldValidation=Strict");
    EXPECT_EQ(status_, 400U);
    EXPECT_NE(text(status, "/message").find("unknown field \"spec.nope\""), std::string::npos);
    status = post(R"({"metadata":{"name":"Bad_Name"},"spec":{"version":"7"}})");
    EXPECT_EQ(status_, 422U);
    post("{");
    EXPECT_EQ(status_, 400U);
    call(http::method::post, "/apis/kubedb.com/v1/namespaces/nowhere/redises",
         R"({"metadata":{"name":"r"},"spec":{"version":"7"}})");
    EXPECT_EQ(status_, 404U);
    call(http::method::get, "/apis/kubedb.com/v9/namespaces/t/redises/r");
    EXPECT_EQ(status_, 404U);
    EXPECT_EQ(text(get("none"), "/details/name"), "none");
}

TEST_F(api_core, reports_the_causes_of_name_and_schema_together) {
    auto status = post(R"({"metadata":{"name":"Bad_Name"},"spec":{}})");
    EXPECT_EQ(status_, 422U);
    EXPECT_EQ(text(status, "/details/causes/0/field"), "metadata.name");
    EXPECT_EQ(text(status, "/details/causes/1/message"),
              "Invalid value: \"Bad_Name\": metadata.name in body should match "
              "'^[a-z]([-a-z0-9]*[a-z0-9])?$'");
    EXPECT_EQ(text(status, "/details/causes/2/field"), "spec.version");
    status = post(R"({"metadata":{},"spec":{"version":"7"}})");
    EXPECT_EQ(text(status, "/details/causes/0/reason"), "FieldValueRequired");
    EXPECT_EQ(text(status, "/details/causes/1/reason"), "(none)");
    post(R"({"metadata":{"name":"Bad_Name"},"spec":{"nope":1}})", "?fieldValidation=Strict");
    EXPECT_EQ(status_, 400U);
}

TEST_F(api_core, prunes_unknown_fields_without_strict) {
    const auto created = post(R"({"metadata":{"name":"r"},"spec":{"version":"7","nope":1}})");
    EXPECT_EQ(status_, 201U);
    EXPECT_EQ(text(created, "/spec/nope"), "(none)");
}

TEST_F(api_core, writes_status_and_spec_separately) {
    post(R"({"metadata":{"name":"r"},"spec":{"version":"7"},"status":{"phase":"Ready"}})");
    EXPECT_EQ(text(get("r"), "/status/phase"), "(none)");
    merge(redises_ + "/r/status", R"({"status":{"phase":"Ready"},"spec":{"version":"8"}})");
    EXPECT_EQ(text(get("r"), "/status/phase"), "Ready");
    EXPECT_EQ(text(get("r"), "/spec/version"), "7");
    EXPECT_EQ(text(get("r"), "/metadata/generation"), "1");
    merge(redises_ + "/r", R"({"spec":{"version":"8"},"status":{"phase":"Critical"}})");
    EXPECT_EQ(text(get("r"), "/metadata/generation"), "2");
    EXPECT_EQ(text(get("r"), "/status/phase"), "Ready");
    const auto before = text(get("r"), "/metadata/resourceVersion");
    merge(redises_ + "/r", R"({"spec":{"version":"8"}})");
    EXPECT_EQ(text(get("r"), "/metadata/resourceVersion"), before);
}

TEST_F(api_core, rejects_stale_revisions_and_unknown_media_types) {
    post(R"({"metadata":{"name":"r"},"spec":{"version":"7"}})");
    EXPECT_EQ(text(merge(redises_ + "/r", R"({"metadata":{"resourceVersion":"1"}})"), "/reason"),
              "Conflict");
    call(http::method::put, redises_ + "/r", R"({"metadata":{"name":"r"},"spec":{"version":"7"}})");
    EXPECT_EQ(status_, 422U);
    call(http::method::patch, redises_ + "/r", "{}", "application/strategic-merge-patch+json");
    EXPECT_EQ(status_, 415U);
    call(http::method::patch, redises_ + "/r",
         R"([{"op":"test","path":"/spec/version","value":"9"}])", "application/json-patch+json");
    EXPECT_EQ(status_, 422U);
}

TEST_F(api_core, deletes_after_finalizers_and_deletes_dependents) {
    post(R"({"metadata":{"name":"r","finalizers":["kubedb.com"]},"spec":{"version":"7"}})");
    const auto uid = text(get("r"), "/metadata/uid");
    call(http::method::post, "/api/v1/namespaces/t/secrets",
         R"({"metadata":{"name":"s","ownerReferences":[{"apiVersion":"kubedb.com/v1",)"
         R"("kind":"Redis","name":"r","uid":")" +
             uid + R"("}]},"stringData":{"a":"hi"}})");
    EXPECT_EQ(text(call(http::method::get, "/api/v1/namespaces/t/secrets/s"), "/data/a"), "aGk=");
    call(http::method::del, redises_ + "/r", R"({"preconditions":{"uid":"other"}})");
    EXPECT_EQ(status_, 409U);
    EXPECT_NE(text(call(http::method::del, redises_ + "/r"), "/metadata/deletionTimestamp"),
              "(none)");
    merge(redises_ + "/r", R"({"metadata":{"finalizers":null}})");
    get("r");
    EXPECT_EQ(status_, 404U);
    call(http::method::get, "/api/v1/namespaces/t/secrets/s");
    EXPECT_EQ(status_, 404U);
}

TEST_F(api_core, deletes_the_content_of_a_namespace) {
    post(R"({"metadata":{"name":"r","finalizers":["kubedb.com"]},"spec":{"version":"7"}})");
    call(http::method::del, "/api/v1/namespaces/t");
    EXPECT_EQ(text(post(R"({"metadata":{"name":"q"},"spec":{"version":"7"}})"), "/reason"),
              "Forbidden");
    merge(redises_ + "/r", R"({"metadata":{"finalizers":null}})");
    call(http::method::get, "/api/v1/namespaces/t");
    EXPECT_EQ(status_, 404U);
}

TEST_F(api_core, lists_pages_and_selections) {
    for (int index = 0; index < 5; ++index) {
        post(R"({"metadata":{"name":"r)" + std::to_string(index) + R"(","labels":{"odd":")" +
             (index % 2 ? "yes" : "no") + R"("}},"spec":{"version":"7"}})");
    }
    auto page = call(http::method::get, redises_ + "?limit=3");
    EXPECT_EQ(page.at("items").as_array().size(), 3U);
    page =
        call(http::method::get, redises_ + "?limit=3&continue=" + text(page, "/metadata/continue"));
    EXPECT_EQ(page.at("items").as_array().size(), 2U);
    EXPECT_EQ(text(page, "/metadata/continue"), "(none)");
    const auto count = [&](const std::string& query) {
        return call(http::method::get, redises_ + query).at("items").as_array().size();
    };
    EXPECT_EQ(count("?labelSelector=odd%3Dyes"), 2U);
    EXPECT_EQ(count("?labelSelector=odd%20in%20(yes,no)"), 5U);
    EXPECT_EQ(count("?labelSelector=!odd"), 0U);
    EXPECT_EQ(count("?labelSelector=odd!=yes"), 3U);
    EXPECT_EQ(count("?fieldSelector=metadata.name%3Dr1"), 1U);
    call(http::method::get, redises_ + "?fieldSelector=spec.version%3D7");
    EXPECT_EQ(status_, 400U);
    call(http::method::get, redises_ + "?continue=garbage");
    EXPECT_EQ(status_, 400U);
    EXPECT_EQ(text(call(http::method::get, redises_ + "?resourceVersion=99999999"),
                   "/details/causes/0/reason"),
              "ResourceVersionTooLarge");
}

TEST_F(api_core, discovers_the_kinds) {
    const auto groups = call(http::method::get, "/apis");
    EXPECT_NE(json::serialize(groups).find("kubedb.com/v1"), std::string::npos);
    const auto kinds = call(http::method::get, "/apis/kubedb.com/v1");
    EXPECT_NE(json::serialize(kinds).find("\"redises/status\""), std::string::npos);
    call(http::method::get, "/apis/nothing.example");
    EXPECT_EQ(status_, 404U);
}

class watch_feed : public testing::Test {
  protected:
    void change(const std::string& plural, const std::string& name) {
        ASSERT_TRUE(objects_.put("/" + plural, {"t", name}, {{"metadata", {{"name", name}}}}));
    }
    apiserver::watch_feed watch(std::string_view plural) {
        return {objects_,
                {.form = {types_.find("", "v1", plural)}, .after = objects_.revision()},
                base::steady_time()};
    }
    // The bytes that the watch sends now.
    static std::string sent(apiserver::watch_feed& feed) {
        const auto portion = feed.next(base::steady_time());
        return portion.bytes ? *portion.bytes : "";
    }
    object_store objects_{{}, {.window_events = 4}};
    type_table types_;
};

TEST_F(watch_feed, continues_when_the_window_loses_only_other_types) {
    change("pods", "first");
    auto feed = watch("pods");
    for (int turn = 0; turn < 20; ++turn) change("secrets", "s");
    EXPECT_EQ(sent(feed), "");
    change("pods", "second");
    EXPECT_NE(sent(feed).find("second"), std::string::npos);
}

TEST_F(watch_feed, reports_a_lost_change_of_its_type) {
    auto feed = watch("pods");
    change("pods", "first");
    for (int turn = 0; turn < 20; ++turn) change("secrets", "s");
    EXPECT_NE(sent(feed).find("too old resource version"), std::string::npos);
    auto later = watch("pods");
    objects_.forget_window();
    EXPECT_EQ(sent(later), "");
    change("secrets", "s");
    objects_.forget_window();
    EXPECT_NE(sent(later).find("too old resource version"), std::string::npos);
}

TEST_F(watch_feed, bookmarks_name_the_revision_of_the_store) {
    change("pods", "first");
    apiserver::watch_feed feed(
        objects_, {.form = {types_.find("", "v1", "pods")}, .after = 1000, .bookmarks = true},
        base::steady_time());
    const auto portion = feed.next(feed.due());
    ASSERT_TRUE(portion.bytes);
    const auto version = "\"resourceVersion\":\"" + std::to_string(objects_.revision()) + '"';
    EXPECT_NE(portion.bytes->find(version), std::string::npos) << *portion.bytes;
}

TEST(json_patch, follows_rfc_6902) {
    json::value target = json::parse(R"({"a":{"b":[1,2]},"c":1})");
    ASSERT_TRUE(json_patch(target, json::parse(R"([{"op":"add","path":"/a/b/1","value":9},
        {"op":"replace","path":"/c","value":"x"},{"op":"remove","path":"/a/b/0"},
        {"op":"add","path":"/a/b/-","value":3},{"op":"test","path":"/c","value":"x"}])")));
    EXPECT_EQ(json::serialize(target), R"({"a":{"b":[9,2,3]},"c":"x"})");
    EXPECT_TRUE(json_patch(
        target, json::parse(R"([{"op":"test","path":"","value":{"a":{"b":[9,2,3]},"c":"x"}}])")));
    EXPECT_EQ(json_patch(target, json::parse(R"([{"op":"remove","path":""}])")).error().code,
              base::errc::invalid);
    EXPECT_EQ(json_patch(target, json::parse(R"([{"op":"remove","path":"/none"}])")).error().code,
              base::errc::conflict);
    EXPECT_EQ(json_patch(target, json::parse(R"([{"op":"dance","path":"/c"}])")).error().code,
              base::errc::invalid);
}

class file_journal : public testing::Test {
  public:
    file_journal() {
        std::string pattern = testing::TempDir() + "/dbaas-journal-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~file_journal() override { std::filesystem::remove_all(folder_); }

  protected:
    base::outcome<std::unique_ptr<journal>> open(object_store& objects,
                                                 std::uint64_t compact = 1 << 20) {
        return open_journal({.folder = folder_, .compact_bytes = compact},
                            [&](std::string_view line) { return objects.replay(line); });
    }
    [[nodiscard]] std::vector<std::filesystem::path> files() const {
        std::vector<std::filesystem::path> all;
        for (const auto& each : std::filesystem::directory_iterator(folder_)) all.push_back(each);
        std::ranges::sort(all);
        return all;
    }
    // Writes three changes, the last one a removal. Returns the last revision.
    std::uint64_t fill() {
        std::unique_ptr<journal> lines;
        object_store objects([&](std::string_view line) { return lines->append(line); });
        lines = std::move(*open(objects));
        EXPECT_TRUE(objects.put("/secrets", {"t", "a"}, {{"metadata", json::object{}}}));
        EXPECT_TRUE(objects.put("/secrets", {"t", "b"}, {{"metadata", json::object{}}}));
        EXPECT_TRUE(objects.remove("/secrets", {"t", "b"}));
        return objects.revision();
    }
    std::string folder_;
};

TEST_F(file_journal, restores_content_and_revision_and_drops_a_torn_line) {
    const auto last = fill();
    std::ofstream(files().back(), std::ios::app) << "0badc0de {\"put\":\"/secrets\",\"ns";
    object_store restored;
    ASSERT_TRUE(open(restored));
    EXPECT_EQ(restored.all("/secrets").size(), 1U);
    EXPECT_EQ(restored.revision(), last);
}

TEST_F(file_journal, reports_a_broken_line_before_the_end_as_corrupt) {
    fill();
    const auto path = files().back();
    std::string text;
    {
        std::ifstream in(path);
        text.assign(std::istreambuf_iterator<char>(in), {});
    }
    text[text.find("/secrets")] = '#';
    std::ofstream(path) << text;
    object_store restored;
    const auto opened = open(restored);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, base::errc::corrupt);
}

TEST_F(file_journal, replaces_the_logs_by_a_snapshot) {
    std::uint64_t last = 0;
    {
        std::unique_ptr<journal> lines;
        object_store objects([&](std::string_view line) { return lines->append(line); });
        lines = std::move(*open(objects, 2000));
        for (int index = 0; index < 500; ++index) {
            ASSERT_TRUE(objects.put("/secrets", {"t", "a"}, {{"metadata", json::object{}}}));
        }
        EXPECT_TRUE(lines->wants_snapshot());
        lines->snapshot(objects.snapshot());
        last = objects.revision();
    }
    std::uintmax_t size = 0;
    for (const auto& each : files()) size += std::filesystem::file_size(each);
    EXPECT_LT(size, 20'000U);
    object_store restored;
    ASSERT_TRUE(open(restored));
    EXPECT_EQ(restored.all("/secrets").size(), 1U);
    EXPECT_EQ(restored.revision(), last);
}

}  // namespace
