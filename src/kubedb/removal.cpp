#include "kubedb/removal.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kube/json_text.hpp"
#include "kubedb/names.hpp"
#include "kubedb/ownership.hpp"

namespace kubedb {
namespace {

namespace json = boost::json;
using base::errc;
using resource_pointer = std::shared_ptr<const kube::resource>;

base::outcome<void> done() {
    return {};
}

// Whether there is one of the kind with these labels.
aio::task<bool> is_any(kube::client& through, kube::resource what, std::string home,
                       std::string labels) {
    auto page = co_await through.list(std::move(what), std::move(home),
                                      {.label_selector = std::move(labels), .limit = 1});
    if (!page) co_return base::pass(std::move(page));
    co_return !page->items.empty();
}

std::string selector_of(const engine_kind& kind, const domain::database& record) {
    return fmt::format("{}={}.kubedb.com,{}={},{}", label_name, kind.plural, label_instance,
                       record.name, selector_kubedb);
}

aio::task<std::vector<std::string>> requests_of(kube::client& through, kube::resource what,
                                                domain::database record) {
    auto page =
        co_await through.list(std::move(what), namespace_of(record.project),
                              {.label_selector = fmt::format("{}={}", label_database, record.id)});
    if (!page) co_return base::pass(std::move(page));
    std::vector<std::string> names;
    for (const auto& each : page->items) {
        names.emplace_back(kube::text_at(kube::object_or_empty(each, "metadata"), "name"));
    }
    co_return names;
}

// True: none is left.
aio::task<bool> remove_requests(kube::client& through, kube::resource what, domain::database record,
                                std::vector<std::string> names) {
    auto ours = co_await requests_of(through, what, record);
    if (!ours) co_return base::pass(std::move(ours));
    names.insert(names.end(), ours->begin(), ours->end());
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    for (const auto& name : names) {
        auto gone = co_await through.remove(what, namespace_of(record.project), name);
        if (!gone && gone.error().code != errc::not_found) co_return base::pass(std::move(gone));
    }
    if (ours->empty()) co_return true;
    // Deleted is not gone: the operator may hold them.
    ours = co_await requests_of(through, what, record);
    if (!ours) co_return base::pass(std::move(ours));
    co_return ours->empty();
}

}  // namespace

aio::task<> delete_object(kube::client& through, kube::resource what, const engine_kind& kind,
                          json::object present) {
    const auto& metadata = kube::object_or_empty(present, "metadata");
    const auto& spec = kube::object_or_empty(present, "spec");
    const std::string home(kube::text_at(metadata, "namespace"));
    const std::string name(kube::text_at(metadata, "name"));
    const std::string uid(kube::text_at(metadata, "uid"));
    const bool is_halted = kube::flag_at(spec, "halted");
    if (is_halted || kube::text_at(spec, "deletionPolicy") != "WipeOut") {
        json::object wanted{{"deletionPolicy", "WipeOut"}};
        // While it is halted KubeDB sets the policy back.
        if (is_halted && kind.can_halt) wanted["halted"] = false;
        auto patched = co_await patch_same(through, what, {home, name, uid},
                                           {{"spec", std::move(wanted)}});
        if (!patched && patched.error().code == errc::not_found) co_return done();
        if (!patched) co_return patched;
    }
    auto asked = co_await through.remove(what, home, name, {.uid = uid});
    if (!asked && asked.error().code != errc::not_found) co_return base::pass(std::move(asked));
    co_return done();
}

aio::task<bool> remove_leftovers(kube::client& through, const engine_kind& kind,
                                 domain::database record, resource_pointer requests,
                                 std::vector<std::string> names) {
    if (requests) {
        auto none_left = co_await remove_requests(through, *requests, record, std::move(names));
        if (!none_left || !*none_left) co_return none_left;
    }
    const auto home = namespace_of(record.project);
    const auto labels = selector_of(kind, record);
    auto pods =
        co_await is_any(through, {.version = "v1", .plural = "pods", .kind = "Pod"}, home, labels);
    if (!pods) co_return base::pass(std::move(pods));
    auto volumes = co_await is_any(
        through,
        {.version = "v1", .plural = "persistentvolumeclaims", .kind = "PersistentVolumeClaim"},
        home, labels);
    if (!volumes) co_return base::pass(std::move(volumes));
    co_return !*pods && !*volumes;
}

}  // namespace kubedb
