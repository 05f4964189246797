#include "main/cluster_access.hpp"

#include <cstdlib>

base::outcome<cluster_access> find_cluster(const config::options& options) {
    const auto* variable = std::getenv("KUBECONFIG");
    const auto paths = !options.kubeconfig.empty() ? std::vector{options.kubeconfig}
                       : variable != nullptr       ? kube::split_kubeconfig_list(variable)
                                                   : std::vector<std::string>();
    if (!paths.empty()) {
        auto loaded = kube::load_kubeconfigs(paths, options.kube_context);
        if (!loaded) return base::pass(std::move(loaded));
        return cluster_access{.config = std::move(*loaded)};
    }
    const auto* host = std::getenv("KUBERNETES_SERVICE_HOST");
    const auto* port = std::getenv("KUBERNETES_SERVICE_PORT");
    auto loaded = kube::load_in_cluster(host == nullptr ? "" : host, port == nullptr ? "" : port);
    if (!loaded) return base::pass(std::move(loaded));
    return cluster_access{.config = std::move(*loaded), .is_in_cluster = true};
}
