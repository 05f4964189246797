#pragma once
// The API server as a whole: content that outlives it in a folder, served on loopback by one
// thread. Stands in for kube-apiserver in development and tests; never in production.

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
    std::uint16_t port = 0;  // 0: the one of the last start in the same folder, else any free one
    std::string data_dir;    // empty: nothing is kept
    std::string token;       // empty: everybody may do everything
    obs::log* log = &obs::null_log();
    const base::clock* clock = &base::system_clock();
    bool kubedb_definitions = true;          // those of devcluster/crds
    make_simulator simulator{};              // may be empty
    std::vector<std::string> definitions{};  // further CustomResourceDefinitions, as JSON
};

class api_server {
  public:
    virtual ~api_server() = default;  // stops
    [[nodiscard]] virtual std::uint16_t port() const noexcept = 0;
    // For clients: one cluster, one user, one context.
    [[nodiscard]] virtual std::string kubeconfig() const = 0;
    // Ends watches, answers what is under way, brings everything to the disk. Any thread but the
    // server's; a second call does nothing.
    virtual void stop() = 0;
};

// Failures: unavailable (folder, port), corrupt (the kept content cannot be read), invalid (a
// definition).
base::outcome<std::unique_ptr<api_server>> start(server_options how);

}  // namespace apiserver
