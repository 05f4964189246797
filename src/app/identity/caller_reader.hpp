#pragma once
// Reads what decides about a caller from the store, so that a replica does not let a caller write
// whom another replica has just demoted, disabled or logged out. Lives on the control loop. Owned
// by the service.

#include <string>
#include <utility>
#include <vector>

#include "app/identity/ended_sessions.hpp"
#include "app/identity/identity_registries.hpp"
#include "app/replicated_collection.hpp"
#include "app/shared_principal.hpp"

namespace app {

class caller_reader {
  public:
    struct deps {
        identity_registries& registries;
        ended_sessions& ended;
    };
    explicit caller_reader(deps deps) : deps_(deps) {}

    struct document_name {
        replicated_collection& owner;
        std::string id;
    };
    // Reads the caller's user or service account, its API key or the end of its session, its
    // memberships and their custom roles, and further documents, at the same time, and makes memory
    // equal to them. Roles that another replica has granted since are not among them. A caller
    // without a credential has none of these. Errors: unavailable, corrupt.
    aio::task<> read(shared_principal caller, std::vector<document_name> others);

  private:
    [[nodiscard]] std::vector<document_name> documents_of(const domain::principal& caller) const;

    deps deps_;
};

}  // namespace app
