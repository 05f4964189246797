#pragma once
// Reads one node group of a request: members, size and storage, with the errors of each field.
// Pure.

#include <cstdint>
#include <optional>
#include <string>

#include "domain/engines.hpp"
#include "domain/field_errors.hpp"
#include "domain/requests.hpp"

namespace domain {

// One group of a request, and the JSON pointers of its parts.
struct group_source {
    std::optional<std::int64_t> replicas;
    const size_request* size = nullptr;
    const storage_request* storage = nullptr;
    std::string replicas_pointer;
    std::string size_pointer;
    std::string storage_pointer;
};

// The rules of the group that is read.
struct group_context {
    const engine_rules& rules;
    const group_rules* group = nullptr;  // nullptr for the data group
    bool is_create = false;              // of the database: a size must be complete
    bool is_new = false;  // the present topology has no such group; its values are the defaults
    bool has_storage = false;

    // "PostgreSQL", "the router group of MongoDB"
    [[nodiscard]] std::string label() const;
};

template <class Part>
const Part* pointer_to_value(const std::optional<Part>& part) noexcept {
    return part ? &*part : nullptr;
}

// Returns the entry `index` of topology.groups.
group_source source_of(const group_request& wanted, std::size_t index);

// Limits the number to the range of int that validation distinguishes.
int clamp_to_int(std::int64_t value) noexcept;

// Returns the group after the request. `base` holds the values of fields that are left out. Adds
// every error to `errors`.
node_group read_group(const group_source& source, const group_context& context,
                      const node_group& base, field_errors& errors);

// Adds an error for each difference of the groups that the rules do not allow after creation.
// Precondition: the context has the rules of a group other than the data group.
void check_group_change(const group_source& source, const group_context& context,
                        const node_group& present, const node_group& next, field_errors& errors);

}  // namespace domain
