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
        http::request made{.verb = verb, .target = std::move(target), .body = std::move(body)};
        made.headers.add("Content-Type", std::move(media));
        auto reply = core_.handle(made);
        auto* response = std::get_if<http::response>(&reply);
        if (response == nullptr) return "a stream";
        status_ = response->status;
        boost::system::error_code error;
        auto parsed = json::parse(response->body.to_string(), error);
        return error ? json::value(response->body.to_string()) : parsed;
    }
    json::value post(std::string body, std::string query = {}) {
        return call(http::method::post, redises + query, std::move(body));
    }
    json::value get(const std::string& name) {
        return call(http::method::get, redises + "/" + name);
    }
    json::value merge(const std::string& target, std::string body) {
        return call(http::method::patch, target, std::move(body), "application/merge-patch+json");
    }
    static std::string text(const json::value& from, std::string_view pointer) {
        boost::system::error_code error;
        const auto* found = from.find_pointer(pointer, error);
        if (found == nullptr) return "(none)";
        return found->is_string() ? std::string(found->get_string()) : json::serialize(*found);
    }

    const std::string redises = "/apis/kubedb.com/v1/namespaces/t/redises";
    object_store objects_;
    type_table types_;
    core core_;
    unsigned status_ = 0;
};

TEST_F(api_core, creates_with_defaults_and_server_fields) {
    const auto made = post(R"({"metadata":{"name":"r"},"spec":{"version":"7"}})");
    EXPECT_EQ(status_, 201U);
    EXPECT_EQ(text(made, "/kind"), "Redis");
    EXPECT_EQ(text(made, "/spec/healthChecker/periodSeconds"), "10");
    EXPECT_EQ(text(made, "/metadata/generation"), "1");
    EXPECT_NE(text(made, "/metadata/uid"), "(none)");
    EXPECT_EQ(text(get("r"), "/metadata/resourceVersion"), text(made, "/metadata/resourceVersion"));
    EXPECT_EQ(text(post(R"({"metadata":{"name":"r"},"spec":{"version":"7"}})"), "/reason"),
              "AlreadyExists");
}

TEST_F(api_core, refuses_with_kubernetes_words) {
    auto why = post(R"({"metadata":{"name":"r"},"spec":{}})");
    EXPECT_EQ(status_, 422U);
    EXPECT_EQ(text(why, "/details/causes/0/reason"), "FieldValueRequired");
    EXPECT_EQ(text(why, "/details/causes/0/field"), "spec.version");
    why = post(
        R"({"metadata":{"name":"r"},
            "spec":{"version":"7","replicas":"x","storageType":"Floppy"}})");
    EXPECT_NE(text(why, "/message").find("supported values: \"Durable\", \"Ephemeral\""),
              std::string::npos);
    why = post(R"({"metadata":{"name":"r"},"spec":{"version":"7","nope":1}})",
               "?fieldValidation=Strict");
    EXPECT_EQ(status_, 400U);
    EXPECT_NE(text(why, "/message").find("unknown field \"spec.nope\""), std::string::npos);
    why = post(R"({"metadata":{"name":"Bad_Name"},"spec":{"version":"7"}})");
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

TEST_F(api_core, unknown_fields_are_pruned_without_strict) {
    const auto made = post(R"({"metadata":{"name":"r"},"spec":{"version":"7","nope":1}})");
    EXPECT_EQ(status_, 201U);
    EXPECT_EQ(text(made, "/spec/nope"), "(none)");
}

TEST_F(api_core, status_and_spec_are_written_apart) {
    post(R"({"metadata":{"name":"r"},"spec":{"version":"7"},"status":{"phase":"Ready"}})");
    EXPECT_EQ(text(get("r"), "/status/phase"), "(none)");
    merge(redises + "/r/status", R"({"status":{"phase":"Ready"},"spec":{"version":"8"}})");
    EXPECT_EQ(text(get("r"), "/status/phase"), "Ready");
    EXPECT_EQ(text(get("r"), "/spec/version"), "7");
    EXPECT_EQ(text(get("r"), "/metadata/generation"), "1");
    merge(redises + "/r", R"({"spec":{"version":"8"},"status":{"phase":"Critical"}})");
    EXPECT_EQ(text(get("r"), "/metadata/generation"), "2");
    EXPECT_EQ(text(get("r"), "/status/phase"), "Ready");
    const auto before = text(get("r"), "/metadata/resourceVersion");
    merge(redises + "/r", R"({"spec":{"version":"8"}})");
    EXPECT_EQ(text(get("r"), "/metadata/resourceVersion"), before);
}

TEST_F(api_core, optimistic_concurrency_and_media_types) {
    post(R"({"metadata":{"name":"r"},"spec":{"version":"7"}})");
    EXPECT_EQ(text(merge(redises + "/r", R"({"metadata":{"resourceVersion":"1"}})"), "/reason"),
              "Conflict");
    call(http::method::put, redises + "/r", R"({"metadata":{"name":"r"},"spec":{"version":"7"}})");
    EXPECT_EQ(status_, 422U);
    call(http::method::patch, redises + "/r", "{}", "application/strategic-merge-patch+json");
    EXPECT_EQ(status_, 415U);
    call(http::method::patch, redises + "/r",
         R"([{"op":"test","path":"/spec/version","value":"9"}])", "application/json-patch+json");
    EXPECT_EQ(status_, 422U);
}

TEST_F(api_core, deletion_waits_for_finalizers_and_takes_dependents_along) {
    post(R"({"metadata":{"name":"r","finalizers":["kubedb.com"]},"spec":{"version":"7"}})");
    const auto uid = text(get("r"), "/metadata/uid");
    call(http::method::post, "/api/v1/namespaces/t/secrets",
         R"({"metadata":{"name":"s","ownerReferences":[{"apiVersion":"kubedb.com/v1",)"
         R"("kind":"Redis","name":"r","uid":")" +
             uid + R"("}]},"stringData":{"a":"hi"}})");
    EXPECT_EQ(text(call(http::method::get, "/api/v1/namespaces/t/secrets/s"), "/data/a"), "aGk=");
    call(http::method::del, redises + "/r", R"({"preconditions":{"uid":"other"}})");
    EXPECT_EQ(status_, 409U);
    EXPECT_NE(text(call(http::method::del, redises + "/r"), "/metadata/deletionTimestamp"),
              "(none)");
    merge(redises + "/r", R"({"metadata":{"finalizers":null}})");
    get("r");
    EXPECT_EQ(status_, 404U);
    call(http::method::get, "/api/v1/namespaces/t/secrets/s");
    EXPECT_EQ(status_, 404U);
}

TEST_F(api_core, a_namespace_takes_its_content_along) {
    post(R"({"metadata":{"name":"r","finalizers":["kubedb.com"]},"spec":{"version":"7"}})");
    call(http::method::del, "/api/v1/namespaces/t");
    EXPECT_EQ(text(post(R"({"metadata":{"name":"q"},"spec":{"version":"7"}})"), "/reason"),
              "Forbidden");
    merge(redises + "/r", R"({"metadata":{"finalizers":null}})");
    call(http::method::get, "/api/v1/namespaces/t");
    EXPECT_EQ(status_, 404U);
}

TEST_F(api_core, lists_in_pages_and_by_selectors) {
    for (int index = 0; index < 5; ++index) {
        post(R"({"metadata":{"name":"r)" + std::to_string(index) + R"(","labels":{"odd":")" +
             (index % 2 ? "yes" : "no") + R"("}},"spec":{"version":"7"}})");
    }
    auto page = call(http::method::get, redises + "?limit=3");
    EXPECT_EQ(page.at("items").as_array().size(), 3U);
    page =
        call(http::method::get, redises + "?limit=3&continue=" + text(page, "/metadata/continue"));
    EXPECT_EQ(page.at("items").as_array().size(), 2U);
    EXPECT_EQ(text(page, "/metadata/continue"), "(none)");
    const auto count = [&](const std::string& query) {
        return call(http::method::get, redises + query).at("items").as_array().size();
    };
    EXPECT_EQ(count("?labelSelector=odd%3Dyes"), 2U);
    EXPECT_EQ(count("?labelSelector=odd%20in%20(yes,no)"), 5U);
    EXPECT_EQ(count("?labelSelector=!odd"), 0U);
    EXPECT_EQ(count("?labelSelector=odd!=yes"), 3U);
    EXPECT_EQ(count("?fieldSelector=metadata.name%3Dr1"), 1U);
    call(http::method::get, redises + "?fieldSelector=spec.version%3D7");
    EXPECT_EQ(status_, 400U);
    call(http::method::get, redises + "?continue=garbage");
    EXPECT_EQ(status_, 400U);
    EXPECT_EQ(text(call(http::method::get, redises + "?resourceVersion=99999999"),
                   "/details/causes/0/reason"),
              "ResourceVersionTooLarge");
}

TEST_F(api_core, discovery_names_the_kinds) {
    const auto groups = call(http::method::get, "/apis");
    EXPECT_NE(json::serialize(groups).find("kubedb.com/v1"), std::string::npos);
    const auto kinds = call(http::method::get, "/apis/kubedb.com/v1");
    EXPECT_NE(json::serialize(kinds).find("\"redises/status\""), std::string::npos);
    call(http::method::get, "/apis/nothing.example");
    EXPECT_EQ(status_, 404U);
}

class watches : public testing::Test {
  protected:
    void change(const std::string& plural, const std::string& name) {
        ASSERT_TRUE(objects_.put("/" + plural, {"t", name}, {{"metadata", {{"name", name}}}}));
    }
    watch_feed watch(std::string_view plural) {
        return {objects_,
                {.how = {types_.find("", "v1", plural)}, .after = objects_.revision()},
                base::steady_time()};
    }
    // What it is told now.
    static std::string said(watch_feed& feed) {
        const auto portion = feed.next(base::steady_time());
        return portion.bytes ? *portion.bytes : "";
    }
    object_store objects_{{}, {.window_events = 4}};
    type_table types_;
};

TEST_F(watches, of_a_quiet_type_go_on_when_the_window_has_moved_over_others) {
    change("pods", "first");
    auto feed = watch("pods");
    for (int turn = 0; turn < 20; ++turn) change("secrets", "s");
    EXPECT_EQ(said(feed), "");
    change("pods", "second");
    EXPECT_NE(said(feed).find("second"), std::string::npos);
}

TEST_F(watches, that_missed_a_change_of_their_type_are_told_so) {
    auto feed = watch("pods");
    change("pods", "first");
    for (int turn = 0; turn < 20; ++turn) change("secrets", "s");
    EXPECT_NE(said(feed).find("too old resource version"), std::string::npos);
    auto later = watch("pods");
    objects_.forget_window();
    EXPECT_EQ(said(later), "");
    change("secrets", "s");
    objects_.forget_window();
    EXPECT_NE(said(later).find("too old resource version"), std::string::npos);
}

TEST(json_patch, does_what_rfc_6902_says) {
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

class journal_files : public testing::Test {
  protected:
    journal_files() {
        std::string pattern = testing::TempDir() + "/dbaas-journal-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~journal_files() override { std::filesystem::remove_all(folder_); }
    base::outcome<std::unique_ptr<journal>> open(object_store& into,
                                                 std::uint64_t compact = 1 << 20) {
        return open_journal({.folder = folder_, .compact_bytes = compact},
                            [&](std::string_view line) { return into.replay(line); });
    }
    [[nodiscard]] std::vector<std::filesystem::path> files() const {
        std::vector<std::filesystem::path> all;
        for (const auto& each : std::filesystem::directory_iterator(folder_)) all.push_back(each);
        std::ranges::sort(all);
        return all;
    }
    // Three changes, the last one a removal. Returns the revision after them.
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

TEST_F(journal_files, keep_content_and_revisions_and_drop_a_torn_line) {
    const auto last = fill();
    std::ofstream(files().back(), std::ios::app) << "0badc0de {\"put\":\"/secrets\",\"ns";
    object_store again;
    ASSERT_TRUE(open(again));
    EXPECT_EQ(again.all("/secrets").size(), 1U);
    EXPECT_EQ(again.revision(), last);
}

TEST_F(journal_files, a_broken_line_that_is_not_the_end_is_corrupt) {
    fill();
    const auto path = files().back();
    std::string text;
    {
        std::ifstream in(path);
        text.assign(std::istreambuf_iterator<char>(in), {});
    }
    text[text.find("/secrets")] = '#';
    std::ofstream(path) << text;
    object_store again;
    const auto opened = open(again);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, base::errc::corrupt);
}

TEST_F(journal_files, a_snapshot_takes_the_place_of_the_logs) {
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
    object_store again;
    ASSERT_TRUE(open(again));
    EXPECT_EQ(again.all("/secrets").size(), 1U);
    EXPECT_EQ(again.revision(), last);
}

}  // namespace
