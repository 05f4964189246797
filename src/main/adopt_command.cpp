#include "main/adopt_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "aio/block_on.hpp"
#include "app/adoption.hpp"
#include "config/config.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/kubedb_cluster.hpp"
#include "main/cluster_access.hpp"
#include "main/help_flag.hpp"
#include "mongo/mongo_store.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"
#include "sqlite/store.hpp"

namespace {

constexpr const char* usage =
    R"(usage: dbaas admin adopt --plan | --apply [FLAGS of serve]

Compares the databases of the cluster with the records of the store of the options, and prints a line
for each database:

  adopt     the object carries the id of a database and has no record: --apply stores one
  keep      the record and its object agree
  missing   the record has no object: POST /api/v1/databases/ID/recreate makes an empty one
  foreign   the platform did not create the object
  conflict  the object and a record contradict each other; the line names the reason

--plan writes nothing. --apply writes records and nothing in the cluster. An adopted database is
protected against deletion. Members and quotas of projects are not in the cluster: import an export
first, if there is one. Stop every platform over SQLite before.
)";

constexpr std::chrono::seconds sync_timeout{120};

class cluster_reader final : public ports::cluster_observer {
  public:
    explicit cluster_reader(aio::executor executor) : synced_(std::move(executor)) {}
    void on_observed(const ports::database_key& key,
                     std::shared_ptr<const domain::observed_database> state) override {
        observed[key] = std::move(state);
    }
    void on_catalogue(std::shared_ptr<const ports::catalogue> /*offer*/) override {}
    void on_sync_state(ports::sync_state state) override {
        is_synced_ = state == ports::sync_state::synced;
        synced_.notify();
    }
    aio::task<> wait_until_synced() {
        const auto end = std::chrono::steady_clock::now() + sync_timeout;
        while (!is_synced_) {
            const auto woken = co_await synced_.wait_until(end);
            if (!woken) co_return base::pass(woken);
            if (!*woken) {
                co_return base::fail(base::errc::timed_out,
                                     "the cluster was not read within 120 s; run 'dbaas doctor'");
            }
        }
        co_return base::ok();
    }
    app::observed_databases observed;

  private:
    aio::notification synced_;
    bool is_synced_ = false;
};

// Reads every database object of the cluster. Writes nothing.
aio::task<app::observed_databases> read_cluster(kube::config config) {
    const auto executor = co_await aio::this_executor();
    obs::registry registry;
    auto client = kube::make_client(executor, {.config = std::move(config)});
    if (!client) co_return base::pass(std::move(client));
    const auto cluster =
        kubedb::make_cluster(executor, **client, base::system_clock(), obs::null_log(), registry);
    cluster_reader reader(executor);
    aio::task_group group(executor);
    group.spawn(cluster->run(reader));
    const auto read = co_await reader.wait_until_synced();
    group.cancel();
    if (auto joined = co_await group.join(); !joined) co_return base::pass(std::move(joined));
    if (!read) co_return base::pass(read);
    co_return std::move(reader.observed);
}

void print(const std::vector<app::adoption_entry>& plan) {
    std::map<std::string_view, int> counts;
    for (const auto& entry : plan) {
        ++counts[name(entry.action)];
        std::fprintf(stdout, "%-9s %-16s %-14s %s/%s%s%s\n",
                     std::string(name(entry.action)).c_str(),
                     entry.database_id.empty() ? "-" : entry.database_id.c_str(),
                     entry.key.engine.c_str(), entry.key.project.c_str(), entry.key.name.c_str(),
                     entry.detail.empty() ? "" : ": ", entry.detail.c_str());
    }
    for (const auto& [action, count] : counts) {
        std::fprintf(stdout, "%d %s\n", count, std::string(action).c_str());
    }
}

struct adopt_arguments {
    config::options options{};
    bool is_applied = false;
};

// Returns the number of conflicts.
aio::task<std::size_t> adopt_all(const adopt_arguments& arguments, ports::document_store& store,
                                 app::observed_databases observed) {
    const auto& clock = base::system_clock();
    app::state_cache cache(clock, arguments.options.metrics_interval);
    app::record_repository records(store, cache, clock, obs::null_log());
    auto loaded = co_await records.load();
    if (!loaded) co_return base::pass(std::move(loaded), "store");
    const auto plan = app::plan_adoption(observed, cache, clock.utc_now());
    print(plan);
    if (arguments.is_applied) {
        const auto count = co_await app::adopt(plan, cache, records, clock.utc_now());
        if (!count) co_return base::pass(count, "store");
        std::fprintf(stdout, "stored %zu records\n", *count);
    } else {
        std::fprintf(stdout, "nothing was written; --apply stores the records\n");
    }
    co_return static_cast<std::size_t>(
        std::ranges::count(plan, app::adoption_action::conflict, &app::adoption_entry::action));
}

base::outcome<std::size_t> run(const adopt_arguments& arguments) {
    auto access = find_cluster(arguments.options);
    if (!access) return base::pass(std::move(access), "cluster");
    auto observed = aio::block_on(read_cluster(std::move(access->config)));
    if (!observed) return base::pass(std::move(observed), "cluster");
    const auto& options = arguments.options;
    obs::registry registry;
    std::error_code error;
    if (options.mongodb_url.empty()) std::filesystem::create_directories(options.data_dir, error);
    auto store = options.mongodb_url.empty()
                     ? sqlite::open_store({.path = options.data_dir + "/platform.db"},
                                          obs::null_log(), registry)
                     : mongo::open_store({.url = options.mongodb_url}, obs::null_log(), registry);
    if (!store) return base::pass(std::move(store), "store");
    const auto conflicts = aio::block_on(adopt_all(arguments, **store, std::move(*observed)));
    const auto closed = aio::block_on((*store)->close());
    if (conflicts && !closed) return base::pass(closed, "store");
    return conflicts;
}

}  // namespace

int adopt_command(std::vector<std::string> arguments,
                  const std::map<std::string, std::string>& environment) {
    arguments.erase(arguments.begin());
    if (wants_help(arguments)) {
        std::fputs(usage, stdout);
        return 0;
    }
    const bool is_planned = std::erase(arguments, "--plan") > 0;
    const bool is_applied = std::erase(arguments, "--apply") > 0;
    if (is_planned == is_applied) {
        std::fputs(usage, stderr);
        return 2;
    }
    auto loaded = config::load({.environment = environment, .arguments = std::move(arguments)});
    if (!loaded) {
        for (const auto& field : loaded.error().fields) {
            std::fprintf(stderr, "dbaas: %s: %s\n", field.pointer.c_str(), field.message.c_str());
        }
        return 2;
    }
    const auto conflicts = run({.options = std::move(loaded->options), .is_applied = is_applied});
    if (!conflicts) {
        std::fprintf(stderr, "dbaas: %s\n", conflicts.error().text.c_str());
        return 1;
    }
    return *conflicts == 0 ? 0 : 1;
}
