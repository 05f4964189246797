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
    for (std::size_t at = 0; at + 3 <= name.size(); ++at) {
        const auto part = static_cast<std::uint64_t>(static_cast<unsigned char>(name[at])) << 16 |
                          static_cast<std::uint64_t>(static_cast<unsigned char>(name[at + 1]))
                              << 8 |
                          static_cast<unsigned char>(name[at + 2]);
        bits |= std::uint64_t{1} << (part * 0x9E3779B97F4A7C15ULL >> 58U);
    }
    return bits;
}

std::uint8_t engine_place(std::string_view engine) noexcept {
    std::uint8_t place = 0;
    for (const auto& each : domain::all_engines()) {
        if (each.engine == engine) return place;
        ++place;
    }
    return place;
}

list_row make_row(std::shared_ptr<const listed_database> what) {
    const auto& record = *what->record;
    list_row row{.project = hash_of(record.project),
                 .parts = part_bits(record.name),
                 .phase = phase_bit(what->phase),
                 .engine = engine_place(record.engine)};
    for (const auto& [key, value] : record.labels) row.labels |= label_bit(key, value);
    row.what = std::move(what);
    return row;
}

void list_index::put(const std::shared_ptr<const listed_database>& before,
                     std::shared_ptr<const listed_database> now) {
    const auto row = make_row(std::move(now));
    if (before && before->record->updated_at != row.what->record->updated_at) {
        by_update.erase({.what = before});
    }
    by_name.put(row);
    by_creation.put(row);
    by_update.put(row);
}

void list_index::erase(const std::shared_ptr<const listed_database>& last) {
    const list_row row{.what = last};
    by_name.erase(row);
    by_creation.erase(row);
    by_update.erase(row);
}

}  // namespace api
