#include "kubedb/served_resources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kubedb {
namespace {

using base::errc;
using base::fail;

std::string name_of(std::string_view group, std::string_view plural) {
    return fmt::format("{}/{}", group, plural);
}

}  // namespace

void served_resources::replace(std::vector<kube::resource> resources) {
    is_discovered_ = true;
    served_.clear();
    for (auto& resource : resources) {
        ever_served_.insert(name_of(resource.group, resource.plural));
        served_.push_back(std::make_shared<const kube::resource>(std::move(resource)));
    }
}

resource_pointer served_resources::find(std::string_view group, std::string_view plural) const {
    const auto it = std::ranges::find_if(served_, [&](const resource_pointer& each) {
        return each->group == group && each->plural == plural;
    });
    return it == served_.end() ? nullptr : *it;
}

base::outcome<resource_pointer> served_resources::look_up(std::string_view group,
                                                          std::string_view plural) const {
    auto resource = find(group, plural);
    if (!resource && ever_served_.contains(name_of(group, plural))) {
        return fail(errc::unavailable,
                    fmt::format("the cluster does not serve {}.{} any more", plural, group));
    }
    return resource;
}

base::outcome<served_resources::engine_resource> served_resources::resource_of(
    const std::string& engine) const {
    const auto* dialect = find_dialect(engine);
    if (dialect != nullptr) {
        auto resource = look_up("kubedb.com", dialect->kind().plural);
        if (!resource) return base::pass(std::move(resource));
        if (*resource) return engine_resource{dialect, *resource};
    }
    return fail(errc::unsupported, fmt::format("the cluster has no {}", engine),
                "engine_not_installed");
}

base::outcome<resource_pointer> served_resources::dependent_resource_of(
    const engine_kind& kind) const {
    auto resource = look_up("kubedb.com", kind.dependent.plural);
    if (resource && !*resource) {
        return fail(errc::unsupported,
                    fmt::format("the cluster has no {}, which a replicated {} needs",
                                kind.dependent.kind, kind.kind),
                    "engine_not_installed");
    }
    return resource;
}

}  // namespace kubedb
