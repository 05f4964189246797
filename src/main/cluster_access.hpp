#pragma once
// The configuration of the cluster from the options: a kubeconfig, or the service account of the
// pod.

#include "base/failure.hpp"
#include "config/config.hpp"
#include "kube/kubeconfig.hpp"

struct cluster_access {
    kube::config config;
    bool is_in_cluster = false;  // uses the service account of the pod
};

// Reads the kubeconfig of the options, else those of KUBECONFIG, else the files of the pod. Errors:
// those of kube/kubeconfig.hpp.
base::outcome<cluster_access> find_cluster(const config::options& options);
