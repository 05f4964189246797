#pragma once
// The custom roles in the document store, with a copy in memory that every thread may read. A role
// that cannot be read has no permissions; it never stops a start. Lives on the control loop, except
// where a function says otherwise. Owned by the service.

#include <functional>
#include <string>
#include <vector>

#include "app/document_registry.hpp"
#include "app/role_commands.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "base/clock.hpp"
#include "obs/log.hpp"
#include "ports/document_store.hpp"

namespace app {

class role_registry final : public role_commands {
  public:
    struct deps {
        ports::document_store& store;
        const base::clock& clock;
        obs::log& log;
    };
    explicit role_registry(deps deps);

    // Calls `observer` after each change of a role's permissions.
    void on_change(std::function<void(const std::string& name)> observer) {
        observer_ = std::move(observer);
    }
    // The holders of roles. `refresh` reads those of every role from the store.
    struct holders {
        std::function<bool(std::string_view name)> have;
        std::function<aio::task<>()> refresh;
    };
    // Before the first command.
    void set_holders(holders holders) { holders_ = std::move(holders); }
    // Reads every role. Errors: unavailable.
    aio::task<> load() { return registry_.load(); }
    // Compares the collection with the store once. Errors: unavailable.
    aio::task<> refresh() { return registry_.refresh(); }
    // Reads one role from the store. Errors: unavailable.
    aio::task<> refresh(std::string name) { return registry_.adopt(std::move(name)); }
    // Returns the collection for record_feed.
    [[nodiscard]] replicated_collection& collection() noexcept { return registry_; }
    // Returns the permissions of a built-in or a custom role; nothing if there is no such role.
    // Thread: any.
    [[nodiscard]] std::optional<domain::permission_set> permissions_of(std::string_view name) const;

    aio::task<shared_role> create_role(domain::role_request wanted,
                                       shared_principal client) override;
    aio::task<shared_role> replace_role(std::string name, domain::role_request wanted,
                                        seen_versions allowed, shared_principal client) override;
    aio::task<void> delete_role(std::string name, shared_principal client) override;
    [[nodiscard]] std::shared_ptr<const role_index> roles() const override { return index_.load(); }

  private:
    void publish(const std::vector<std::string>& names);
    // Checks in the store that no member has the role. Errors: conflict (in_use), unavailable.
    aio::task<> check_unused(std::string name);
    [[nodiscard]] domain::custom_role record_of(const ports::document& document) const;

    deps deps_;
    document_registry<domain::custom_role> registry_;
    std::function<void(const std::string&)> observer_ = [](const std::string&) {};
    holders holders_;
    base::atomic_shared_ptr<const role_index> index_;
};

}  // namespace app
