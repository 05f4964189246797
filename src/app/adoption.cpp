#include "app/adoption.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "domain/engines.hpp"

namespace app {
namespace {

domain::database record_of(const ports::database_key& key,
                           const domain::observed_database& observed, base::instant now) {
    domain::database record;
    record.id = observed.owner_database_id;
    record.project = key.project;
    record.name = key.name;
    record.engine = key.engine;
    record.version = observed.version;
    record.topology = observed.topology;
    // The platform does not know what the owner wanted, so that a deletion needs a second step.
    record.deletion_protection = true;
    record.paused = observed.paused;
    record.monitoring = observed.has_metrics();
    record.labels = observed.labels;
    record.object_uid = observed.uid;
    record.was_ready = observed.phase == domain::observed_phase::ready;
    record.created_at = now;
    record.updated_at = now;
    return record;
}

const domain::database* record_with_key(const state_cache& cache, const ports::database_key& key) {
    for (const auto& [id, state] : cache.databases()) {
        const auto& record = *state.record;
        if (record.project == key.project && record.name == key.name) return &record;
    }
    return nullptr;
}

class planner {
  public:
    planner(const state_cache& cache, base::instant now) : cache_(cache), now_(now) {}

    adoption_entry classify(const ports::database_key& key,
                            const domain::observed_database& observed) {
        adoption_entry entry{.key = key, .database_id = observed.owner_database_id};
        if (entry.database_id.empty()) {
            entry.action = adoption_action::foreign;
            return entry;
        }
        const auto known = cache_.databases().find(entry.database_id);
        if (known != cache_.databases().end()) return compare(std::move(entry), known->second);
        if (const auto* other = record_with_key(cache_, key)) {
            return conflict(std::move(entry),
                            fmt::format("the database {} has this name", other->id));
        }
        if (!adopted_ids_.insert(entry.database_id).second) {
            return conflict(std::move(entry), "another object has the same id");
        }
        if (observed.deleting) return conflict(std::move(entry), "the object is being deleted");
        if (domain::find_engine(key.engine) == nullptr || observed.topology.groups.empty()) {
            return conflict(std::move(entry), "the platform does not support the engine");
        }
        entry.action = adoption_action::adopt;
        entry.record = record_of(key, observed, now_);
        return entry;
    }

  private:
    adoption_entry compare(adoption_entry entry, const database_state& known) const {
        const auto& record = *known.record;
        if (key_of(record) == entry.key) {
            entry.action = adoption_action::keep;
            return entry;
        }
        return conflict(std::move(entry), fmt::format("the record of this id is {} '{}/{}'",
                                                      record.engine, record.project, record.name));
    }
    static adoption_entry conflict(adoption_entry entry, std::string detail) {
        entry.action = adoption_action::conflict;
        entry.detail = std::move(detail);
        return entry;
    }

    const state_cache& cache_;
    base::instant now_;
    std::set<std::string> adopted_ids_;
};

}  // namespace

std::string_view name(adoption_action action) noexcept {
    switch (action) {
        case adoption_action::adopt:
            return "adopt";
        case adoption_action::keep:
            return "keep";
        case adoption_action::missing:
            return "missing";
        case adoption_action::foreign:
            return "foreign";
        case adoption_action::conflict:
            return "conflict";
    }
    return "";
}

std::vector<adoption_entry> plan_adoption(const observed_databases& observed,
                                          const state_cache& cache, base::instant now) {
    std::vector<adoption_entry> plan;
    planner planner(cache, now);
    for (const auto& [key, state] : observed) {
        if (state->exists) plan.push_back(planner.classify(key, *state));
    }
    for (const auto& [id, state] : cache.databases()) {
        const auto key = key_of(*state.record);
        const auto object = observed.find(key);
        if (object != observed.end() && object->second->exists) continue;
        plan.push_back({.action = adoption_action::missing, .key = key, .database_id = id});
    }
    std::ranges::sort(plan, {}, &adoption_entry::key);
    return plan;
}

aio::task<std::size_t> adopt(const std::vector<adoption_entry>& plan, state_cache& cache,
                             record_repository& records, base::instant now) {
    std::size_t count = 0;
    for (const auto& entry : plan) {
        if (entry.action != adoption_action::adopt) continue;
        const auto& project = entry.key.project;
        if (!cache.project(project)) {
            auto stored = co_await records.put_project(
                {.name = project, .created_at = now, .updated_at = now});
            if (!stored) co_return base::pass(std::move(stored), project);
        }
        auto stored = co_await records.create(entry.record);
        if (!stored) co_return base::pass(std::move(stored), entry.database_id);
        ++count;
    }
    co_return count;
}

}  // namespace app
