#include "main/pod_usage.hpp"

#include <algorithm>
#include <optional>

#include "base/quantity.hpp"
#include "json/json_access.hpp"
#include "kube/kube_client.hpp"
#include "kube/status_reason.hpp"
#include "kubedb/engine_dialect.hpp"
#include "kubedb/names.hpp"

namespace cost {
namespace {

const kubedb::engine_kind* find_kind(std::string_view name_label) {
    const auto& dialects = kubedb::all_dialects();
    const auto entry = std::ranges::find_if(
        dialects, [&](const auto* dialect) { return dialect->kind().name_label() == name_label; });
    return entry == dialects.end() ? nullptr : &(*entry)->kind();
}

// Returns the cores of the containers with the name; nullopt if there is none.
std::optional<double> cores_of(const json::object& pod, std::string_view container) {
    std::optional<double> result;
    for (const auto& item : json::array_or_empty(pod, "containers")) {
        const auto* const entry = item.if_object();
        if (entry == nullptr || json::text_at(*entry, "name") != container) continue;
        const auto millis =
            base::parse_millis(json::quantity_at(json::object_or_empty(*entry, "usage"), "cpu"));
        if (millis) result = result.value_or(0) + static_cast<double>(*millis) / 1000;
    }
    return result;
}

}  // namespace

cpu_by_database sum_cpu(const std::vector<json::object>& pod_metrics) {
    cpu_by_database result;
    for (const auto& pod : pod_metrics) {
        const auto& metadata = json::object_or_empty(pod, "metadata");
        const auto& labels = json::object_or_empty(metadata, "labels");
        const auto project = kubedb::project_of(json::text_at(metadata, "namespace"));
        const auto* const kind = find_kind(json::text_at(labels, kubedb::label_name));
        if (!project || kind == nullptr) continue;
        const auto cores = cores_of(pod, kind->container);
        if (!cores) continue;
        result[{.project = *project,
                .engine = std::string(kind->engine),
                .name = std::string(json::text_at(labels, kubedb::label_instance))}] += *cores;
    }
    return result;
}

aio::task<cpu_by_database> read_pod_cpu(kube::client& client) {
    const kube::resource pods{
        .group = "metrics.k8s.io", .version = "v1beta1", .plural = "pods", .kind = "PodMetrics"};
    auto page =
        co_await client.list(pods, {}, {.label_selector = std::string(kubedb::selector_kubedb)});
    if (page) co_return sum_cpu(page->items);
    if (page.error().cause == kube::status_reason::not_served) {
        co_return base::fail(base::errc::unsupported,
                             "the cluster does not serve metrics.k8s.io; install metrics-server");
    }
    co_return base::pass(std::move(page));
}

}  // namespace cost
