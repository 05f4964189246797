#include "domain/enum_names.hpp"

#include <array>

#include "domain/observed.hpp"
#include "domain/operation.hpp"
#include "domain/status.hpp"
#include "domain/topology.hpp"

namespace domain {
namespace {

// One table per enumeration; the position of a name is the value.
constexpr std::array<std::string_view, 3> topology_modes{"standalone", "replicated", "cluster"};
constexpr std::array<std::string_view, 2> storage_types{"durable", "ephemeral"};
constexpr std::array<std::string_view, 6> operation_kinds{"create", "update",   "pause",
                                                          "resume", "recreate", "delete"};
constexpr std::array<std::string_view, 6> operation_phases{"queued", "running",   "succeeded",
                                                           "failed", "cancelled", "superseded"};
constexpr std::array<std::string_view, 8> observed_phases{
    "none", "provisioning", "restoring", "ready", "critical", "not_ready", "halted", "unknown"};
constexpr std::array<std::string_view, 4> change_kinds{"vertical_scaling", "horizontal_scaling",
                                                       "volume_expansion", "restart"};
constexpr std::array<std::string_view, 6> change_phases{"pending", "progressing", "successful",
                                                        "failed",  "skipped",     "denied"};
constexpr std::array<std::string_view, 9> status_phases{"provisioning", "running", "updating",
                                                        "degraded",     "paused",  "restoring",
                                                        "deleting",     "failed",  "unknown"};

// The last enumerator of each table, so that a new enumerator without a name does not compile.
static_assert(topology_modes.size() == std::size_t(topology_mode::cluster) + 1);
static_assert(storage_types.size() == std::size_t(storage_type::ephemeral) + 1);
static_assert(operation_kinds.size() == std::size_t(operation_kind::delete_database) + 1);
static_assert(operation_phases.size() == std::size_t(operation_phase::superseded) + 1);
static_assert(observed_phases.size() == std::size_t(observed_phase::unknown) + 1);
static_assert(change_kinds.size() == std::size_t(change_kind::restart) + 1);
static_assert(change_phases.size() == std::size_t(change_phase::denied) + 1);
static_assert(status_phases.size() == std::size_t(status_phase::unknown) + 1);

}  // namespace

std::string_view name(topology_mode value) noexcept {
    return topology_modes[std::size_t(value)];
}
std::string_view name(storage_type value) noexcept {
    return storage_types[std::size_t(value)];
}
std::string_view name(operation_kind value) noexcept {
    return operation_kinds[std::size_t(value)];
}
std::string_view name(operation_phase value) noexcept {
    return operation_phases[std::size_t(value)];
}
std::string_view name(observed_phase value) noexcept {
    return observed_phases[std::size_t(value)];
}
std::string_view name(change_kind value) noexcept {
    return change_kinds[std::size_t(value)];
}
std::string_view name(change_phase value) noexcept {
    return change_phases[std::size_t(value)];
}
std::string_view name(status_phase value) noexcept {
    return status_phases[std::size_t(value)];
}

template <>
std::span<const std::string_view> names_of<topology_mode>() noexcept {
    return topology_modes;
}
template <>
std::span<const std::string_view> names_of<storage_type>() noexcept {
    return storage_types;
}
template <>
std::span<const std::string_view> names_of<operation_kind>() noexcept {
    return operation_kinds;
}
template <>
std::span<const std::string_view> names_of<operation_phase>() noexcept {
    return operation_phases;
}
template <>
std::span<const std::string_view> names_of<status_phase>() noexcept {
    return status_phases;
}

std::optional<topology_mode> topology_mode_from(std::string_view text) noexcept {
    return value_of<topology_mode>(topology_modes, text);
}
std::optional<storage_type> storage_type_from(std::string_view text) noexcept {
    return value_of<storage_type>(storage_types, text);
}
std::optional<operation_kind> operation_kind_from(std::string_view text) noexcept {
    return value_of<operation_kind>(operation_kinds, text);
}
std::optional<operation_phase> operation_phase_from(std::string_view text) noexcept {
    return value_of<operation_phase>(operation_phases, text);
}
std::optional<status_phase> status_phase_from(std::string_view text) noexcept {
    return value_of<status_phase>(status_phases, text);
}

}  // namespace domain
