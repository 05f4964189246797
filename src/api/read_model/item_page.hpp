#pragma once
// Pages of short lists, whose items are encoded for each request. The lists of databases and
// operations page over their indexes (list_queries.hpp). Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace api {

struct page_query {
    std::size_t limit = 50;
    std::string cursor;
    std::optional<std::string> project{};  // a filter
};
// Errors: bad_request (a parameter other than `limit` and `cursor`, an invalid limit).
base::outcome<page_query> read_page_query(std::string_view text);
// Reads `project` as well.
base::outcome<page_query> read_project_page_query(std::string_view text);

struct page_item {
    std::string position;  // distinct within the list
    std::string text;      // JSON
};

enum class position_order : std::uint8_t {
    ascending,
    descending,
    // Positions are not ordered. A page starts after the item that the cursor names, and a cursor
    // of an item that no longer exists is an error.
    none
};

// Returns {items, next_cursor, total} of the items in the given sequence. `list` is part of the
// cursors, so that a list rejects the cursor of another one. Errors: bad_request (cursor).
base::outcome<std::string> page_document(std::string_view list, const std::vector<page_item>& items,
                                         position_order order, const page_query& query);

}  // namespace api
