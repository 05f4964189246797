#include "kube/lease_state.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/time_text.hpp"
#include "json/json_access.hpp"

namespace kube {
namespace {

using std::chrono::seconds;

constexpr std::string_view api_version = "coordination.k8s.io/v1";
// Of a lease that does not say it; client-go's usual.
constexpr seconds duration_unstated{15};
// A longer one is no lease; it also keeps the sums below from overflowing.
constexpr seconds duration_max{24 * 60 * 60};
constexpr std::chrono::hours retention{48};
static_assert(retention > duration_max);

const json::object& spec_of(const json::object& lease) {
    return json::object_or_empty(lease, "spec");
}

std::string holder_of(const json::object& lease) {
    return std::string(json::text_at(spec_of(lease), "holderIdentity"));
}

seconds duration_of(const json::object& lease) {
    const auto stated = json::number_at(spec_of(lease), "leaseDurationSeconds").value_or(0);
    if (stated <= 0) return duration_unstated;
    return seconds(std::min<std::int64_t>(stated, duration_max.count()));
}

// A PUT that changes nothing gets no new version, and other processes would not observe the
// renewal.
std::string renewal_time(const json::object& spec, base::instant wall) {
    auto text = base::to_rfc3339_micro(wall);
    if (text != json::text_at(spec, "renewTime")) return text;
    return base::to_rfc3339_micro(wall + std::chrono::microseconds(1));
}

// The object to write: as it was seen, with its version and with what we do not know of. Items of a
// list do not say their kind.
json::object body_of(const json::object& lease) {
    auto body = lease;
    body["apiVersion"] = api_version;
    body["kind"] = "Lease";
    for (const auto* part : {"metadata", "spec"}) {
        if (!body[part].is_object()) body[part] = json::object{};
    }
    return body;
}

}  // namespace

const lease_state::known_lease* lease_state::find(const std::string& name) const {
    const auto entry = known_.find(name);
    return entry == known_.end() ? nullptr : &entry->second;
}

// ---- what to do ----------------------------------------------------------------------

lease_state::action lease_state::to_hold(const claim& wanted, bool has_read, moment time) const {
    const auto* known = find(wanted.name);
    if (known == nullptr) {
        if (!has_read) return {.kind = action_kind::read};
        return {.kind = action_kind::create, .body = first_body(wanted, time)};
    }
    const auto holder = holder_of(known->object);
    if (known->is_unconfirmed || (holder != wanted.holder && !has_read))
        return {.kind = action_kind::read};
    if (holder != wanted.holder && !live_holder(wanted.name, time.now).empty()) {
        return {.kind = action_kind::reject};
    }
    return {.kind = action_kind::update, .body = next_body(*known, wanted, time)};
}

lease_state::action lease_state::to_release(const std::string& name, const std::string& holder,
                                            bool has_read, moment time) const {
    const auto* known = find(name);
    const bool is_ours = known != nullptr && !known->is_unconfirmed && !holder.empty() &&
                         holder_of(known->object) == holder;
    if (!is_ours) return {.kind = has_read ? action_kind::nothing : action_kind::read};
    auto body = body_of(known->object);
    auto& spec = body["spec"].get_object();
    spec["renewTime"] = renewal_time(spec, time.wall);
    spec.erase("holderIdentity");
    return {.kind = action_kind::update, .body = std::move(body)};
}

json::object lease_state::first_body(const claim& wanted, moment time) const {
    const auto now_text = base::to_rfc3339_micro(time.wall);
    json::object metadata{{"name", wanted.name}, {"namespace", ns_}};
    add_labels(metadata);
    return {{"apiVersion", api_version},
            {"kind", "Lease"},
            {"metadata", std::move(metadata)},
            {"spec",
             {{"holderIdentity", wanted.holder},
              {"leaseDurationSeconds", wanted.duration.count()},
              {"acquireTime", now_text},
              {"renewTime", now_text},
              {"leaseTransitions", 0}}}};
}

json::object lease_state::next_body(const known_lease& known, const claim& wanted,
                                    moment time) const {
    auto body = body_of(known.object);
    add_labels(body["metadata"].get_object());
    auto& spec = body["spec"].get_object();
    const bool changes_hands = holder_of(known.object) != wanted.holder;
    spec["renewTime"] = renewal_time(spec, time.wall);
    spec["leaseDurationSeconds"] = wanted.duration.count();
    if (changes_hands) {
        spec["holderIdentity"] = wanted.holder;
        spec["acquireTime"] = base::to_rfc3339_micro(time.wall);
        spec["leaseTransitions"] = json::number_at(spec, "leaseTransitions").value_or(0) + 1;
    }
    return body;
}

void lease_state::add_labels(json::object& metadata) const {
    if (labels_.empty()) return;
    if (json::object_at(metadata, "labels") == nullptr) metadata["labels"] = json::object{};
    auto& labels = metadata["labels"].get_object();
    for (const auto& [key, value] : labels_) labels[key] = value;
}

// ---- what is known -------------------------------------------------------------------

void lease_state::on_observed(base::steady_time now, const std::string& name, json::object lease) {
    const auto [entry, is_new] = known_.try_emplace(name);
    auto& known = entry->second;
    // The spec and not the version: a label change must not extend the lease.
    if (is_new || spec_of(known.object) != spec_of(lease)) known.changed_at = now;
    known.object = std::move(lease);
    if (auto* metadata = known.object["metadata"].if_object()) metadata->erase("managedFields");
    known.is_unconfirmed = false;
    known.observed_at = now;
}

void lease_state::on_absent(const std::string& name) {
    known_.erase(name);
}

void lease_state::on_unconfirmed_write(const std::string& name) {
    const auto entry = known_.find(name);
    if (entry != known_.end()) entry->second.is_unconfirmed = true;
}

std::string lease_state::live_holder(const std::string& name, base::steady_time now) const {
    const auto* known = find(name);
    if (known == nullptr) return {};
    const bool has_expired = now - known->changed_at >= duration_of(known->object);
    return has_expired ? std::string() : holder_of(known->object);
}

void lease_state::forget_old(base::steady_time now) {
    std::erase_if(known_,
                  [&](const auto& each) { return now - each.second.observed_at > retention; });
}

}  // namespace kube
