#pragma once
// The series of one database on the page /metrics/databases, encoded when the database changes. The
// page groups lines by family, so a database keeps its labels once and the rest of each line. Pure.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/database_view.hpp"
#include "base/clock.hpp"

namespace api {

struct series_family {
    std::string name;  // "dbaas_database_connections_current"
    std::string help;
    bool is_info = false;      // OpenMetrics: type info, whose samples end with _info
    bool needs_fresh = false;  // left out while the metrics of the database are not fresh
};
// Returns the families of the page in their order. The first ones describe the database, the others
// are the metrics of domain/metric.hpp.
std::span<const series_family> series_families();
// The index of the family whose value depends on the time of the request.
inline constexpr std::size_t fresh_family = 2;

struct database_series {
    std::string labels{};   // {database_id="...",project="...",database="...",engine="..."
    std::string endings{};  // further labels, "} VALUE\n" per family
    std::vector<std::uint16_t> ends{};  // of each family in `endings`; equal to the previous: none

    [[nodiscard]] std::string_view ending(std::size_t family) const noexcept {
        const std::size_t begin = family == 0 ? 0 : ends[family - 1];
        return std::string_view(endings).substr(begin, ends[family] - begin);
    }
};

database_series encode_series(const app::database_view& view);

}  // namespace api
