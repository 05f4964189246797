#include "kube/discovery.hpp"

#include <algorithm>

#include "json/json.hpp"
#include "json/json_access.hpp"
#include "kube/api_status.hpp"
#include "kube/kube_client.hpp"

namespace kube {
namespace {

using base::errc;

constexpr std::size_t page_bytes_max = 16 * 1024 * 1024;

// A document of that kind. A 404 is a failure like others: it proves nothing.
aio::task<json::object> get_document(client& client, std::string path, std::string kind) {
    auto response = co_await client.raw_get(
        std::move(path), std::chrono::steady_clock::now() + std::chrono::seconds(15),
        page_bytes_max, "discovery");
    if (!response) co_return base::pass(std::move(response));
    if (response->status != 200) {
        co_return std::unexpected(
            failure_of_response(response->status, response->body.to_string()));
    }
    auto parsed = json::try_parse(response->body.to_string());
    if (!parsed || !parsed->is_object() || json::text_at(parsed->get_object(), "kind") != kind) {
        co_return base::fail(errc::corrupt, "the response is not an object of kind " + kind);
    }
    co_return std::move(parsed->get_object());
}

// Of a group in an APIGroupList, the preferred one first; none: the group is not installed.
std::vector<std::string> versions_of(const json::object& groups, const std::string& group) {
    if (group.empty()) return {"v1"};
    std::vector<std::string> versions;
    for (const auto& each : json::array_or_empty(groups, "groups")) {
        const auto* entry = each.if_object();
        if (entry == nullptr || json::text_at(*entry, "name") != group) continue;
        versions.emplace_back(
            json::text_at(json::object_or_empty(*entry, "preferredVersion"), "version"));
        for (const auto& other : json::array_or_empty(*entry, "versions")) {
            if (other.is_object())
                versions.emplace_back(json::text_at(other.get_object(), "version"));
        }
    }
    std::vector<std::string> once;
    for (auto& each : versions) {
        if (!each.empty() && std::ranges::find(once, each) == once.end()) {
            once.push_back(std::move(each));
        }
    }
    return once;
}

// The kinds of one APIResourceList, subresources left out.
void add_kinds(const json::object& list, const std::string& group, const std::string& version,
               std::vector<resource>& out) {
    for (const auto& each : json::array_or_empty(list, "resources")) {
        const auto* entry = each.if_object();
        if (entry == nullptr || json::text_at(*entry, "name").find('/') != std::string_view::npos)
            continue;
        const auto* namespaced = entry->if_contains("namespaced");
        resource entry_resource{
            .group = group,
            .version = version,
            .plural = std::string(json::text_at(*entry, "name")),
            .kind = std::string(json::text_at(*entry, "kind")),
            .namespaced = namespaced != nullptr && namespaced->is_bool() && namespaced->get_bool()};
        const bool known = std::ranges::any_of(out, [&](const resource& other) {
            return other.group == group && other.plural == entry_resource.plural;
        });
        if (!known) out.push_back(std::move(entry_resource));
    }
}

}  // namespace

aio::task<std::vector<resource>> discover(client& client, std::vector<std::string> groups) {
    auto all = co_await get_document(client, "/apis", "APIGroupList");
    if (!all) co_return base::pass(std::move(all), "discovery");
    std::vector<resource> kinds;
    for (const auto& name : groups) {
        const auto slash = std::min(name.find('/'), name.size());
        const auto group = name.substr(0, slash);
        auto versions = versions_of(*all, group);
        const auto wanted = slash < name.size()
                                ? std::ranges::find(versions, name.substr(slash + 1))
                                : versions.end();
        if (wanted != versions.end()) std::rotate(versions.begin(), wanted, wanted + 1);
        for (const auto& version : versions) {
            auto list = co_await get_document(
                client, group.empty() ? "/api/v1" : "/apis/" + group + "/" + version,
                "APIResourceList");
            if (!list) co_return base::pass(std::move(list), "discovery of " + group);
            add_kinds(*list, group, version, kinds);
        }
    }
    co_return kinds;
}

}  // namespace kube
