#pragma once
// Names and labels that the platform and KubeDB use in the cluster. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace kubedb {

// The versions that the platform writes. An engine whose kind is served in others alone is not
// offered; its databases are still read.
inline constexpr std::string_view database_api = "kubedb.com/v1";
inline constexpr std::string_view ops_api = "ops.kubedb.com/v1alpha1";

inline constexpr std::string_view label_database = "kubedb-dbaas.io/database-id";
inline constexpr std::string_view label_managed = "kubedb-dbaas.io/managed";
inline constexpr std::string_view label_project = "kubedb-dbaas.io/project";
inline constexpr std::string_view label_operation = "kubedb-dbaas.io/operation-id";
// The keys of the user's labels, "a,b". Other labels on the object belong to policies and tools.
inline constexpr std::string_view annotation_labels = "kubedb-dbaas.io/labels";
inline constexpr std::string_view label_name = "app.kubernetes.io/name";
inline constexpr std::string_view label_instance = "app.kubernetes.io/instance";
inline constexpr std::string_view selector_kubedb = "app.kubernetes.io/managed-by=kubedb.com";

// Returns the namespace of a project, for example "dbaas-shop".
std::string namespace_of(std::string_view project);
// Returns the project of a namespace; nullopt if the platform does not own the namespace.
std::optional<std::string> project_of(std::string_view ns);
// Returns false for labels of the platform and of Kubernetes.
bool is_user_label(std::string_view key) noexcept;

}  // namespace kubedb
