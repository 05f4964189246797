#include "domain/preset_rules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

namespace domain {
namespace {

// Returns the JSON pointers of the members that a preset does not have. The bindings name every
// member of the request, so that a new one does not compile before its case is decided here.
// Labels belong to them: they are written to the objects in the cluster, whose policies read them.
std::vector<std::string_view> members_beyond_preset(const create_request& wanted) {
    const auto& [project, name, engine, version, topology, size, storage, labels,
                 deletion_protection, monitoring, schedule, unread] = wanted;
    std::vector<std::string_view> result;
    const auto check = [&result](bool is_given, std::string_view pointer) {
        if (is_given) result.push_back(pointer);
    };
    check(version.has_value(), "/version");
    check(topology.has_value(), "/topology");
    if (size) {
        // Without any of the three, the size is the default or not valid.
        const auto& [preset, cpu, memory] = *size;
        check(cpu.has_value(), "/size/cpu");
        check(memory.has_value(), "/size/memory");
    }
    check(storage.has_value(), "/storage");
    check(labels.has_value(), "/labels");
    check(deletion_protection.has_value(), "/deletion_protection");
    check(monitoring.has_value(), "/monitoring");
    check(schedule.has_value(), "/schedule");
    return result;
}

}  // namespace

base::outcome<void> check_creation(const principal& caller, const create_request& wanted) {
    if (!wanted.project) return base::ok();
    const resource target{.project = *wanted.project};
    const auto decision = permits(caller, permission::create_databases, target);
    if (decision) return base::ok();
    if (!permits(caller, permission::create_databases_from_preset, target)) {
        return base::fail(base::errc::denied, explain(decision, target));
    }
    const auto members = members_beyond_preset(wanted);
    if (members.empty()) return base::ok();
    base::failure failure{
        .code = base::errc::denied,
        .text = fmt::format(
            "{}: must not be set with the permission {} alone, and {}", fmt::join(members, ", "),
            name(permission::create_databases_from_preset), explain(decision, target))};
    failure.set_cause(creation_cause::exceeds_preset);
    for (const auto pointer : members) {
        failure.fields.push_back(
            {.pointer = std::string(pointer),
             .code = failure.reason,
             .message = fmt::format("must not be set without the permission {}",
                                    name(permission::create_databases))});
    }
    return std::unexpected(std::move(failure));
}

}  // namespace domain
