#include "kube/discovery.hpp"

#include "test/support/simulated_api_server.hpp"

namespace kube {
namespace {

using base::errc;
using fakes::kube_client;

// Serves the pages and returns 404 for other paths.
class discovery : public kube_client {
  protected:
    discovery() {
        pages_["/apis"] =
            R"({"kind":"APIGroupList","groups":[{"name":"other.example","versions":[]},
            {"name":"kubedb.com","preferredVersion":{"version":"v1"},
             "versions":[{"version":"v1alpha2"},{"version":"v1"}]}]})";
        pages_["/apis/kubedb.com/v1"] = R"({"kind":"APIResourceList","resources":[
            {"name":"redises","kind":"Redis","namespaced":true},
            {"name":"redises/status","kind":"Redis","namespaced":true}]})";
        pages_["/apis/kubedb.com/v1alpha2"] = R"({"kind":"APIResourceList","resources":[
            {"name":"redises","kind":"Redis","namespaced":true},
            {"name":"solrs","kind":"Solr","namespaced":true}]})";
        pages_["/api/v1"] = R"({"kind":"APIResourceList","resources":[
            {"name":"nodes","kind":"Node","namespaced":false}]})";
    }
    base::outcome<std::vector<resource>> found(std::vector<std::string> groups = {
                                                   "kubedb.com", "not.installed", ""}) {
        if (!server_) start();
        simulated_.respond_with([this](const http::request& request) -> http::outgoing_response {
            const auto page = pages_.find(request.target);
            if (page == pages_.end()) {
                return {.response = {.status = 404, .body = http::body("404 page not found\n")}};
            }
            return {.response = {.status = 200, .body = http::body(page->second)}};
        });
        std::vector<resource> kinds;
        const auto result = run([&kinds, &groups](client& client) -> aio::task<> {
            auto all = co_await discover(client, groups);
            if (!all) co_return base::pass(std::move(all));
            kinds = std::move(*all);
            co_return base::ok();
        });
        if (!result) return std::unexpected(result.error());
        return kinds;
    }

    std::map<std::string, std::string> pages_;
};

TEST_F(discovery, names_each_kind_once_in_the_preferred_version) {
    const auto kinds = found();
    ASSERT_TRUE(kinds) << kinds.error().text;
    ASSERT_EQ(kinds->size(), 3U);
    EXPECT_EQ((*kinds)[0], (resource{"kubedb.com", "v1", "redises", "Redis"}));
    EXPECT_EQ((*kinds)[1], (resource{"kubedb.com", "v1alpha2", "solrs", "Solr"}));
    EXPECT_EQ((*kinds)[2], (resource{"", "v1", "nodes", "Node", false}));
}

TEST_F(discovery, of_a_version_names_each_kind_in_it_if_it_is_served) {
    pages_["/apis"] = R"({"kind":"APIGroupList","groups":[{"name":"kubedb.com",
        "preferredVersion":{"version":"v2"},"versions":[{"version":"v2"},{"version":"v1"}]}]})";
    pages_["/apis/kubedb.com/v2"] = R"({"kind":"APIResourceList","resources":[
        {"name":"redises","kind":"Redis","namespaced":true},
        {"name":"solrs","kind":"Solr","namespaced":true}]})";
    const auto kinds = found({"kubedb.com/v1"});
    ASSERT_TRUE(kinds) << kinds.error().text;
    ASSERT_EQ(kinds->size(), 2U);
    EXPECT_EQ((*kinds)[0], (resource{"kubedb.com", "v1", "redises", "Redis"}));
    EXPECT_EQ((*kinds)[1], (resource{"kubedb.com", "v2", "solrs", "Solr"}));
    EXPECT_EQ(found({"kubedb.com/v3"}).value().front().version, "v2");
}

TEST_F(discovery, a_group_that_is_not_listed_is_not_installed) {
    pages_["/apis"] = R"({"kind":"APIGroupList","groups":[]})";
    const auto kinds = found();
    ASSERT_TRUE(kinds) << kinds.error().text;
    EXPECT_EQ(kinds->size(), 1U);
}

// Treating it as "not installed" would abandon every database.
TEST_F(discovery, rejects_a_404_without_a_status) {
    for (const std::string path : {"/apis", "/apis/kubedb.com/v1", "/api/v1"}) {
        const auto page = pages_.extract(path);
        EXPECT_EQ(found().error().code, errc::unavailable) << path;
        pages_[path] = page.mapped();
    }
}

TEST_F(discovery, rejects_a_page_of_another_kind) {
    for (const std::string path : {"/apis", "/apis/kubedb.com/v1", "/api/v1"}) {
        for (const std::string page : {R"({"hello":"world"})", "<html>", "[]"}) {
            const auto good = std::exchange(pages_[path], page);
            EXPECT_EQ(found().error().code, errc::corrupt) << path << ' ' << page;
            pages_[path] = good;
        }
    }
}

}  // namespace
}  // namespace kube
