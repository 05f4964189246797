#include "api/read_model/list_index.hpp"

#include <functional>

#include "domain/engines.hpp"

namespace api {

std::size_t hash_of(std::string_view text) noexcept {
    return std::hash<std::string_view>{}(text);
}

std::uint64_t label_bit(std::string_view key, std::string_view value) noexcept {
    return std::uint64_t{1} << ((hash_of(key) * 31 + hash_of(value)) >> 58U);
}

std::uint64_t part_bits(std::string_view name) noexcept {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i + 3 <= name.size(); ++i) {
        const auto part = static_cast<std::uint64_t>(static_cast<unsigned char>(name[i])) << 16 |
                          static_cast<std::uint64_t>(static_cast<unsigned char>(name[i + 1])) << 8 |
                          static_cast<unsigned char>(name[i + 2]);
        bits |= std::uint64_t{1} << (part * 0x9E3779B97F4A7C15ULL >> 58U);
    }
    return bits;
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
                 .parts = part_bits(record.name),
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

}  // namespace api
