#pragma once
// The databases in the sort orders of lists. Each row holds the filtered values next to the
// database, so that a filter over all of them reads one compact array; a search reads the joined
// names. A value: copies share their content (chunked_list). Pure.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/read_model/chunked_list.hpp"
#include "api/read_model/joined_names.hpp"
#include "domain/desired.hpp"
#include "domain/operation.hpp"
#include "domain/status.hpp"

namespace api {

struct database_slot;

// A database as it was indexed; immutable.
struct listed_database {
    std::shared_ptr<const domain::database> record;
    std::shared_ptr<database_slot> slot;
    domain::status_phase phase = domain::status_phase::unknown;
};

struct list_row {
    std::shared_ptr<const listed_database> database;
    std::size_t project = 0;   // hash of the name
    std::uint64_t labels = 0;  // a bit per label, by hash: a clear bit means an absent label
    std::uint16_t phase = 0;   // a bit per phase
    std::uint8_t engine = 0;   // index in domain::all_engines(), or the number of engines
};

list_row make_row(std::shared_ptr<const listed_database> database);
std::size_t hash_of(std::string_view text) noexcept;
std::uint64_t label_bit(std::string_view key, std::string_view value) noexcept;
constexpr std::uint16_t phase_bit(domain::status_phase phase) noexcept {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(phase));
}
std::uint8_t engine_index(std::string_view engine) noexcept;

// An order by two members of the record. Cursors hold a key.
template <auto First, auto Second>
struct order_by {
    static auto key_of(const domain::database& record) {
        return std::tie(record.*First, record.*Second);
    }
    using key = std::tuple<std::remove_cvref_t<decltype(std::declval<domain::database>().*First)>,
                           std::remove_cvref_t<decltype(std::declval<domain::database>().*Second)>>;
    bool operator()(const list_row& a, const list_row& b) const {
        return key_of(*a.database->record) < key_of(*b.database->record);
    }
};
using order_by_name = order_by<&domain::database::name, &domain::database::project>;
using order_by_creation = order_by<&domain::database::created_at, &domain::database::id>;
using order_by_update = order_by<&domain::database::updated_at, &domain::database::id>;

// The column of the rows' names (chunked_list).
class name_column {
  public:
    name_column() = default;
    void insert(std::size_t index, const list_row& row) {
        names_.insert(index, row.database->record->name);
    }
    void erase(std::size_t index) { names_.erase(index); }
    name_column split(std::size_t index) { return name_column(names_.split(index)); }
    void append(const name_column& other) { names_.append(other.names_); }
    [[nodiscard]] const joined_names& names() const noexcept { return names_; }

  private:
    explicit name_column(joined_names names) : names_(std::move(names)) {}
    joined_names names_;
};

struct list_index {
    chunked_list<list_row, order_by_name, name_column> by_name;
    chunked_list<list_row, order_by_creation> by_creation;
    chunked_list<list_row, order_by_update> by_update;

    // `before` is the database of the previous put(); null for a new one.
    void put(const std::shared_ptr<const listed_database>& before,
             std::shared_ptr<const listed_database> now);
    void erase(const std::shared_ptr<const listed_database>& last);

    // Returns the row of the database with this id, name and project, or null. The address is valid
    // while a copy of this version exists.
    [[nodiscard]] const list_row* row_of(const domain::database& record) const;
    // Return the rows with this name, and those whose name contains `part`, in the order of
    // `by_name`. The addresses are valid while a copy of this version exists. Precondition: `part`
    // is not empty.
    [[nodiscard]] std::vector<const list_row*> rows_named(std::string_view name) const;
    [[nodiscard]] std::vector<const list_row*> rows_with(std::string_view part) const;
};

// Operations, newest first: all of them, and grouped by database.
using operation_pointer = std::shared_ptr<const domain::operation>;
struct newest_first {
    static auto key_of(const domain::operation& operation) {
        return std::tie(operation.created_at, operation.id);
    }
    bool operator()(const operation_pointer& a, const operation_pointer& b) const {
        return key_of(*b) < key_of(*a);
    }
};
struct newest_of_database_first {
    bool operator()(const operation_pointer& a, const operation_pointer& b) const {
        if (a->database_id != b->database_id) return a->database_id < b->database_id;
        return newest_first()(a, b);
    }
};

}  // namespace api
