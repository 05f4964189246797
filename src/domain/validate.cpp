#include "domain/validate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/json_pointer.hpp"
#include "base/quantity.hpp"
#include "base/time_text.hpp"
#include "base/utf8.hpp"
#include "domain/engine_limits.hpp"
#include "domain/engines.hpp"
#include "domain/field_errors.hpp"
#include "domain/operation_lifecycle.hpp"
#include "domain/quantity_rules.hpp"
#include "domain/text_rules.hpp"
#include "domain/validate_schedule.hpp"
#include "domain/validate_topology.hpp"

namespace domain {
namespace {

using base::errc;

constexpr std::size_t labels_max = 32;
constexpr std::size_t label_key_bytes_max = 253 + 1 + 63;
constexpr std::size_t display_name_length_max = 200;

void check_label(const std::string& key, const std::string& value, field_errors& errors) {
    if (key.size() > label_key_bytes_max) {
        // Its pointer would be as long, and a shorter one would lead nowhere.
        errors.add("/labels", "bad_label_key",
                   fmt::format("a label key has up to {} bytes", label_key_bytes_max));
        return;
    }
    const auto pointer = base::pointer_to("/labels", key);
    const auto slash = key.find('/');
    const auto prefix =
        slash == std::string::npos ? std::string_view() : std::string_view(key).substr(0, slash);
    const auto word = slash == std::string::npos ? std::string_view(key)
                                                 : std::string_view(key).substr(slash + 1);
    if (!is_label_word(word) || (slash != std::string::npos && !is_dns_subdomain(prefix))) {
        errors.add(
            pointer, "bad_label_key",
            "a label key is [domain/]name; the name has up to 63 letters, digits, '-', '_', '.'");
        return;
    }
    if (const auto domain = reserved_domain_of(key); !domain.empty()) {
        errors.add(pointer, "reserved_label", fmt::format("labels of {} are reserved", domain));
    }
    if (!value.empty() && !is_label_word(value)) {
        errors.add(pointer, "bad_label_value",
                   "a label value has up to 63 letters, digits, '-', '_', '.', and begins and ends "
                   "with a letter or digit");
    }
}

bool are_too_many(std::size_t count, std::size_t max, field_errors& errors) {
    if (count <= max) return false;
    errors.add("/labels", "too_many",
               fmt::format("{} labels are too many: at most {}", count, max));
    return true;
}

void check_labels(const domain::labels& labels, field_errors& errors) {
    if (are_too_many(labels.size(), labels_max, errors)) return;
    for (const auto& [key, value] : labels) check_label(key, value, errors);
}

// `may_remove`: null deletes a label; otherwise null is an error.
void patch_labels(const label_changes& changes, bool may_remove, domain::labels& labels,
                  field_errors& errors) {
    // At most: delete every present label and add as many.
    if (are_too_many(changes.size(), 2 * labels_max, errors)) return;
    for (const auto& [key, value] : changes) {
        if (value) {
            labels[key] = *value;
        } else if (may_remove) {
            labels.erase(key);
        } else {
            errors.add(base::pointer_to("/labels", key), "wrong_type", "must be a string");
        }
    }
    check_labels(labels, errors);
}

void check_name(const std::optional<std::string>& name, std::string_view pointer,
                field_errors& errors) {
    if (!name) {
        errors.add(std::string(pointer), "required", "must be given");
    } else if (!is_valid_name(*name)) {
        errors.add(std::string(pointer), "bad_name",
                   fmt::format("a name has 1 to {} characters of a-z, 0-9 and '-', begins with a "
                               "letter, ends with a letter or digit, and does not end in {}",
                               name_length_max, fmt::join(reserved_endings, ", ")));
    }
}

void read_version(const std::optional<std::string>& wanted, const engine_rules& rules,
                  const engine_offer& offer, database& record, field_errors& errors) {
    if (!offer.installed) {
        errors.add("/engine", "engine_not_installed",
                   fmt::format("{} is not installed in the cluster", rules.display_name));
        return;
    }
    if (!wanted) {
        if (offer.versions.empty()) {
            errors.add(
                "/version", "version_not_found",
                fmt::format("the cluster's catalogue has no version of {}", rules.display_name));
        } else {
            record.version = offer.versions.front();
        }
        return;
    }
    record.version = *wanted;
    if (std::ranges::find(offer.versions, *wanted) != offer.versions.end()) return;
    const bool deprecated =
        std::ranges::find(offer.deprecated_versions, *wanted) != offer.deprecated_versions.end();
    std::vector<std::string_view> shown(
        offer.versions.begin(),
        offer.versions.begin() + std::ptrdiff_t(std::min<std::size_t>(offer.versions.size(), 12)));
    errors.add("/version", deprecated ? "version_deprecated" : "version_not_found",
               fmt::format("{} is {}; available: {}", base::truncate_utf8(*wanted, 40),
                           deprecated ? "deprecated" : "not in the cluster's catalogue",
                           fmt::join(shown, ", ")));
}

// As a client reads them, so that it may send back what it has read.
bool is_as_present(const database& present, std::string_view member, std::string_view text) {
    const auto flag = [](bool value) { return value ? "true" : "false"; };
    // Derived: not desired fields.
    if (member == "status" || member.starts_with("next_schedule_change")) return true;
    if (member == "id") return text == present.id;
    if (member == "project") return text == present.project;
    if (member == "name") return text == present.name;
    if (member == "engine") return text == present.engine;
    if (member == "version") return text == present.version;
    if (member == "monitoring") return text == flag(present.monitoring);
    if (member == "deleted") return text == flag(present.deleted);
    if (member == "revision") return text == std::to_string(present.revision);
    if (member == "created_at") return text == base::to_rfc3339(present.created_at);
    if (member == "updated_at") return text == base::to_rfc3339(present.updated_at);
    return false;
}

bool has_scaled(const database& before, const database& after) noexcept {
    return before.topology != after.topology;
}

// Whether the database is in a state in which that change can be asked for.
base::outcome<void> check_moment(const database& present, const database& next) {
    const auto* active = active_operation(present);
    const bool changes_object = has_scaled(present, next) || next.paused != present.paused;
    if (changes_object && present.object_uid.empty() && active == nullptr) {
        return base::fail(errc::conflict, "the database's creation failed; recreate or delete it",
                          "not_created");
    }
    const bool is_updating = active != nullptr && active->kind == operation_kind::update;
    if (next.paused && !present.paused && is_updating) {
        return base::fail(errc::conflict,
                          "a change of the database is under way; pause it when that has ended",
                          "change_in_progress");
    }
    if (has_scaled(present, next) && (present.paused || next.paused)) {
        return base::fail(errc::conflict, "a paused database cannot be scaled; resume it first",
                          "paused");
    }
    return {};
}

}  // namespace

base::outcome<database> validate_create(const create_request& wanted, const engine_offer& offer) {
    field_errors errors(wanted.unread);
    database record;
    check_name(wanted.project, "/project", errors);
    check_name(wanted.name, "/name", errors);
    record.project = wanted.project.value_or("");
    record.name = wanted.name.value_or("");
    const engine_rules* rules = nullptr;
    if (!wanted.engine) {
        errors.add("/engine", "required", "must be given");
    } else if (rules = find_engine(*wanted.engine); rules == nullptr) {
        std::vector<std::string_view> names;
        for (const auto& known : all_engines()) names.push_back(known.engine);
        errors.add("/engine", "unknown_engine",
                   fmt::format("known engines: {}", fmt::join(names, ", ")));
    }
    if (wanted.labels) {
        check_labels(*wanted.labels, errors);
        record.labels = *wanted.labels;
    }
    if (rules != nullptr) {
        record.engine = rules->engine;
        read_version(wanted.version, *rules, offer, record, errors);
        record.topology =
            read_shape({wanted.topology, wanted.size, wanted.storage}, *rules, nullptr, errors);
        errors.add(creation_errors(record, *rules));
    }
    if (wanted.schedule && *wanted.schedule) {
        record.schedule = read_schedule(**wanted.schedule, nullptr, errors);
        if (rules != nullptr) check_schedule_support(*rules, record.topology, errors);
    }
    record.deletion_protection = wanted.deletion_protection.value_or(false);
    record.monitoring = wanted.monitoring.value_or(true);
    if (!errors.empty()) return std::move(errors).fail();
    return record;
}

base::outcome<database> validate_patch(const database& present, const patch_request& wanted) {
    if (present.deleted) {
        return base::fail(errc::conflict, "the database is being deleted", "being_deleted");
    }
    const auto* rules = find_engine(present.engine);
    if (rules == nullptr) return base::fail(errc::internal, "the record names an unknown engine");
    field_errors errors(wanted.unread);
    for (const auto& [member, text] : wanted.immutable) {
        if (is_as_present(present, member, text)) continue;
        errors.add(base::pointer_to("", member), "immutable",
                   "cannot be changed after creation" +
                       std::string(member == "version" ? "; upgrades are not available yet" : ""));
    }
    database next = present;
    next.topology = read_shape({wanted.topology, wanted.size, wanted.storage}, *rules,
                               &present.topology, errors);
    const bool crosses = next.topology.mode != present.topology.mode;
    if (crosses && (!rules->scales_to_standalone || next.topology.mode == topology_mode::cluster ||
                    present.topology.mode == topology_mode::cluster)) {
        errors.add("/topology/mode", "immutable",
                   fmt::format("{} cannot change from {} to {}", rules->display_name,
                               name(present.topology.mode), name(next.topology.mode)));
    }
    errors.add(scaling_errors(present.topology, next.topology, *rules));
    const bool ephemeral = present.topology.data().storage.type == storage_type::ephemeral;
    if (wanted.labels) patch_labels(*wanted.labels, true, next.labels, errors);
    next.deletion_protection = wanted.deletion_protection.value_or(present.deletion_protection);
    if (wanted.paused && *wanted.paused && !rules->can_pause) {
        errors.add("/paused", "unsupported",
                   fmt::format("{} cannot be paused", rules->display_name));
    }
    if (ephemeral && wanted.paused.value_or(false) && !present.paused) {
        errors.add("/paused", "unsupported",
                   "a database with ephemeral storage cannot be paused: its data would be lost");
    }
    next.paused = wanted.paused.value_or(present.paused);
    if (wanted.schedule) {
        const auto* const before = present.schedule ? &*present.schedule : nullptr;
        next.schedule =
            *wanted.schedule ? read_schedule(**wanted.schedule, before, errors) : std::nullopt;
        if (*wanted.schedule) check_schedule_support(*rules, next.topology, errors);
    }
    if (!errors.empty()) return std::move(errors).fail();
    if (auto allowed = check_moment(present, next); !allowed) {
        return base::pass(std::move(allowed));
    }
    return next;
}

base::outcome<project> validate_project(const project* present, const project_request& wanted) {
    field_errors errors(wanted.unread);
    project next = present != nullptr ? *present : project{};
    if (present == nullptr) {
        check_name(wanted.name, "/name", errors);
        next.name = wanted.name.value_or("");
    } else if (wanted.name && *wanted.name != present->name) {
        errors.add("/name", "immutable", "cannot be changed after creation");
    }
    if (wanted.display_name) {
        if (length_of(*wanted.display_name) > display_name_length_max) {
            errors.add("/display_name", "too_long",
                       fmt::format("at most {} characters", display_name_length_max));
        }
        next.display_name = *wanted.display_name;
    }
    if (wanted.labels) patch_labels(*wanted.labels, present != nullptr, next.labels, errors);
    if (wanted.max_databases) {
        if (*wanted.max_databases < 0 || *wanted.max_databases > 100'000) {
            errors.add("/quota/databases", "out_of_range", "must be from 0 (no limit) to 100000");
        }
        next.max_databases = *wanted.max_databases;
    }
    const auto quantity = [&](const std::optional<std::string>& text, quantity_unit unit,
                              const char* pointer, std::int64_t& out) {
        if (!text) return;
        constexpr quantity_range range{.min = 0, .max = std::int64_t(1) << 60};
        if (const auto value = read_quantity(*text, unit, pointer, range, errors)) out = *value;
    };
    quantity(wanted.max_cpu, quantity_unit::cpu_millis, "/quota/cpu", next.max_cpu_millis);
    quantity(wanted.max_memory, quantity_unit::bytes, "/quota/memory", next.max_memory_bytes);
    quantity(wanted.max_storage, quantity_unit::bytes, "/quota/storage", next.max_storage_bytes);
    if (!errors.empty()) return std::move(errors).fail();
    return next;
}

}  // namespace domain
