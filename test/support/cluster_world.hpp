#pragma once
// What the contract suite of ports::cluster needs beside the port: the cluster's other side (the
// operator, administrators, faults), and an observer that can be waited for. A test's loop owns
// all.

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

// What becomes of calls of the port.
enum class trouble {
    down,    // unavailable; nothing was done
    denied,  // nothing was done
    lost,    // done, and the answer is lost: timed_out
    hung     // done, and there is never an answer
};

// The same cluster seen from its other side. Records stand for the object of their engine, project
// and name. What a function asks for has happened when it comes back, unless it says otherwise.
class cluster_world {
  public:
    cluster_world() = default;
    cluster_world(const cluster_world&) = delete;
    cluster_world& operator=(const cluster_world&) = delete;
    virtual ~cluster_world() = default;

    virtual ports::cluster& port() = 0;

    // The operator does what there is to do; it may still be about to when this comes back.
    virtual aio::task<> work(domain::database on) = 0;
    // The project's place, made by somebody else.
    virtual aio::task<> put_foreign_project(std::string project) = 0;
    // Such an object, made by somebody else: without the record's id.
    virtual aio::task<> put_foreign(domain::database like) = 0;
    // Somebody else deletes the object; it may take its time.
    virtual aio::task<> take_away(domain::database which) = 0;
    // Once deleted, the object stays "deleting" until it is let go.
    virtual aio::task<> hold(domain::database which) = 0;
    virtual aio::task<> let_go(domain::database which) = 0;
    // A volume of the database that does not go with it, until it is swept.
    virtual aio::task<> put_stray_volume(domain::database of) = 0;
    virtual aio::task<> sweep(domain::database of) = 0;
    virtual aio::task<> set_password(domain::database of, std::string password) = 0;

    // Everything about the object that the port could change, in any words; empty: not there.
    virtual aio::task<std::string> picture_of(domain::database which) = 0;
    // How many requests for changes of the database there are.
    virtual aio::task<std::size_t> changes_of(domain::database which) = 0;

    // By its name: another one takes its place.
    virtual aio::task<> offer(std::string engine, ports::engine_version version) = 0;
    virtual aio::task<> withdraw(std::string engine, std::string version) = 0;
    virtual aio::task<> add_room(std::int64_t cpu_millis, std::int64_t memory_bytes) = 0;

    virtual aio::task<> cut_link() = 0;
    virtual aio::task<> mend_link() = 0;
    // What becomes of calls of one function of the port ("create"), until calm().
    virtual aio::task<> make_trouble(std::string function, trouble what) = 0;
    virtual aio::task<> calm() = 0;
    // A call hangs by now: what it was to do is done. Failures: timed_out.
    virtual aio::task<> until_hung() = 0;
};

using cluster_world_factory = std::function<std::unique_ptr<cluster_world>(aio::executor on)>;

// Remembers what it was told last.
class cluster_watcher final : public ports::cluster_observer {
  public:
    explicit cluster_watcher(const aio::executor& on) : news_(on) {}

    void on_observed(const ports::database_key& key,
                     std::shared_ptr<const domain::observed_database> state) override {
        states_[key] = std::move(state);
        news_.notify();
    }
    void on_catalogue(std::shared_ptr<const ports::catalogue> offer) override {
        offer_ = std::move(offer);
        news_.notify();
    }
    void on_sync_state(ports::sync_state state) override {
        link_ = state;
        news_.notify();
    }

    // What was told of the database; `exists` is false as well when nothing was.
    [[nodiscard]] const domain::observed_database& of(const domain::database& record) const {
        static const domain::observed_database nothing;
        const auto at = states_.find({record.project, record.engine, record.name});
        return at == states_.end() ? nothing : *at->second;
    }
    // Versions of an engine, newest first; empty: not installed.
    [[nodiscard]] std::vector<ports::engine_version> versions(const std::string& engine) const {
        if (!offer_ || !offer_->engines.contains(engine)) return {};
        return offer_->engines.find(engine)->second;
    }
    [[nodiscard]] const std::shared_ptr<const ports::catalogue>& offer() const { return offer_; }
    [[nodiscard]] ports::sync_state link() const { return link_; }

    // Waits until it is so. Failures: timed_out after ten seconds, cancelled.
    aio::task<> until(std::function<bool()> is_so) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!is_so()) {
            auto told = co_await news_.wait_until(deadline);
            if (!told) co_return base::pass(std::move(told));
            if (!*told) co_return base::fail(base::errc::timed_out, "it did not become so");
        }
        co_return base::ok();
    }

  private:
    aio::notification news_;
    std::map<ports::database_key, std::shared_ptr<const domain::observed_database>> states_;
    std::shared_ptr<const ports::catalogue> offer_;
    ports::sync_state link_ = ports::sync_state::starting;
};

}  // namespace fakes
