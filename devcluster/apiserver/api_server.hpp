#pragma once
// The API server: serves objects from a data folder on loopback, with one thread. Replaces
// kube-apiserver in development and tests. Not for production.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "devcluster/apiserver/simulator.hpp"
#include "obs/log.hpp"

namespace apiserver {

struct server_options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: the port of the last start in the same folder, or a free one
    std::string data_dir;    // empty: objects are not stored
    std::string token;       // empty: no authentication
    obs::log* log = &obs::null_log();
    const base::clock* clock = &base::system_clock();
    bool kubedb_definitions = true;          // adds the definitions of devcluster/crds
    make_simulator simulator{};              // may be empty
    std::vector<std::string> definitions{};  // further CustomResourceDefinitions, as JSON
};

class api_server {
  public:
    virtual ~api_server() = default;  // stops
    [[nodiscard]] virtual std::uint16_t port() const noexcept = 0;
    // A kubeconfig for clients, with one cluster, user and context.
    [[nodiscard]] virtual std::string kubeconfig() const = 0;
    // Ends watches, completes requests in flight and syncs the journal to disk. A second call does
    // nothing. Thread: any except the server's.
    virtual void stop() = 0;
};

// Errors: unavailable (folder, port), corrupt (the stored objects cannot be read), invalid (a
// definition).
base::outcome<std::unique_ptr<api_server>> start(server_options options);

}  // namespace apiserver
