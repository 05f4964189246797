#pragma once
// Where the API server is and who we are: from a kubeconfig file, from the pod's service account,
// or given. Pure but for reading files.

#include <cstdint>
#include <optional>
#include <string>

#include "base/failure.hpp"
#include "base/secret.hpp"
#include "http/message.hpp"

namespace kube {

// Material that came from a file has the file's name beside it: the client looks there again (see
// identity.hpp).
struct config {
    http::url server;    // its path goes before every other
    std::string ca_pem;  // empty: the system's, or not needed
    std::string ca_file;
    bool insecure_skip_verify = false;
    std::string tls_server_name;
    base::secret token;
    std::string token_file;
    std::string client_certificate_pem;
    std::string client_certificate_file;
    base::secret client_key_pem;
    std::string client_key_file;
    std::string ns = "default";  // of the context or the pod
};

// Programs (exec, auth-provider), passwords, impersonation and proxies are refused rather than left
// out: running programs named by a file is not for a server, and without the others we would be
// somebody else, or somewhere else. Failures: not_found (no such file), invalid and unsupported
// (name the entry).
base::outcome<config> load_kubeconfig(const std::string& path, std::string_view context = {});
// Reads the files under /var/run/secrets/kubernetes.io/serviceaccount; host and port are those of
// KUBERNETES_SERVICE_HOST and _PORT. `root` replaces "/" in tests. Failures: not_found (not in a
// cluster, or without a service account), invalid.
base::outcome<config> load_in_cluster(const std::string& host, const std::string& port,
                                      const std::string& root = "/");

}  // namespace kube
