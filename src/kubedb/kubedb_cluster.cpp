#include "kubedb/kubedb_cluster.hpp"

#include <utility>

#include "domain/operation_lifecycle.hpp"
#include "kube/traced_client.hpp"
#include "kubedb/credentials_reader.hpp"
#include "kubedb/database_writes.hpp"
#include "kubedb/object_deletion.hpp"
#include "kubedb/port_failure.hpp"
#include "kubedb/resource_watches.hpp"

namespace kubedb {
namespace {

using base::errc;

class cluster_impl final : public ports::cluster {
  public:
    cluster_impl(aio::executor executor, kube::client& client, const base::clock& clock,
                 obs::log& log, obs::registry& registry, const cluster_options& options)
        : executor_(executor),
          kube_(client),
          clock_(clock),
          log_(log),
          registry_(registry),
          options_(options),
          watches_(executor, client, clock, log, registry, options),
          writes_(client, watches_.served(), watches_.observed(), log),
          credentials_(client, watches_.served(), watches_.observed(), log) {
        kube_.on_call([this](const kube::call_record& call) { count(call); });
    }

    aio::task<void> run(ports::cluster_observer& observer) override {
        aio::task_group sweeps(executor_);
        sweeps.spawn([this]() -> aio::task<> { return sweep_requests(); });
        auto ended = co_await watches_.run(observer);
        sweeps.cancel();
        co_await sweeps.join();
        co_return ended;
    }

    aio::task<void> ensure_project(domain::project project, std::string traceparent) override {
        return translate("ensure_project",
                         write_in_trace<void>(obs::parse_traceparent(traceparent),
                                              [project](database_writes& writes) {
                                                  return writes.ensure_project(project);
                                              }));
    }
    aio::task<std::string> create(domain::database record) override {
        return translate("create", write<std::string>(record, [record](database_writes& writes) {
                             return writes.create(record);
                         }));
    }
    aio::task<void> update(domain::database record) override {
        return translate("update", write<void>(record, [record](database_writes& writes) {
                             return writes.update(record);
                         }));
    }
    aio::task<void> request_change(domain::database record, domain::change_kind change,
                                   std::string operation_id) override {
        return translate(
            "request_change",
            write<void>(record, [record, change, operation_id](database_writes& writes) {
                return writes.request_change(record, change, operation_id);
            }));
    }
    aio::task<bool> remove(domain::database record) override {
        return translate("remove", write<bool>(record, [record](database_writes& writes) {
                             return writes.remove(record);
                         }));
    }
    aio::task<ports::credentials> read_credentials(domain::database record,
                                                   std::string traceparent) override {
        return translate("read_credentials",
                         read_in_trace(obs::parse_traceparent(traceparent), std::move(record)));
    }
    [[nodiscard]] ports::sync_state state() const noexcept override { return watches_.state(); }

  private:
    // Runs the write in the trace of the record's unfinished operation, if it has one.
    template <class T>
    aio::task<T> write(const domain::database& record,
                       std::function<aio::task<T>(database_writes&)> run_write) {
        const auto* active = domain::active_operation(record);
        return write_in_trace<T>(
            active == nullptr ? std::nullopt : obs::parse_traceparent(active->traceparent),
            std::move(run_write));
    }
    template <class T>
    aio::task<T> write_in_trace(std::optional<obs::trace_context> parent,
                                std::function<aio::task<T>(database_writes&)> run_write) {
        if (!parent || !parent->is_sampled) co_return co_await run_write(writes_);
        kube::traced_client client(kube_, *parent);
        auto writes = writes_.through(client);
        co_return co_await run_write(writes);
    }

    aio::task<ports::credentials> read_in_trace(std::optional<obs::trace_context> parent,
                                                domain::database record) {
        if (!parent || !parent->is_sampled) co_return co_await credentials_.read(std::move(record));
        kube::traced_client client(kube_, *parent);
        auto reader = credentials_.through(client);
        co_return co_await reader.read(std::move(record));
    }

    template <class T>
    aio::task<T> translate(std::string_view activity, aio::task<T> work) {
        auto result = co_await std::move(work);
        if (result) co_return result;
        co_return std::unexpected(port_failure(std::move(result).error(), activity, log_));
    }

    aio::task<> sweep_requests() {
        while (true) {
            auto slept = co_await aio::sleep_for(options_.sweep);
            if (!slept) co_return slept;
            auto swept = co_await delete_requests(
                kube_, watches_.served(),
                watches_.observed().old_requests(clock_.utc_now() - options_.requests_kept,
                                                 options_.swept_at_once));
            if (swept || swept.error().code == errc::cancelled) continue;
            log_.warning("requests_not_deleted", {{"detail", swept.error().text}});
        }
    }

    void count(const kube::call_record& call) {
        registry_
            .make_counter(
                "dbaas_kubernetes_requests_total",
                "Requests to the Kubernetes API; status 0 means that there was no response.",
                {{"verb", std::string(call.verb)},
                 {"resource", std::string(call.resource)},
                 {"status", std::to_string(call.status)}})
            .add();
        registry_
            .make_histogram("dbaas_kubernetes_request_duration_seconds",
                            "Duration of requests to the Kubernetes API.",
                            obs::latency_bounds_seconds(), {{"verb", std::string(call.verb)}})
            .observe(std::chrono::duration<double>(call.took).count());
    }

    aio::executor executor_;
    kube::client& kube_;
    const base::clock& clock_;
    obs::log& log_;
    obs::registry& registry_;
    cluster_options options_;
    resource_watches watches_;
    database_writes writes_;
    credentials_reader credentials_;
};

}  // namespace

std::unique_ptr<ports::cluster> make_cluster(aio::executor executor, kube::client& client,
                                             const base::clock& clock, obs::log& log,
                                             obs::registry& registry, cluster_options options) {
    return std::make_unique<cluster_impl>(std::move(executor), client, clock, log, registry,
                                          options);
}

}  // namespace kubedb
