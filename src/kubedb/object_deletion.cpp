#include "kubedb/object_deletion.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "json/json_access.hpp"
#include "kubedb/names.hpp"
#include "kubedb/owned_object.hpp"

namespace kubedb {
namespace {

using base::errc;

// Returns whether an object of the resource has these labels.
aio::task<bool> has_any(kube::client& client, kube::resource resource, std::string ns,
                        std::string labels) {
    auto page = co_await client.list(std::move(resource), std::move(ns),
                                     {.label_selector = std::move(labels), .limit = 1});
    if (!page) co_return base::pass(std::move(page));
    co_return !page->items.empty();
}

std::string selector_of(const engine_kind& kind, const domain::database& record) {
    return fmt::format("{}={}.kubedb.com,{}={},{}", label_name, kind.plural, label_instance,
                       record.name, selector_kubedb);
}

aio::task<std::vector<request_name>> requests_of(kube::client& client, kube::resource resource,
                                                 domain::database record) {
    auto page =
        co_await client.list(std::move(resource), namespace_of(record.project),
                             {.label_selector = fmt::format("{}={}", label_database, record.id)});
    if (!page) co_return base::pass(std::move(page));
    std::vector<request_name> names;
    for (const auto& item : page->items) {
        const auto& metadata = json::object_or_empty(item, "metadata");
        names.push_back({std::string(json::text_at(metadata, "name")),
                         std::string(json::text_at(metadata, "uid"))});
    }
    co_return names;
}

// Deletes the OpsRequest. Succeeds also if it does not exist or if another one has the name.
aio::task<> delete_request(kube::client& client, kube::resource resource, std::string ns,
                           request_name request) {
    auto deleted = co_await client.remove(std::move(resource), std::move(ns), request.name,
                                          {.uid = request.uid});
    const bool is_other_object = !deleted && deleted.error().code == errc::precondition;
    if (!deleted && !is_other_object && deleted.error().code != errc::not_found) {
        co_return base::pass(std::move(deleted));
    }
    co_return base::ok();
}

// Returns true if no OpsRequest is left.
aio::task<bool> remove_requests(kube::client& client, kube::resource resource,
                                domain::database record, std::vector<request_name> all) {
    auto owned = co_await requests_of(client, resource, record);
    if (!owned) co_return base::pass(std::move(owned));
    all.insert(all.end(), owned->begin(), owned->end());
    std::ranges::sort(all);
    all.erase(std::ranges::unique(all).begin(), all.end());
    for (const auto& request : all) {
        auto deleted =
            co_await delete_request(client, resource, namespace_of(record.project), request);
        if (!deleted) co_return base::pass(std::move(deleted));
    }
    if (owned->empty()) co_return true;
    // A finalizer of the operator may delay the deletion.
    owned = co_await requests_of(client, resource, record);
    if (!owned) co_return base::pass(std::move(owned));
    const bool is_empty = owned->empty();
    co_return is_empty;
}

}  // namespace

aio::task<> delete_object(kube::client& client, kube::resource resource, const engine_kind& kind,
                          json::object present) {
    const auto& metadata = json::object_or_empty(present, "metadata");
    const auto& spec = json::object_or_empty(present, "spec");
    const std::string ns(json::text_at(metadata, "namespace"));
    const std::string name(json::text_at(metadata, "name"));
    const std::string uid(json::text_at(metadata, "uid"));
    const bool is_halted = json::flag_at(spec, "halted");
    if (is_halted || json::text_at(spec, "deletionPolicy") != "WipeOut") {
        json::object changes{{"deletionPolicy", "WipeOut"}};
        // KubeDB reverts the policy of a halted database.
        if (is_halted && kind.can_halt) changes["halted"] = false;
        auto patched = co_await patch_by_uid(client, resource, {ns, name, uid},
                                             {{"spec", std::move(changes)}});
        if (!patched && patched.error().code == errc::not_found) co_return base::ok();
        if (!patched) co_return patched;
    }
    auto deleted = co_await client.remove(resource, ns, name, {.uid = uid});
    if (!deleted && deleted.error().code != errc::not_found) {
        co_return base::pass(std::move(deleted));
    }
    co_return base::ok();
}

aio::task<> delete_requests(kube::client& client, const served_resources& served,
                            std::vector<old_request> all) {
    auto result = base::ok();
    for (const auto& each : all) {
        const auto resource =
            served.find("ops.kubedb.com", find_dialect(each.engine)->kind().ops_plural());
        if (!resource) continue;
        auto deleted =
            co_await delete_request(client, *resource, namespace_of(each.project), each.request);
        if (deleted) continue;
        const auto code = deleted.error().code;
        if (result) result = std::move(deleted);
        if (code == errc::cancelled || code == errc::unavailable) break;
    }
    co_return result;
}

aio::task<bool> remove_leftovers(kube::client& client, const engine_kind& kind,
                                 domain::database record, resource_pointer requests,
                                 std::vector<request_name> names) {
    if (requests) {
        auto none_left = co_await remove_requests(client, *requests, record, std::move(names));
        if (!none_left || !*none_left) co_return none_left;
    }
    const auto ns = namespace_of(record.project);
    const auto labels = selector_of(kind, record);
    auto pods =
        co_await has_any(client, {.version = "v1", .plural = "pods", .kind = "Pod"}, ns, labels);
    if (!pods) co_return base::pass(std::move(pods));
    auto volumes = co_await has_any(
        client,
        {.version = "v1", .plural = "persistentvolumeclaims", .kind = "PersistentVolumeClaim"}, ns,
        labels);
    if (!volumes) co_return base::pass(std::move(volumes));
    co_return !*pods && !*volumes;
}

}  // namespace kubedb
