#pragma once
// The service accounts in the document store, with a copy in memory that every thread may read.
// Lives on the control loop, except where a function says otherwise. Owned by the service.

#include <functional>
#include <string>
#include <vector>

#include "app/document_registry.hpp"
#include "app/service_account_commands.hpp"
#include "base/atomic_shared_ptr.hpp"
#include "ports/document_store.hpp"

namespace app {

class service_account_registry {
  public:
    using change = document_registry<domain::service_account>::change;

    explicit service_account_registry(ports::document_store& store);

    // Calls `observer` after each change of an account.
    void on_change(std::function<void(const std::string& name)> observer) {
        observers_.push_back(std::move(observer));
    }
    // Reads every account. Errors: unavailable, corrupt.
    aio::task<> load() { return registry_.load(); }
    // Compares the collection with the store once. Errors: unavailable, corrupt.
    aio::task<> refresh() { return registry_.refresh(); }
    // Reads one account. Errors: unavailable, corrupt.
    aio::task<> refresh(std::string name) { return registry_.adopt(std::move(name)); }
    // Returns the collection for record_feed.
    [[nodiscard]] replicated_collection& collection() noexcept { return registry_; }

    // Applies `edit` to the newest record and stores the result. Errors: those of `edit`,
    // unavailable, timed_out.
    aio::task<shared_account> put(std::string name, change edit);
    // Succeeds if there is none. Errors: unavailable, timed_out.
    aio::task<void> remove(std::string name) { return registry_.remove(std::move(name)); }

    // Thread: any.
    [[nodiscard]] std::shared_ptr<const account_index> accounts() const { return index_.load(); }
    // Returns null if there is none. Thread: any.
    [[nodiscard]] shared_account find(std::string_view name) const;
    // Returns whether keys of the subject are accepted: it is no service account, or an active one.
    // Thread: any.
    [[nodiscard]] bool is_active_subject(std::string_view subject) const;

  private:
    // Adds, replaces or erases the accounts in one new index.
    void publish(const std::vector<std::string>& names);

    document_registry<domain::service_account> registry_;
    std::vector<std::function<void(const std::string&)>> observers_;
    base::atomic_shared_ptr<const account_index> index_;
};

}  // namespace app
