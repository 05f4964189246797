#pragma once
// Reads the credentials of a database from its AppBinding and its Secret, live and on demand. Lives
// on the control loop. Inside kubedb only.

#include "aio/task.hpp"
#include "domain/desired.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/observed_store.hpp"
#include "kubedb/served_resources.hpp"
#include "obs/log.hpp"
#include "ports/cluster.hpp"

namespace kubedb {

class credentials_reader {
  public:
    credentials_reader(kube::client& client, const served_resources& served,
                       observed_store& observed, obs::log& log)
        : kube_(client), served_(served), observed_(observed), log_(log) {}

    // Returns the same reader through another client.
    [[nodiscard]] credentials_reader through(kube::client& client) const {
        return {client, served_, observed_, log_};
    }
    // As ports::cluster::read_credentials().
    aio::task<ports::credentials> read(domain::database record);

  private:
    std::unexpected<base::failure> not_readable(base::failure failure,
                                                const domain::database& record);

    kube::client& kube_;
    const served_resources& served_;
    observed_store& observed_;
    obs::log& log_;
};

}  // namespace kubedb
