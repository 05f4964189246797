#pragma once
// Records for database objects of the cluster that carry the id of a database and have no record,
// because the store was lost or is older than they are. Compares records and objects in both
// directions. Changes nothing in the cluster. The plan is pure.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/record_repository.hpp"
#include "ports/cluster.hpp"

namespace app {

enum class adoption_action : std::uint8_t {
    adopt,     // the object has no record: one will be made
    keep,      // the record and its object agree
    missing,   // the record has no object: a client must recreate it
    foreign,   // the platform did not create the object
    conflict,  // the object and a record contradict each other
};
std::string_view name(adoption_action action) noexcept;

struct adoption_entry {
    adoption_action action = adoption_action::keep;
    ports::database_key key{};
    std::string database_id{};
    std::string detail{};       // of a conflict
    domain::database record{};  // of adopt
};

using observed_databases =
    std::map<ports::database_key, std::shared_ptr<const domain::observed_database>>;

// Compares the objects of the whole cluster with the records of the whole store. An adopted record
// is protected against deletion. Sorted by key.
std::vector<adoption_entry> plan_adoption(const observed_databases& observed,
                                          const state_cache& cache, base::instant now);

// Stores the records of the entries with adopt, and their projects if they do not exist. After an
// error, load the records again and repeat it with a new plan. Returns the number of stored
// databases. Errors: those of the store.
aio::task<std::size_t> adopt(const std::vector<adoption_entry>& plan, state_cache& cache,
                             record_repository& records, base::instant now);

}  // namespace app
