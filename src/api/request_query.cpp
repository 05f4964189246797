#include "api/request_query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace api {

std::string_view name(request_cause) noexcept {
    return "bad_request";
}

std::unexpected<base::failure> bad_request(std::string text) {
    return base::fail(base::errc::invalid, std::move(text), request_cause::bad_request);
}

base::outcome<std::vector<http::query_item>> read_query(std::string_view query,
                                                        std::span<const query_parameter> known) {
    auto items = http::parse_query(query);
    if (!items) return bad_request(items.error().text);
    for (auto item = items->begin(); item != items->end(); ++item) {
        const auto parameter = std::ranges::find(known, item->name, &query_parameter::name);
        if (parameter == known.end()) {
            return bad_request(fmt::format("unknown query parameter '{}'", item->name));
        }
        if (parameter->is_repeatable) continue;
        const auto same_name = [&](const auto& other) { return other.name == item->name; };
        if (std::any_of(items->begin(), item, same_name)) {
            return bad_request(
                fmt::format("{}: query parameter given twice; give one value", item->name));
        }
    }
    return items;
}

base::outcome<void> read_limit(std::string_view value, std::size_t& limit) {
    constexpr std::size_t limit_max = 500;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), limit);
    const bool is_whole = error == std::errc() && end == value.data() + value.size();
    if (is_whole && limit >= 1 && limit <= limit_max) return {};
    return bad_request(fmt::format("limit: must be between 1 and {}", limit_max));
}

}  // namespace api
