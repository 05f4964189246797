#pragma once
// The writes of databases and projects: checks, then one revision-checked write. The reconciler
// observes the write. Nothing here writes to the cluster. Lives on the control loop. Errors: see
// commands.hpp.

#include <map>
#include <memory>
#include <set>
#include <string>

#include "app/commands.hpp"
#include "app/identity/member_registry.hpp"
#include "app/record_repository.hpp"
#include "app/state_cache.hpp"

namespace app {

class use_cases final : public database_commands, public project_commands {
  public:
    struct deps {
        record_repository& records;
        member_registry& members;
        state_cache& cache;
        ports::cluster& cluster;
        const base::clock& clock;
        obs::log& log;
    };
    explicit use_cases(deps deps) : deps_(deps) {}

    aio::task<accepted> create_database(domain::create_request wanted, write_conditions conditions,
                                        caller client) override;
    aio::task<accepted> patch_database(std::string id, domain::patch_request wanted,
                                       write_conditions conditions, caller client) override;
    aio::task<accepted> delete_database(std::string id, write_conditions conditions,
                                        caller client) override;
    aio::task<accepted> recreate_database(std::string id, write_conditions conditions,
                                          caller client) override;
    aio::task<std::shared_ptr<const domain::project>> create_project(domain::project_request wanted,
                                                                     write_conditions conditions,
                                                                     caller client) override;
    aio::task<std::shared_ptr<const domain::project>> patch_project(std::string name,
                                                                    domain::project_request wanted,
                                                                    write_conditions conditions,
                                                                    caller client) override;
    aio::task<> delete_project(std::string name, write_conditions conditions,
                               caller client) override;

  private:
    // Reserves capacity for a write in flight, so that two requests cannot both use the last place.
    class reservation;
    base::outcome<void> check_capacity(const std::string& project, const domain::usage& more) const;
    aio::task<accepted> change(std::string id, record_change edit, write_conditions conditions,
                               caller client, std::string event);
    [[nodiscard]] domain::operation new_operation(domain::operation_kind kind,
                                                  const caller& client) const;
    [[nodiscard]] accepted preview(domain::database record) const;

    deps deps_;
    std::map<std::string, domain::usage> reserved_;
    domain::usage reserved_in_all_;
    std::set<std::string> leaving_projects_;  // projects whose deletion is in flight
};

}  // namespace app
