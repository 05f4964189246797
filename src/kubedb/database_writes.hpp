#pragma once
// Writes the objects of databases: creates, updates and deletes them, and creates OpsRequests.
// Never touches an object that belongs to another owner. Lives on the control loop. Inside kubedb
// only.

#include <memory>
#include <set>
#include <string>

#include "aio/task.hpp"
#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/observed_store.hpp"
#include "kubedb/served_resources.hpp"
#include "obs/log.hpp"

namespace kubedb {

// Implements the functions of ports::cluster with the same names; the contracts are there.
class database_writes {
  public:
    database_writes(kube::client& client, const served_resources& served, observed_store& observed,
                    obs::log& log)
        : kube_(client), served_(served), observed_(observed), log_(log) {}

    // Returns the same writes through another client.
    [[nodiscard]] database_writes through(kube::client& client) const {
        database_writes other(client, served_, observed_, log_);
        other.known_projects_ = known_projects_;
        return other;
    }

    aio::task<void> ensure_project(domain::project project);
    aio::task<std::string> create(domain::database record);
    aio::task<void> update(domain::database record);
    aio::task<void> request_change(domain::database record, domain::change_kind change,
                                   std::string operation_id);
    aio::task<bool> remove(domain::database record);

  private:
    std::unexpected<base::failure> not_created(base::failure failure,
                                               const domain::database& record);
    aio::task<bool> remove_present(const engine_dialect& dialect, resource_pointer resource,
                                   domain::database record, json::object present);

    kube::client& kube_;
    const served_resources& served_;
    observed_store& observed_;
    obs::log& log_;
    // The projects whose namespaces exist.
    std::shared_ptr<std::set<std::string>> known_projects_ =
        std::make_shared<std::set<std::string>>();
};

}  // namespace kubedb
