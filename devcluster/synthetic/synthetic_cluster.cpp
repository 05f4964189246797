#include "devcluster/synthetic/synthetic_cluster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <queue>
#include <unordered_map>

#include "base/time_text.hpp"
#include "devcluster/controller/database_health.hpp"
#include "devcluster/controller/kubedb_objects.hpp"
#include "devcluster/controller/request_plan.hpp"
#include "devcluster/synthetic/exporters.hpp"
#include "devcluster/synthetic/pages.hpp"
#include "devcluster/synthetic/timer_event.hpp"
#include "kube/json_text.hpp"

namespace synthetic {
namespace {

using namespace std::chrono_literals;
using apiserver::change_event;
using apiserver::object_key;
using apiserver::request_info;
using base::errc;
namespace json = boost::json;

// Turns of work are short: the loop serves everybody else between them.
constexpr std::size_t acts_per_turn = 16;
constexpr std::uint64_t versions_salt = 0x7665727369;
constexpr std::uint64_t requests_salt = 0x7265717565;
const std::string password = "synthetic";

struct entry {
    const controller::engine_kind* kind = nullptr;
    object_key key;
    synthetic::exporter exporter;
    bool has_room = false;
    bool is_ready = false;
    std::string trouble{};  // phase while it flaps; empty otherwise
};

class cluster final : public apiserver::simulator {
  public:
    cluster(aio::executor on, apiserver::api_core& content, apiserver::object_store& objects,
            cluster_options how)
        : core_(content),
          objects_(objects),
          options_(how),
          exporters_(*how.clock),
          news_(on),
          work_(on) {
        for (const auto& kind : controller::engine_kinds()) {
            if (kind.horizontal_key.empty()) continue;
            kinds_["kubedb.com/" + std::string(kind.plural)] = &kind;
            kinds_["ops.kubedb.com/" + controller::request_resource(kind).plural] = &kind;
            exporters_.know(kind.engine);
            offer_versions(kind);
        }
        offer_node();
        take_up_what_is_there();
        set_flaps(options_.flaps_per_second);
        work_.spawn([this] { return run(); });
    }

    void on_change(const change_event& event) override {
        const auto kind = kinds_.find(event.type_key);
        if (kind == kinds_.end()) return;
        const bool is_database = event.type_key.starts_with("kubedb.com/");
        if (event.type == apiserver::change_type::deleted) {
            if (is_database) forget({std::string(event.type_key), event.key});
            return;
        }
        if (is_writing_own_) return;
        const auto wait =
            20ms + std::chrono::milliseconds(
                       mix(options_.seed, std::hash<std::string>{}(event.key.second)) % 200);
        schedule(wait, is_database ? timer_action::database : timer_action::request,
                 std::string(event.type_key), event.key);
    }

    std::optional<proxied> proxy(const request_info& asked) override {
        const auto service = apiserver::split_proxy_name(asked.name).name;
        const auto at = services_.find({asked.ns, service});
        if (at == services_.end()) return std::nullopt;
        auto& which = *at->second;
        return exporters_.scrape(which.exporter, which.kind->engine, !which.trouble.empty());
    }

    base::outcome<void> set_faults(const json::object& wanted) override {
        double flaps = 0;
        double failing = 0;
        bool forgets = false;
        scrape_faults scrapes;
        const auto bad = [&](std::string_view which) {
            return base::fail(errc::invalid,
                              "unknown fault, or an invalid value: " + std::string(which));
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
                for (const auto& [name, part] : value.get_object()) {
                    const double of = part.is_number() ? part.to_number<double>() : -1;
                    if (!scrapes.set(name, of)) return bad(name);
                }
            } else {
                return bad(key);
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
        std::size_t never = 0;
        double oldest = 0;
        for (const auto& [place, each] : entries_) {
            if (!each->is_ready) continue;
            ++ready;
            never += each->exporter.scrapes == 0 ? 1 : 0;
            oldest = std::max(oldest, exporters_.age_seconds(each->exporter));
        }
        return {{"databases", entries_.size()},    {"ready", ready},
                {"scrapes", exporters_.scrapes()}, {"never_scraped", never},
                {"oldest_seconds", oldest},        {"gaps", exporters_.gaps()},
                {"pending", queue_.size()},        {"flaps_per_second", flaps_per_second_}};
    }

    aio::task<> stop() override {
        work_.cancel();
        return work_.join();
    }

  private:
    using place = std::pair<std::string, object_key>;

    // ---- the queue -----------------------------------------------------------------------

    void schedule(std::chrono::nanoseconds wait, timer_action what, std::string type_key,
                  object_key key) {
        queue_.push(
            {options_.clock->now() + wait, ++order_, what, std::move(type_key), std::move(key)});
        news_.notify();
    }

    aio::task<> run() {
        while (true) {
            std::size_t acts = 0;
            while (!queue_.empty() && queue_.top().when <= options_.clock->now() &&
                   acts++ < acts_per_turn) {
                const auto next = queue_.top();
                queue_.pop();
                act(next);
            }
            // The loop is the API server's: however much is due, others have their turn.
            auto passed = co_await aio::sleep_for(0ns);
            if (!passed) co_return passed;
            const auto due = queue_.empty() ? base::steady_time::max() : queue_.top().when;
            auto woken = co_await news_.wait_until(due);
            if (!woken) co_return base::pass(std::move(woken));
        }
    }

    void act(const timer_event& next) {
        switch (next.what) {
            case timer_action::database:
                return play_database(next.type_key, next.key);
            case timer_action::request:
                return play_request(next.type_key, next.key);
            case timer_action::flap:
                return flap_one(next.type_key);
            case timer_action::mend:
                return mend(next.type_key, next.key);
        }
    }

    // ---- writing -------------------------------------------------------------------------

    void write(http::method verb, const std::string& target, const json::object& body) {
        http::request made{.verb = verb, .target = target, .body = json::serialize(body)};
        made.headers.add("Content-Type", verb == http::method::patch
                                             ? "application/merge-patch+json"
                                             : "application/json");
        core_.handle(made);
    }
    void make(std::string_view group_path, const std::string& plural, const std::string& home,
              const json::object& content) {
        write(http::method::post, fmt::format("{}/namespaces/{}/{}", group_path, home, plural),
              content);
    }
    // A change of ours is not one to act upon; it is told while it is written.
    void patch_own(const std::string& target, const json::object& body) {
        is_writing_own_ = true;
        write(http::method::patch, target, body);
        is_writing_own_ = false;
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
            const auto made = core_.ensure(
                "catalog.kubedb.com/v1alpha1", controller::version_resource(kind).plural,
                {{"metadata", {{"name", version}}},
                 {"spec", {{"version", version}, {"distribution", "Synthetic"}}}});
            if (!made) options_.log->warning("version_refused", {{"detail", made.error().text}});
        }
    }
    void offer_node() {
        const auto room = [](std::size_t each) { return std::to_string(each); };
        const json::object all{{"cpu", room(options_.capacity * 100)},
                               {"memory", room(options_.capacity * 100) + "Gi"},
                               {"pods", room(options_.capacity * 10)}};
        const auto made = core_.ensure("v1", "nodes",
                                       {{"metadata", {{"name", "synthetic"}}},
                                        {"status", {{"capacity", all}, {"allocatable", all}}}});
        if (!made) options_.log->warning("node_refused", {{"detail", made.error().text}});
        write(http::method::patch, "/api/v1/nodes/synthetic/status",
              {{"status", {{"capacity", all}, {"allocatable", all}}}});
    }

    void take_up_what_is_there() {
        for (const auto& [type_key, kind] : kinds_) {
            const bool is_database = type_key.starts_with("kubedb.com/");
            for (const auto& [key, object] : objects_.all(type_key)) {
                schedule(0s, is_database ? timer_action::database : timer_action::request, type_key,
                         key);
            }
        }
    }

    // ---- databases -----------------------------------------------------------------------

    void play_database(const std::string& type_key, const object_key& key) {
        const auto found = objects_.find(type_key, key);
        if (!found) return;
        const auto& kind = *kinds_.at(type_key);
        const auto object = found->parse();
        const auto wanted = controller::read_database(kind, object);
        if (wanted.is_deleting) return remove_parts(wanted, kind, object);
        auto& known = entries_[{type_key, key}];
        if (!known) {
            known = std::make_unique<entry>(
                &kind, key,
                exporter{.number = mix(options_.seed,
                                       std::hash<std::string>{}(key.first + "/" + key.second))});
        }
        if (!known->has_room && with_room_ >= options_.capacity) return;  // until another one goes
        with_room_ += std::exchange(known->has_room, true) ? 0 : 1;
        if (!wanted.has_finalizer) {
            patch_own(path_of(kind, key),
                      {{"metadata", {{"finalizers", controller::with_finalizer(object)}}}});
            make_parts(wanted, kind);
        }
        if (wanted.is_halted) {
            known->is_ready = false;
        } else {
            if (wanted.has_monitor && !known->is_ready) {
                services_[{key.first, key.second + "-stats"}] = known.get();
            }
            known->is_ready = true;
            make_members(wanted);
        }
        tell(wanted, kind, object, {.ready = wanted.replicas, .accepts = true});
    }

    struct health {
        int ready = 0;
        bool accepts = false;
        std::string trouble{};
    };
    void tell(const controller::wanted_database& wanted, const controller::engine_kind& kind,
              const json::object& object, const health& how) {
        const auto& before =
            kube::array_or_empty(kube::object_or_empty(object, "status"), "conditions");
        const controller::database_facts facts{.replicas = wanted.replicas,
                                               .ready = how.ready,
                                               .accepts = how.accepts,
                                               .was_provisioned = true,
                                               .is_halted = wanted.is_halted,
                                               .trouble = how.trouble,
                                               .generation = wanted.generation};
        const auto now = base::to_rfc3339(options_.clock->utc_now());
        patch_own(path_of(kind, {wanted.ns, wanted.name}) + "/status",
                  {{"status", controller::status_of(facts, before, now)}});
    }

    void make_parts(const controller::wanted_database& wanted,
                    const controller::engine_kind& kind) {
        const auto& home = wanted.ns;
        make("/api/v1", "secrets", home, controller::secret_object(wanted, "admin", password));
        make("/api/v1", "services", home,
             controller::service_object(wanted, "", kind.default_port, "primary"));
        if (wanted.has_monitor) {
            make("/api/v1", "services", home,
                 controller::service_object(wanted, "-stats", 56790, "metrics"));
        }
        auto binding = controller::binding_object(
            wanted,
            fmt::format("{}://{}.{}.svc:{}", kind.engine, wanted.name, home, kind.default_port));
        make("/apis/appcatalog.appscode.com/v1alpha1", "appbindings", home, binding);
    }

    void make_members(const controller::wanted_database& wanted) {
        const auto now = base::to_rfc3339(options_.clock->utc_now());
        const auto pods = fmt::format("/api/v1/namespaces/{}/pods", wanted.ns);
        for (int ordinal = 0;; ++ordinal) {
            const auto name = controller::member_name(wanted, ordinal);
            const bool is_there = objects_.find("/pods", {wanted.ns, name}) != nullptr;
            if (ordinal < wanted.replicas && !is_there) {
                write(http::method::post, pods, controller::pod_object(wanted, ordinal));
                write(http::method::patch, pods + "/" + name + "/status",
                      {{"status", controller::pod_status(wanted, true, 0, "", now)}});
            } else if (ordinal >= wanted.replicas && is_there) {
                write(http::method::del, pods + "/" + name, {});
            } else if (!is_there) {
                return;
            }
        }
    }

    // What has the database's object as its owner goes with it.
    void remove_parts(const controller::wanted_database& wanted,
                      const controller::engine_kind& kind, const json::object& object) {
        write(http::method::del,
              fmt::format("/api/v1/namespaces/{}/secrets/{}", wanted.ns, wanted.auth_secret), {});
        patch_own(path_of(kind, {wanted.ns, wanted.name}),
                  {{"metadata", {{"finalizers", controller::without_finalizer(object)}}}});
    }

    void forget(const place& which) {
        const auto at = entries_.find(which);
        if (at == entries_.end()) return;
        services_.erase({which.second.first, which.second.second + "-stats"});
        const bool had_room = at->second->has_room;
        entries_.erase(at);
        if (!had_room) return;
        --with_room_;
        // The place is another one's now.
        for (const auto& [other, waiting] : entries_) {
            if (waiting->has_room) continue;
            return schedule(0s, timer_action::database, other.first, other.second);
        }
    }

    // ---- requests ------------------------------------------------------------------------

    void play_request(const std::string& type_key, const object_key& key) {
        const auto found = objects_.find(type_key, key);
        if (!found) return;
        const auto& kind = *kinds_.at(type_key);
        const auto request = controller::read_request(found->parse());
        if (request.is_over()) return;
        const auto database =
            objects_.find("kubedb.com/" + std::string(kind.plural), {key.first, request.database});
        std::string trouble = database ? "" : "there is no such database";
        if (is_to_fail(key)) trouble = "injected by /devcluster/faults";
        if (trouble.empty()) {
            const auto content = database->parse();
            const auto* spec = kube::object_at(content, "spec");
            const auto change = controller::spec_change(kind, *spec, request);
            if (!change) {
                trouble = change.error().text;
            } else {
                write(http::method::patch, path_of(kind, {key.first, request.database}),
                      {{"spec", *change}});
            }
        }
        const auto now = base::to_rfc3339(options_.clock->utc_now());
        const bool is_good = trouble.empty();
        const std::string phase = is_good ? "Successful" : "Failed";
        patch_own(fmt::format("/apis/ops.kubedb.com/v1alpha1/namespaces/{}/{}/{}/status", key.first,
                              type_key.substr(type_key.find('/') + 1), key.second),
                  {{"status",
                    {{"phase", phase},
                     {"observedGeneration", request.generation},
                     {"conditions",
                      json::array{controller::condition(phase, true, phase, trouble, now)}}}}});
    }

    [[nodiscard]] bool is_to_fail(const object_key& request) const {
        const auto number =
            mix(options_.seed, std::hash<std::string>{}(request.first + "/" + request.second));
        return fraction(mix(number, requests_salt)) < failing_requests_;
    }

    // ---- trouble -------------------------------------------------------------------------

    void set_flaps(double per_second) {
        constexpr double at_most = 1'000'000;
        flaps_per_second_ = std::min(per_second, at_most);
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

    // Some database that is well becomes Critical or NotReady, for two seconds.
    // `rate` is the setting that it was asked for under: those of earlier ones lapse.
    void flap_one(std::string_view rate) {
        if (rate != std::to_string(flap_rate_)) return;
        schedule_flap();
        if (entries_.empty()) return;
        const auto steps = mix(options_.seed, ++flaps_);
        // From any bucket on: the first that is well.
        const auto bucket_count = entries_.bucket_count();
        for (std::size_t step = 0; step < bucket_count; ++step) {
            const auto bucket = (steps + step) % bucket_count;
            for (auto at = entries_.begin(bucket); at != entries_.end(bucket); ++at) {
                auto& each = *at->second;
                if (!each.is_ready || !each.trouble.empty()) continue;
                each.trouble = "it flaps";
                tell_of(at->first,
                        {.ready = 0, .accepts = flaps_ % 2 == 0, .trouble = each.trouble});
                return schedule(2s, timer_action::mend, at->first.first, at->first.second);
            }
        }
    }
    void mend(const std::string& type_key, const object_key& key) {
        const auto at = entries_.find({type_key, key});
        if (at == entries_.end()) return;
        at->second->trouble.clear();
        play_database(type_key, key);
    }
    void tell_of(const place& which, const health& how) {
        const auto found = objects_.find(which.first, which.second);
        if (!found) return;
        const auto& kind = *kinds_.at(which.first);
        const auto object = found->parse();
        tell(controller::read_database(kind, object), kind, object, how);
    }

    void forget_scrapes() {
        exporters_.forget_scrapes();
        for (auto& [place, each] : entries_) each->exporter.scrapes = 0;
    }

    struct place_hash {
        std::size_t operator()(const place& of) const noexcept {
            return std::hash<std::string>{}(of.first) ^
                   std::hash<std::string>{}(of.second.first) * 31 ^
                   std::hash<std::string>{}(of.second.second) * 1009;
        }
    };

    apiserver::api_core& core_;
    apiserver::object_store& objects_;
    cluster_options options_;
    std::map<std::string, const controller::engine_kind*, std::less<>> kinds_;  // by type key
    exporters exporters_;
    std::unordered_map<place, std::unique_ptr<entry>, place_hash> entries_;
    std::map<object_key, entry*> services_;  // stats services
    std::size_t with_room_ = 0;
    std::priority_queue<timer_event> queue_;
    std::uint64_t order_ = 0;
    bool is_writing_own_ = false;
    double flaps_per_second_ = 0;
    std::uint64_t flap_rate_ = 0;  // how often the switch was set
    double failing_requests_ = 0;  // the part of them
    std::uint64_t flaps_ = 0;
    aio::notification news_;
    aio::task_group work_;
};

}  // namespace

std::unique_ptr<apiserver::simulator> make_cluster(aio::executor on, apiserver::api_core& content,
                                                   apiserver::object_store& objects,
                                                   cluster_options how) {
    return std::make_unique<cluster>(std::move(on), content, objects, how);
}

}  // namespace synthetic
