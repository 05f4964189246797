#include "api/read_model/list_index.hpp"

#include <functional>
#include <span>

#include "domain/engines.hpp"

namespace api {

std::size_t hash_of(std::string_view text) noexcept {
    return std::hash<std::string_view>{}(text);
}

std::uint64_t label_bit(std::string_view key, std::string_view value) noexcept {
    return std::uint64_t{1} << ((hash_of(key) * 31 + hash_of(value)) >> 58U);
}

std::uint8_t engine_index(std::string_view engine) noexcept {
    std::uint8_t index = 0;
    for (const auto& rules : domain::all_engines()) {
        if (rules.engine == engine) return index;
        ++index;
    }
    return index;
}

list_row make_row(std::shared_ptr<const listed_database> database) {
    const auto& record = *database->record;
    list_row row{.project = hash_of(record.project),
                 .phase = phase_bit(database->phase),
                 .engine = engine_index(record.engine)};
    for (const auto& [key, value] : record.labels) row.labels |= label_bit(key, value);
    row.database = std::move(database);
    return row;
}

void list_index::put(const std::shared_ptr<const listed_database>& before,
                     std::shared_ptr<const listed_database> now) {
    const auto row = make_row(std::move(now));
    if (before && before->record->updated_at != row.database->record->updated_at) {
        by_update.erase({.database = before});
    }
    by_name.put(row);
    by_creation.put(row);
    by_update.put(row);
}

void list_index::erase(const std::shared_ptr<const listed_database>& last) {
    const list_row row{.database = last};
    by_name.erase(row);
    by_creation.erase(row);
    by_update.erase(row);
}

const list_row* list_index::row_of(const domain::database& record) const {
    const auto row = by_name.partition_point([&](const list_row& each) {
        return order_by_name::key_of(*each.database->record) < order_by_name::key_of(record);
    });
    // Another database may have taken the name.
    const bool is_found = row != by_name.end() && row->database->record->id == record.id;
    return is_found ? &*row : nullptr;
}

std::vector<const list_row*> list_index::rows_named(std::string_view name) const {
    auto row = by_name.partition_point(
        [&](const list_row& each) { return each.database->record->name < name; });
    std::vector<const list_row*> rows;
    for (; row != by_name.end() && row->database->record->name == name; ++row) {
        rows.push_back(&*row);
    }
    return rows;
}

std::vector<const list_row*> list_index::rows_with(std::string_view part) const {
    std::vector<const list_row*> rows;
    by_name.for_each_chunk([&](std::span<const list_row> values, const name_column& column) {
        column.names().find(part, [&](std::size_t index) { rows.push_back(&values[index]); });
    });
    return rows;
}

}  // namespace api
