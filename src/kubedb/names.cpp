#include "kubedb/names.hpp"

#include "domain/text_rules.hpp"

namespace kubedb {
namespace {
constexpr std::string_view prefix = "dbaas-";
}

std::string namespace_of(std::string_view project) {
    return std::string(prefix) + std::string(project);
}

std::optional<std::string> project_of(std::string_view ns) {
    if (!ns.starts_with(prefix) || ns.size() == prefix.size()) return std::nullopt;
    return std::string(ns.substr(prefix.size()));
}

bool is_user_label(std::string_view key) noexcept {
    return domain::reserved_domain_of(key).empty();
}

}  // namespace kubedb
