#pragma once
// The members of projects in the document store, with a copy in memory that every thread may read.
// Lives on the control loop, except where a function says otherwise. Owned by the service.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/member_commands.hpp"
#include "app/state_cache.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "base/clock.hpp"
#include "obs/log.hpp"
#include "ports/document_store.hpp"

namespace app {

class member_registry final : public member_commands {
  public:
    struct deps {
        ports::document_store& store;
        const state_cache& projects;
        const base::clock& clock;
        obs::log& log;
    };
    explicit member_registry(deps deps);

    // Calls `observer` after each change of a subject's roles.
    void on_change(std::function<void(const std::string& subject)> observer) {
        observer_ = std::move(observer);
    }
    // Reads every member. Errors: unavailable, corrupt.
    aio::task<> load();
    // Reads the members that another process has written or deleted. Errors: unavailable.
    aio::task<> refresh();
    // Deletes the members of a project that does not exist. A later project of this name must not
    // inherit them. Errors: unavailable.
    aio::task<> forget_project(std::string project);
    [[nodiscard]] std::map<std::string, domain::role, std::less<>> roles_of(
        const std::string& subject) const;

    aio::task<granted_role> put_member(domain::project_member wanted, caller client) override;
    aio::task<void> delete_member(std::string project, std::string subject, caller client) override;
    [[nodiscard]] std::shared_ptr<const member_index> members() const override {
        return index_.load();
    }

  private:
    [[nodiscard]] shared_member find(const std::string& project, const std::string& subject) const;
    aio::task<> adopt(std::string id);
    // Adds or replaces the members in one new index.
    void publish(std::vector<domain::project_member> records);
    void erase(const std::string& project, const std::string& subject);

    deps deps_;
    std::function<void(const std::string&)> observer_ = [](const std::string&) {};
    base::atomic_shared_ptr<const member_index> index_;
};

}  // namespace app
