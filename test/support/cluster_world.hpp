#pragma once
// The other side of the contract suite of ports::cluster: the operator, administrators and faults
// (cluster_world), and an observer that a test can wait for (cluster_watcher). The loop of the test
// owns both.

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/aio.hpp"
#include "aio/deadline.hpp"
#include "ports/cluster.hpp"

namespace fakes {

// A fault that calls of the port meet.
enum class injected_fault {
    unavailable,    // unavailable, without effect
    denied,         // denied, without effect
    lost_response,  // takes effect, but the response is lost: timed_out
    hung            // takes effect, but never returns
};

// The side of the cluster that the port does not see: the operator, administrators and faults.
// A record stands for the object of its engine, project and name. The effect of a function is
// complete when it returns, unless its comment says otherwise.
class cluster_world {
  public:
    cluster_world() = default;
    cluster_world(const cluster_world&) = delete;
    cluster_world& operator=(const cluster_world&) = delete;
    virtual ~cluster_world() = default;

    virtual ports::cluster& port() = 0;

    // Lets the operator act on the object. The operator may still be acting on return.
    virtual aio::task<> run_operator(domain::database record) = 0;
    // Creates the namespace of the project without the platform's labels.
    virtual aio::task<> put_foreign_project(std::string project) = 0;
    // Creates an object like that of the record, without the record's id.
    virtual aio::task<> put_foreign_object(domain::database record) = 0;
    // Deletes the object as an administrator. The deletion may still be running on return.
    virtual aio::task<> delete_object(domain::database record) = 0;
    // Keeps the object in the state "deleting", once it is deleted, until unblock_deletion().
    virtual aio::task<> block_deletion(domain::database record) = 0;
    virtual aio::task<> unblock_deletion(domain::database record) = 0;
    // Creates a volume of the database that the operator does not delete.
    virtual aio::task<> put_stray_volume(domain::database record) = 0;
    virtual aio::task<> delete_stray_volume(domain::database record) = 0;
    virtual aio::task<> set_password(domain::database record, std::string password) = 0;

    // Returns everything about the object that the port could change, in any format. Returns an
    // empty text if there is no object.
    virtual aio::task<std::string> snapshot_of(domain::database record) = 0;
    // Returns the number of change requests of the database.
    virtual aio::task<std::size_t> count_changes(domain::database record) = 0;

    // Adds a version to the catalogue, or replaces the one of that name.
    virtual aio::task<> add_version(std::string engine, ports::engine_version version) = 0;
    virtual aio::task<> remove_version(std::string engine, std::string version) = 0;
    virtual aio::task<> add_capacity(std::int64_t cpu_millis, std::int64_t memory_bytes) = 0;

    virtual aio::task<> disconnect() = 0;
    virtual aio::task<> reconnect() = 0;
    // Makes calls of one function of the port ("create") meet a fault until clear_faults().
    virtual aio::task<> inject_fault(std::string function, injected_fault fault) = 0;
    virtual aio::task<> clear_faults() = 0;
    // Waits until a call hangs after it took effect. Errors: timed_out.
    virtual aio::task<> wait_until_hung() = 0;
};

using cluster_world_factory = std::function<std::unique_ptr<cluster_world>(aio::executor)>;

// Keeps the latest state of each database, the catalogue and the sync state.
class cluster_watcher final : public ports::cluster_observer {
  public:
    explicit cluster_watcher(const aio::executor& executor) : events_(executor) {}

    void on_observed(const ports::database_key& key,
                     std::shared_ptr<const domain::observed_database> state) override {
        states_[key] = std::move(state);
        events_.notify();
    }
    void on_catalogue(std::shared_ptr<const ports::catalogue> catalogue) override {
        catalogue_ = std::move(catalogue);
        events_.notify();
    }
    void on_sync_state(ports::sync_state state) override {
        sync_state_ = state;
        events_.notify();
    }

    // Returns the latest state of the database; `exists` is false if none was published.
    [[nodiscard]] const domain::observed_database& state_of(const domain::database& record) const {
        static const domain::observed_database nothing;
        const auto it = states_.find({record.project, record.engine, record.name});
        return it == states_.end() ? nothing : *it->second;
    }
    // Returns the versions of an engine, newest first. Empty if the engine is not installed.
    [[nodiscard]] std::vector<ports::engine_version> versions(const std::string& engine) const {
        if (!catalogue_ || !catalogue_->engines.contains(engine)) return {};
        return catalogue_->engines.find(engine)->second;
    }
    [[nodiscard]] const std::shared_ptr<const ports::catalogue>& catalogue() const {
        return catalogue_;
    }
    [[nodiscard]] ports::sync_state sync_state() const { return sync_state_; }

    // Waits until the condition holds. Errors: timed_out (after 10 s), cancelled.
    aio::task<> wait_until(std::function<bool()> condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!condition()) {
            auto notified = co_await events_.wait_until(deadline);
            if (!notified) co_return base::pass(std::move(notified));
            if (!*notified)
                co_return base::fail(base::errc::timed_out, "the condition did not become true");
        }
        co_return base::ok();
    }

  private:
    aio::notification events_;
    std::map<ports::database_key, std::shared_ptr<const domain::observed_database>> states_;
    std::shared_ptr<const ports::catalogue> catalogue_;
    ports::sync_state sync_state_ = ports::sync_state::starting;
};

}  // namespace fakes
