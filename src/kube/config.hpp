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

struct config {
    http::url server;
    std::string ca_pem;  // empty with insecure or plain http
    bool insecure_skip_verify = false;
    std::string tls_server_name;
    base::secret token;      // static bearer token
    std::string token_file;  // re-read at least every 60 s and after a 401
    std::string client_certificate_pem;
    base::secret client_key_pem;
    std::string name_space = "default";  // of the context or the pod
};

// Exec plugins are refused: running programs named by a file is not for a server. Failures:
// not_found (no such file), invalid (names the entry).
base::outcome<config> load_kubeconfig(const std::string& path, std::string_view context = {});
// Reads the files under /var/run/secrets/kubernetes.io/serviceaccount and
// KUBERNETES_SERVICE_HOST/PORT; `root` replaces "/" in tests.
base::outcome<config> load_in_cluster(const std::string& host, const std::string& port,
                                      const std::string& root = "/");

}  // namespace kube
