#include "devcluster/synthetic/synthetic_cluster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <unordered_map>

#include "base/time_text.hpp"
#include "devcluster/controller/database_health.hpp"
#include "devcluster/controller/kubedb_objects.hpp"
#include "devcluster/controller/request_plan.hpp"
#include "devcluster/synthetic/exporters.hpp"
#include "devcluster/synthetic/pages.hpp"
#include "devcluster/synthetic/timer_event.hpp"
#include "json/json.hpp"
#include "json/json_access.hpp"

namespace synthetic {
namespace {

using namespace std::chrono_literals;
using apiserver::change_event;
using apiserver::object_key;
using apiserver::request_info;
using base::errc;

// The API server shares the loop. Small batches let it serve requests in between.
constexpr std::size_t actions_per_batch = 16;
constexpr std::uint64_t versions_salt = 0x7665727369;
constexpr std::uint64_t requests_salt = 0x7265717565;
const std::string password = "synthetic";

struct simulated_database {
    const controller::engine_kind* kind = nullptr;
    object_key key;
    synthetic::exporter exporter;
    bool has_capacity = false;
    bool is_ready = false;
    std::string failure{};  // set while an injected failure lasts
};

class cluster final : public apiserver::simulator {
  public:
    cluster(aio::executor executor, apiserver::api_core& content, apiserver::object_store& objects,
            cluster_options options)
        : core_(content),
          objects_(objects),
          options_(options),
          exporters_(*options.clock),
          queue_changed_(executor),
          work_(executor) {
        for (const auto& kind : controller::engine_kinds()) {
            if (kind.horizontal_key.empty()) continue;
            kinds_["kubedb.com/" + std::string(kind.plural)] = &kind;
            kinds_["ops.kubedb.com/" + controller::request_resource(kind).plural] = &kind;
            exporters_.add_engine(kind.engine);
            offer_versions(kind);
        }
        offer_node();
        schedule_present_objects();
        set_flaps(options_.flaps_per_second);
        work_.spawn([this] { return run(); });
    }

    void on_change(const change_event& event) override {
        const auto kind = kinds_.find(event.type_key);
        if (kind == kinds_.end()) return;
        const bool is_database = event.type_key.starts_with("kubedb.com/");
        if (event.type == apiserver::change_type::deleted) {
            if (is_database) forget_database({std::string(event.type_key), event.key});
            return;
        }
        if (is_writing_) return;
        const auto wait =
            20ms + std::chrono::milliseconds(
                       mix(options_.seed, std::hash<std::string>{}(event.key.second)) % 200);
        schedule(wait, is_database ? timer_action::database : timer_action::request,
                 std::string(event.type_key), event.key);
    }

    std::optional<proxied> proxy(const request_info& info) override {
        const auto service = apiserver::split_proxy_name(info.name).name;
        const auto it = services_.find({info.ns, service});
        if (it == services_.end()) return std::nullopt;
        auto& database = *it->second;
        return exporters_.scrape(database.exporter, database.kind->engine,
                                 !database.failure.empty());
    }

    base::outcome<void> set_faults(const json::object& wanted) override {
        double flaps = 0;
        double failing = 0;
        bool forgets = false;
        scrape_faults scrapes;
        const auto invalid = [&](std::string_view name) {
            return base::fail(errc::invalid,
                              "unknown fault, or an invalid value: " + std::string(name));
        };
        for (const auto& [key, value] : wanted) {
            const double number = value.is_number() ? value.to_number<double>() : -1;
            if (key == "flaps_per_second" && number >= 0) {
                flaps = number;
            } else if (key == "failing_requests" && number >= 0 && number <= 1) {
                failing = number;
            } else if (key == "forget_scrapes" && value.is_bool()) {
                forgets = value.get_bool();
            } else if (key == "scrapes" && value.is_object()) {
                for (const auto& [name, share_value] : value.get_object()) {
                    const double share =
                        share_value.is_number() ? share_value.to_number<double>() : -1;
                    if (!scrapes.set(name, share)) return invalid(name);
                }
            } else {
                return invalid(key);
            }
        }
        set_flaps(flaps);
        failing_requests_ = failing;
        exporters_.set_faults(std::move(scrapes));
        if (forgets) forget_scrapes();
        return {};
    }

    [[nodiscard]] json::object stats() const override {
        std::size_t ready = 0;
        std::size_t never_scraped = 0;
        double oldest = 0;
        for (const auto& [object_ref, each] : databases_) {
            if (!each->is_ready) continue;
            ++ready;
            never_scraped += each->exporter.scrapes == 0 ? 1 : 0;
            oldest = std::max(oldest, exporters_.age_seconds(each->exporter));
        }
        return {{"databases", databases_.size()},  {"ready", ready},
                {"scrapes", exporters_.scrapes()}, {"never_scraped", never_scraped},
                {"oldest_seconds", oldest},        {"gaps", exporters_.gaps()},
                {"pending", queue_.size()},        {"flaps_per_second", flaps_per_second_}};
    }

    aio::task<> stop() override {
        work_.cancel();
        return work_.join();
    }

  private:
    using object_ref = std::pair<std::string, object_key>;

    // ---- the queue -----------------------------------------------------------------------

    void schedule(std::chrono::nanoseconds wait, timer_action action, std::string type_key,
                  object_key key) {
        queue_.push(
            {options_.clock->now() + wait, ++order_, action, std::move(type_key), std::move(key)});
        queue_changed_.notify();
    }

    aio::task<> run() {
        while (true) {
            std::size_t actions = 0;
            while (!queue_.empty() && queue_.top().when <= options_.clock->now() &&
                   actions++ < actions_per_batch) {
                const auto next = queue_.top();
                queue_.pop();
                run_action(next);
            }
            // Yields to the API server, which shares the loop, even if more actions are due.
            auto passed = co_await aio::sleep_for(0ns);
            if (!passed) co_return passed;
            const auto due = queue_.empty() ? base::steady_time::max() : queue_.top().when;
            auto woken = co_await queue_changed_.wait_until(due);
            if (!woken) co_return base::pass(std::move(woken));
        }
    }

    void run_action(const timer_event& next) {
        switch (next.action) {
            case timer_action::database:
                return simulate_database(next.type_key, next.key);
            case timer_action::request:
                return simulate_request(next.type_key, next.key);
            case timer_action::flap:
                return inject_failure(next.type_key);
            case timer_action::recover:
                return recover(next.type_key, next.key);
        }
    }

    // ---- writes --------------------------------------------------------------------------

    void write(http::method verb, const std::string& target, const json::object& body) {
        http::request ensured{.verb = verb, .target = target, .body = json::serialize(body)};
        ensured.headers.add("Content-Type", verb == http::method::patch
                                                ? "application/merge-patch+json"
                                                : "application/json");
        core_.handle(ensured);
    }
    void create(std::string_view group_path, const std::string& plural, const std::string& ns,
                const json::object& content) {
        write(http::method::post, fmt::format("{}/namespaces/{}/{}", group_path, ns, plural),
              content);
    }
    // Patches without scheduling a reaction: on_change() runs during the write and ignores it.
    void patch_quietly(const std::string& target, const json::object& body) {
        is_writing_ = true;
        write(http::method::patch, target, body);
        is_writing_ = false;
    }
    static std::string path_of(const controller::engine_kind& kind, const object_key& key) {
        return fmt::format("/apis/kubedb.com/v1/namespaces/{}/{}/{}", key.first, kind.plural,
                           key.second);
    }

    void offer_versions(const controller::engine_kind& kind) {
        const auto major =
            5 + mix(versions_salt, static_cast<std::uint64_t>(kind.default_port)) % 10;
        for (const auto minor : {1, 2}) {
            const auto version = fmt::format("{}.{}.0", major, minor);
            const auto ensured = core_.ensure(
                "catalog.kubedb.com/v1alpha1", controller::version_resource(kind).plural,
                {{"metadata", {{"name", version}}},
                 {"spec", {{"version", version}, {"distribution", "Synthetic"}}}});
            if (!ensured)
                options_.log->warning("version_rejected", {{"detail", ensured.error().text}});
        }
    }
    void offer_node() {
        const auto amount = [](std::size_t each) { return std::to_string(each); };
        const json::object all{{"cpu", amount(options_.capacity * 100)},
                               {"memory", amount(options_.capacity * 100) + "Gi"},
                               {"pods", amount(options_.capacity * 10)}};
        const auto ensured = core_.ensure("v1", "nodes",
                                          {{"metadata", {{"name", "synthetic"}}},
                                           {"status", {{"capacity", all}, {"allocatable", all}}}});
        if (!ensured) options_.log->warning("node_rejected", {{"detail", ensured.error().text}});
        write(http::method::patch, "/api/v1/nodes/synthetic/status",
              {{"status", {{"capacity", all}, {"allocatable", all}}}});
    }

    void schedule_present_objects() {
        for (const auto& [type_key, kind] : kinds_) {
            const bool is_database = type_key.starts_with("kubedb.com/");
            for (const auto& [key, object] : objects_.all(type_key)) {
                schedule(0s, is_database ? timer_action::database : timer_action::request, type_key,
                         key);
            }
        }
    }

    // ---- databases -----------------------------------------------------------------------

    void simulate_database(const std::string& type_key, const object_key& key) {
        const auto stored = objects_.find(type_key, key);
        if (!stored) return;
        const auto& kind = *kinds_.at(type_key);
        const auto object = stored->parse();
        const auto wanted = controller::read_database(kind, object);
        if (wanted.is_deleting) return delete_objects(wanted, kind, object);
        auto& known = databases_[{type_key, key}];
        if (!known) {
            known = std::make_unique<simulated_database>(
                &kind, key,
                exporter{.number = mix(options_.seed,
                                       std::hash<std::string>{}(key.first + "/" + key.second))});
        }
        if (!known->has_capacity && capacity_used_ >= options_.capacity)
            return;  // until a database is deleted
        capacity_used_ += std::exchange(known->has_capacity, true) ? 0 : 1;
        if (!wanted.has_finalizer) {
            patch_quietly(path_of(kind, key),
                          {{"metadata", {{"finalizers", controller::with_finalizer(object)}}}});
            create_objects(wanted, kind);
        }
        if (wanted.is_halted) {
            known->is_ready = false;
        } else {
            if (wanted.has_monitor && !known->is_ready) {
                services_[{key.first, key.second + "-stats"}] = known.get();
            }
            known->is_ready = true;
            update_pods(wanted);
        }
        write_status(wanted, kind, object, {.ready = wanted.replicas, .accepts = true});
    }

    struct health {
        int ready = 0;
        bool accepts = false;
        std::string failure{};
    };
    void write_status(const controller::wanted_database& wanted,
                      const controller::engine_kind& kind, const json::object& object,
                      const health& state) {
        const auto& before =
            json::array_or_empty(json::object_or_empty(object, "status"), "conditions");
        const controller::database_facts facts{.replicas = wanted.replicas,
                                               .ready = state.ready,
                                               .accepts = state.accepts,
                                               .was_provisioned = true,
                                               .is_halted = wanted.is_halted,
                                               .not_ready_reason = state.failure,
                                               .generation = wanted.generation};
        const auto now = base::to_rfc3339(options_.clock->utc_now());
        patch_quietly(path_of(kind, {wanted.ns, wanted.name}) + "/status",
                      {{"status", controller::status_of(facts, before, now)}});
    }

    void create_objects(const controller::wanted_database& wanted,
                        const controller::engine_kind& kind) {
        const auto& ns = wanted.ns;
        create("/api/v1", "secrets", ns, controller::secret_object(wanted, "admin", password));
        create("/api/v1", "services", ns,
               controller::service_object(wanted, "", kind.default_port, "primary"));
        if (wanted.has_monitor) {
            create("/api/v1", "services", ns,
                   controller::service_object(wanted, "-stats", 56790, "metrics"));
        }
        auto binding = controller::binding_object(
            wanted,
            fmt::format("{}://{}.{}.svc:{}", kind.engine, wanted.name, ns, kind.default_port));
        create("/apis/appcatalog.appscode.com/v1alpha1", "appbindings", ns, binding);
    }

    void update_pods(const controller::wanted_database& wanted) {
        const auto now = base::to_rfc3339(options_.clock->utc_now());
        const auto pods = fmt::format("/api/v1/namespaces/{}/pods", wanted.ns);
        for (int ordinal = 0;; ++ordinal) {
            const auto name = controller::member_name(wanted, ordinal);
            const bool exists = objects_.find("/pods", {wanted.ns, name}) != nullptr;
            if (ordinal < wanted.replicas && !exists) {
                write(http::method::post, pods, controller::pod_object(wanted, ordinal));
                write(http::method::patch, pods + "/" + name + "/status",
                      {{"status", controller::pod_status(wanted, true, 0, "", now)}});
            } else if (ordinal >= wanted.replicas && exists) {
                write(http::method::del, pods + "/" + name, {});
            } else if (!exists) {
                return;
            }
        }
    }

    // Objects that are owned by the database are deleted with it.
    void delete_objects(const controller::wanted_database& wanted,
                        const controller::engine_kind& kind, const json::object& object) {
        write(http::method::del,
              fmt::format("/api/v1/namespaces/{}/secrets/{}", wanted.ns, wanted.auth_secret), {});
        patch_quietly(path_of(kind, {wanted.ns, wanted.name}),
                      {{"metadata", {{"finalizers", controller::without_finalizer(object)}}}});
    }

    void forget_database(const object_ref& ref) {
        const auto it = databases_.find(ref);
        if (it == databases_.end()) return;
        services_.erase({ref.second.first, ref.second.second + "-stats"});
        const bool had_capacity = it->second->has_capacity;
        databases_.erase(it);
        if (!had_capacity) return;
        --capacity_used_;
        // Another database uses the capacity now.
        for (const auto& [other, waiting] : databases_) {
            if (waiting->has_capacity) continue;
            return schedule(0s, timer_action::database, other.first, other.second);
        }
    }

    // ---- requests ------------------------------------------------------------------------

    void simulate_request(const std::string& type_key, const object_key& key) {
        const auto object = objects_.find(type_key, key);
        if (!object) return;
        const auto& kind = *kinds_.at(type_key);
        const auto request = controller::read_request(object->parse());
        if (request.is_over()) return;
        const auto database =
            objects_.find("kubedb.com/" + std::string(kind.plural), {key.first, request.database});
        std::string failure = database ? "" : "no such database";
        if (must_fail(key)) failure = "injected by /devcluster/faults";
        if (failure.empty()) {
            const auto content = database->parse();
            const auto* spec = json::object_at(content, "spec");
            const auto change = controller::spec_change(kind, *spec, request);
            if (!change) {
                failure = change.error().text;
            } else {
                write(http::method::patch, path_of(kind, {key.first, request.database}),
                      {{"spec", *change}});
            }
        }
        const auto now = base::to_rfc3339(options_.clock->utc_now());
        const bool is_successful = failure.empty();
        const std::string phase = is_successful ? "Successful" : "Failed";
        patch_quietly(fmt::format("/apis/ops.kubedb.com/v1alpha1/namespaces/{}/{}/{}/status",
                                  key.first, type_key.substr(type_key.find('/') + 1), key.second),
                      {{"status",
                        {{"phase", phase},
                         {"observedGeneration", request.generation},
                         {"conditions",
                          json::array{controller::condition(phase, true, phase, failure, now)}}}}});
    }

    [[nodiscard]] bool must_fail(const object_key& request) const {
        const auto number =
            mix(options_.seed, std::hash<std::string>{}(request.first + "/" + request.second));
        return fraction(mix(number, requests_salt)) < failing_requests_;
    }

    // ---- failures ------------------------------------------------------------------------

    void set_flaps(double per_second) {
        constexpr double rate_max = 1'000'000;
        flaps_per_second_ = std::min(per_second, rate_max);
        ++flap_rate_;
        schedule_flap();
    }
    void schedule_flap() {
        if (flaps_per_second_ <= 0) return;
        const auto longest = std::chrono::duration<double>(1h);
        const auto wait = std::min(longest, std::chrono::duration<double>(1 / flaps_per_second_));
        schedule(std::chrono::duration_cast<std::chrono::nanoseconds>(wait), timer_action::flap,
                 std::to_string(flap_rate_), {});
    }

    // Makes a healthy database Critical or NotReady for two seconds. `rate` identifies the setting
    // that scheduled the failure; failures of an earlier setting are ignored.
    void inject_failure(std::string_view rate) {
        if (rate != std::to_string(flap_rate_)) return;
        schedule_flap();
        if (databases_.empty()) return;
        const auto ref = pick_healthy(mix(options_.seed, ++flaps_));
        if (!ref) return;
        auto& database = *databases_.at(*ref);
        database.failure = "injected failure";
        report_health(*ref, {.ready = 0, .accepts = flaps_ % 2 == 0, .failure = database.failure});
        schedule(2s, timer_action::recover, ref->first, ref->second);
    }
    // Returns the first healthy database, beginning at a bucket that depends on `number`. A start
    // at a bucket needs no copy of the keys and takes constant time while most databases are
    // healthy.
    [[nodiscard]] std::optional<object_ref> pick_healthy(std::uint64_t number) const {
        const auto bucket_count = databases_.bucket_count();
        for (std::size_t step = 0; step < bucket_count; ++step) {
            const auto bucket = (number + step) % bucket_count;
            const auto end = databases_.end(bucket);
            const auto it = std::find_if(databases_.begin(bucket), end, [](const auto& each) {
                return each.second->is_ready && each.second->failure.empty();
            });
            if (it != end) return it->first;
        }
        return std::nullopt;
    }
    void recover(const std::string& type_key, const object_key& key) {
        const auto it = databases_.find({type_key, key});
        if (it == databases_.end()) return;
        it->second->failure.clear();
        simulate_database(type_key, key);
    }
    void report_health(const object_ref& ref, const health& state) {
        const auto stored = objects_.find(ref.first, ref.second);
        if (!stored) return;
        const auto& kind = *kinds_.at(ref.first);
        const auto object = stored->parse();
        write_status(controller::read_database(kind, object), kind, object, state);
    }

    void forget_scrapes() {
        exporters_.forget_scrapes();
        for (auto& [object_ref, each] : databases_) each->exporter.scrapes = 0;
    }

    struct object_ref_hash {
        std::size_t operator()(const object_ref& share) const noexcept {
            return std::hash<std::string>{}(share.first) ^
                   std::hash<std::string>{}(share.second.first) * 31 ^
                   std::hash<std::string>{}(share.second.second) * 1009;
        }
    };

    apiserver::api_core& core_;
    apiserver::object_store& objects_;
    cluster_options options_;
    std::map<std::string, const controller::engine_kind*, std::less<>> kinds_;  // by type key
    exporters exporters_;
    std::unordered_map<object_ref, std::unique_ptr<simulated_database>, object_ref_hash> databases_;
    std::map<object_key, simulated_database*> services_;  // stats services
    std::size_t capacity_used_ = 0;
    std::priority_queue<timer_event> queue_;
    std::uint64_t order_ = 0;
    bool is_writing_ = false;
    double flaps_per_second_ = 0;
    std::uint64_t flap_rate_ = 0;  // counts the settings of flaps_per_second
    double failing_requests_ = 0;  // share of the OpsRequests, 0 to 1
    std::uint64_t flaps_ = 0;
    aio::notification queue_changed_;
    aio::task_group work_;
};

}  // namespace

std::unique_ptr<apiserver::simulator> make_cluster(aio::executor executor,
                                                   apiserver::api_core& content,
                                                   apiserver::object_store& objects,
                                                   cluster_options options) {
    return std::make_unique<cluster>(std::move(executor), content, objects, options);
}

}  // namespace synthetic
