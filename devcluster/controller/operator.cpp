#include "devcluster/controller/operator.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>
#include <set>

#include "base/work_queue.hpp"
#include "devcluster/controller/catalogue.hpp"
#include "devcluster/controller/database.hpp"
#include "devcluster/controller/kinds.hpp"
#include "devcluster/controller/ops.hpp"
#include "kube/informer.hpp"

namespace controller {
namespace {

using namespace std::chrono_literals;
using base::errc;

constexpr std::size_t workers_max = 16;
constexpr auto idle_turn = 5s;

base::outcome<void> done() {
    return {};
}

// Keeps the objects of one kind and says which changed.
class listener final : public kube::informer_listener {
  public:
    listener(std::map<std::string, json::object>& objects,
             std::function<void(const std::string&)> news)
        : objects_(objects), news_(std::move(news)) {}
    void on_upsert(const kube::object_meta& meta, std::string_view text) override {
        auto parsed = json::parse(text);
        const auto key = meta.name_space + "/" + meta.name;
        objects_[key] = std::move(parsed.get_object());
        news_(key);
    }
    void on_delete(const kube::object_meta& meta) override {
        const auto key = meta.name_space + "/" + meta.name;
        objects_.erase(key);
        news_(key);
    }
    void on_synced() override {
        is_synced = true;
        news_({});
    }
    void on_link(bool, const std::string&) override {}
    bool is_synced = false;

  private:
    std::map<std::string, json::object>& objects_;
    std::function<void(const std::string&)> news_;
};

// One engine's databases and their requests.
struct watched_kind {
    const engine_kind* kind = nullptr;
    std::map<std::string, json::object> databases;
    std::map<std::string, json::object> requests;
    std::unique_ptr<listener> database_listener;
    std::unique_ptr<listener> request_listener;
    std::unique_ptr<kube::informer> database_informer;
    std::unique_ptr<kube::informer> request_informer;
};

class operator_impl final : public local_operator {
  public:
    operator_impl(aio::executor on, kube::client& through, aio::blocking_pool& pool,
                  const base::clock& clock, obs::log& log, operator_options how)
        : on_(on),
          kube_(through),
          clock_(clock),
          log_(log),
          how_(std::move(how)),
          host_{.on = on,
                .kube = through,
                .pool = pool,
                .clock = clock,
                .log = log,
                .data_dir = how_.data_dir + "/members",
                .as = runtime::choose_user(how_.data_dir)},
          wakeup_(on),
          loops_(on) {}

    aio::task<> run() override {
        auto offered = co_await offer_catalogue(kube_, how_.data_dir, log_);
        if (!offered) co_return base::pass(std::move(offered), "catalogue");
        for (const auto& kind : engine_kinds()) watch(kind);
        loops_.on_failure([this](const base::failure& why) {
            log_.error("operator_loop_ended", {{"detail", why.text}});
        });
        aio::task_group workers(on_);
        while (true) {
            const auto now = std::chrono::steady_clock::now();
            while (workers.size() < workers_max) {
                auto key = queue_.take(now);
                if (!key) break;
                workers.spawn(work_on(std::move(*key)));
            }
            std::chrono::nanoseconds wait = idle_turn;
            if (const auto due = queue_.next_due(); due && workers.size() < workers_max) {
                wait = std::clamp<std::chrono::nanoseconds>(*due - now, 0ns, wait);
            }
            auto woken = co_await wakeup_.wait_for(wait);
            if (!woken) break;
        }
        workers.cancel();
        loops_.cancel();
        co_await workers.join();
        co_await loops_.join();
        co_return base::fail(errc::cancelled, "the operator was stopped");
    }

    aio::task<> stop() override {
        for (auto& [key, database] : databases_) database->stop_members();
        for (auto& [key, database] : databases_) co_await database->join_members();
        co_return done();
    }

  private:
    void watch(const engine_kind& kind) {
        auto& made = kinds_[std::string(kind.engine)];
        made.kind = &kind;
        const auto engine = std::string(kind.engine);
        made.database_listener = std::make_unique<listener>(
            made.databases, [this, engine](const std::string& key) { wake(engine, key); });
        // A request concerns its database.
        made.request_listener =
            std::make_unique<listener>(made.requests, [this, engine](const std::string& key) {
                const auto& all = kinds_[engine].requests;
                const auto at = all.find(key);
                if (at != all.end()) wake(engine, database_of_request(at->second));
            });
        made.database_informer =
            kube::make_informer(kube_, {.what = database_resource(kind), .seed = how_.seed},
                                *made.database_listener, clock_);
        made.request_informer =
            kube::make_informer(kube_, {.what = request_resource(kind), .seed = how_.seed + 1},
                                *made.request_listener, clock_);
        loops_.spawn(made.database_informer->run());
        loops_.spawn(made.request_informer->run());
    }

    void wake(const std::string& engine, const std::string& key) {
        if (key.empty()) {  // the list is complete: what nobody stands for any more is cleaned away
            const auto& kind = kinds_[engine];
            if (kind.database_listener->is_synced) clean_leftovers(kind);
            return;
        }
        queue_.add(engine + " " + key);
        wakeup_.notify();
    }

    void clean_leftovers(const watched_kind& kind) {
        std::set<std::string> present;
        for (const auto& [key, object] : kind.databases) present.insert(key);
        remove_unknown_members(host_, std::string(kind.kind->engine), present);
    }

    aio::task<> work_on(std::string key) {
        auto ended = co_await reconcile(key);
        queue_.done(key);
        if (ended) {
            queue_.forget_failures(key);
        } else if (ended.error().code != errc::cancelled) {
            // A conflict with another writer is a matter of trying again.
            log_.debug("operator_retry", {{"key", key}, {"detail", ended.error().text}});
            queue_.add_after_failure(key, std::chrono::steady_clock::now());
        }
        wakeup_.notify();
        co_return done();
    }

    aio::task<> reconcile(std::string key) {
        const auto space = key.find(' ');
        const auto engine = key.substr(0, space);
        const auto place = key.substr(space + 1);
        auto& kind = kinds_[engine];
        const auto at = kind.databases.find(place);
        auto& database = databases_[key];
        if (at == kind.databases.end()) {
            if (database) {
                // Gone without us (its finalizer was taken away): nothing may go on running.
                database->stop_members();
                co_await database->join_members();
            }
            databases_.erase(key);
            co_return done();
        }
        if (!database) {
            database = std::make_shared<local_database>(host_, *kind.kind, [this, key] {
                queue_.add(key);
                wakeup_.notify();
            });
        }
        const auto held = database;
        const auto object = at->second;
        auto brought = co_await held->reconcile(object);
        if (!brought) co_return base::pass(std::move(brought));
        if (held->is_gone()) {
            databases_.erase(key);
            co_return done();
        }
        // Requests are served while the database is otherwise at rest.
        std::vector<json::object> requests;
        for (const auto& [name, request] : kind.requests) {
            if (database_of_request(request) == place) requests.push_back(request);
        }
        auto served = co_await serve_requests(host_, *kind.kind, *held, object, requests);
        if (!served) co_return base::pass(std::move(served));
        if (*served) queue_.add_at(key, std::chrono::steady_clock::now() + 200ms);
        co_return done();
    }

    aio::executor on_;
    kube::client& kube_;
    const base::clock& clock_;
    obs::log& log_;
    operator_options how_;
    host host_;
    std::map<std::string, watched_kind> kinds_;
    std::map<std::string, std::shared_ptr<local_database>> databases_;
    base::work_queue queue_;
    aio::wakeup wakeup_;
    aio::task_group loops_;
};

}  // namespace

std::unique_ptr<local_operator> make_operator(aio::executor on, kube::client& through,
                                              aio::blocking_pool& pool, const base::clock& clock,
                                              obs::log& log, operator_options how) {
    return std::make_unique<operator_impl>(std::move(on), through, pool, clock, log,
                                           std::move(how));
}

}  // namespace controller
