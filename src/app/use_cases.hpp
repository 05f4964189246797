#pragma once
// The writes of databases and projects: checks, then one revision-checked write. The reconciler
// observes the write. Nothing here writes to the cluster. Lives on the control loop. Errors: see
// commands.hpp.

#include <memory>
#include <string>

#include "app/commands.hpp"
#include "app/identity/member_registry.hpp"
#include "app/record_repository.hpp"
#include "app/state_cache.hpp"
#include "app/usage_ledger.hpp"

namespace app {

class use_cases final : public database_commands, public project_commands {
  public:
    struct deps {
        record_repository& records;
        member_registry& members;
        state_cache& cache;
        usage_ledger& usage;
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
    // Reserves what the patch adds, before its write. Returns false if it adds nothing. Errors:
    // those of the ledger.
    aio::task<bool> reserve_growth(const domain::patch_request& wanted,
                                   const write_conditions& conditions, const std::string& id,
                                   usage_claim& claim);
    aio::task<accepted> patch_once(std::string id, const domain::patch_request& wanted,
                                   write_conditions conditions, caller client, usage_claim& claim,
                                   bool& is_outgrown);
    [[nodiscard]] base::outcome<void> check_key(const domain::database& newest,
                                                const caller& client) const;
    // Ends the claim after its write.
    aio::task<> finish(const usage_claim& claim, const base::failure* failure);
    aio::task<accepted> change(std::string id, record_change edit, write_conditions conditions,
                               caller client, std::string event);
    [[nodiscard]] domain::operation new_operation(domain::operation_kind kind,
                                                  const caller& client) const;
    [[nodiscard]] accepted preview(domain::database record) const;

    deps deps_;
};

}  // namespace app
