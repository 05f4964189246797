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

void served_resources::replace(std::vector<kube::resource> found) {
    is_discovered_ = true;
    now_.clear();
    for (auto& each : found) {
        ever_.insert(name_of(each.group, each.plural));
        now_.push_back(std::make_shared<const kube::resource>(std::move(each)));
    }
}

resource_pointer served_resources::find(std::string_view group, std::string_view plural) const {
    const auto at = std::ranges::find_if(now_, [&](const resource_pointer& each) {
        return each->group == group && each->plural == plural;
    });
    return at == now_.end() ? nullptr : *at;
}

base::outcome<resource_pointer> served_resources::look_up(std::string_view group,
                                                          std::string_view plural) const {
    auto found = find(group, plural);
    if (!found && ever_.contains(name_of(group, plural))) {
        return fail(errc::unavailable,
                    fmt::format("the cluster does not serve {}.{} any more", plural, group));
    }
    return found;
}

base::outcome<served_resources::place> served_resources::place_of(const std::string& engine) const {
    const auto* kind = find_kind(engine);
    if (kind != nullptr) {
        auto what = look_up("kubedb.com", kind->plural);
        if (!what) return base::pass(std::move(what));
        if (*what) return place{kind, *what};
    }
    return fail(errc::unsupported, fmt::format("the cluster has no {}", engine),
                "engine_not_installed");
}

base::outcome<resource_pointer> served_resources::companion_of(const engine_kind& kind) const {
    auto what = look_up("kubedb.com", kind.companion.plural);
    if (what && !*what) {
        return fail(errc::unsupported,
                    fmt::format("the cluster has no {}, which a replicated {} needs",
                                kind.companion.kind, kind.kind),
                    "engine_not_installed");
    }
    return what;
}

}  // namespace kubedb
