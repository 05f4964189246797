#pragma once
// The address of the API server and the credentials, from a kubeconfig or from the service account
// of the pod. Pure except for file reads.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "base/secret.hpp"
#include "http/message.hpp"

namespace kube {

// Values from files keep the file name, so that the client can read them again
// (credentials_source.hpp).
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
    // Where the values came from, so that the client can read rotated ones. Empty in a cluster.
    std::vector<std::string> kubeconfigs{};
    std::string context{};  // the chosen one
};

// Reads a kubeconfig. Rejects programs (exec, auth-provider), passwords, impersonation and proxies.
// Ignoring them would use another identity or another server. Without a user, or without an entry
// for it, the configuration has no credentials. Errors: not_found (no such file), invalid and
// unsupported (the text names the entry).
base::outcome<config> load_kubeconfig(const std::string& path, std::string_view context = {});
// Reads several files as kubectl reads the list in KUBECONFIG. Missing files are skipped. The first
// file that lists a name defines its entry. The first current-context counts. Relative paths start
// from the folder of their file. Errors: as load_kubeconfig(); not_found if every file is missing.
base::outcome<config> load_kubeconfigs(const std::vector<std::string>& paths,
                                       std::string_view context = {});
// Splits the value of KUBECONFIG at ':'. Skips empty and repeated paths.
std::vector<std::string> split_kubeconfig_list(std::string_view list);
// Reads the files under /var/run/secrets/kubernetes.io/serviceaccount; host and port are those of
// KUBERNETES_SERVICE_HOST and _PORT. `root` replaces "/" in tests. Failures: not_found (not in a
// cluster, or without a service account), invalid.
base::outcome<config> load_in_cluster(const std::string& host, const std::string& port,
                                      const std::string& root = "/");

}  // namespace kube
