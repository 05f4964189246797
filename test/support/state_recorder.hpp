#pragma once
// Records the latest state of every database, operation and project that a platform publishes.
// Lives on the loop of the platform.

#include <map>
#include <memory>
#include <string>

#include "app/state_observers.hpp"

namespace fakes {

class state_recorder final : public app::database_observer,
                             public app::operation_observer,
                             public app::project_observer {
  public:
    std::map<std::string, std::shared_ptr<const app::database_view>> databases;  // by name
    std::map<std::string, domain::operation> operations;
    std::map<std::string, std::shared_ptr<const domain::project>> projects;
    std::uint64_t latest = 0;  // version of a view
    bool in_order = true;      // the versions of the views have grown

    // Returns what a platform's listen() takes.
    [[nodiscard]] app::state_observers observers() {
        return {.databases = this, .operations = this, .projects = this};
    }

    void on_database(std::shared_ptr<const app::database_view> view, app::change) override {
        in_order = in_order && view->version > latest;
        latest = view->version;
        databases[view->record->name] = view;
    }
    void on_database_deleted(std::shared_ptr<const app::database_view> last) override {
        databases.erase(last->record->name);
    }
    void on_operation(std::shared_ptr<const domain::operation> operation) override {
        operations[operation->id] = *operation;
    }
    void on_operation_forgotten(const std::string& id) override { operations.erase(id); }
    void on_project(std::shared_ptr<const domain::project> project) override {
        projects[project->name] = project;
    }
    void on_project_deleted(const std::string& name) override { projects.erase(name); }
};

}  // namespace fakes
