#include "kubedb/names.hpp"

namespace kubedb {
namespace {
constexpr std::string_view prefix = "dbaas-";
}

std::string namespace_of(std::string_view project) {
    return std::string(prefix) + std::string(project);
}

std::optional<std::string> project_of(std::string_view name_space) {
    if (!name_space.starts_with(prefix) || name_space.size() == prefix.size()) return std::nullopt;
    return std::string(name_space.substr(prefix.size()));
}

bool is_user_label(std::string_view key) noexcept {
    const auto domain = key.substr(0, key.find('/'));
    for (const std::string_view ours :
         {"kubedb-dbaas.io", "kubernetes.io", "k8s.io", "kubedb.com"}) {
        if (domain.size() == key.size()) break;  // no domain
        if (domain == ours) return false;
        if (domain.size() > ours.size() && domain.ends_with(ours) &&
            domain[domain.size() - ours.size() - 1] == '.') {
            return false;
        }
    }
    return true;
}

}  // namespace kubedb
