#include "api/read_model/item_page.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "api/read_model/list_queries.hpp"
#include "api/request_query.hpp"

namespace api {
namespace {

constexpr std::array<query_parameter, 3> project_page_parameters{
    {{.name = "limit"}, {.name = "cursor"}, {.name = "project"}}};
constexpr auto page_parameters = std::span(project_page_parameters).first<2>();
constexpr char list_separator = '\x1e';

using item_iterator = std::vector<page_item>::const_iterator;

// Returns the first item after the position.
base::outcome<item_iterator> first_after(const std::vector<page_item>& items, position_order order,
                                         std::string_view position) {
    if (order == position_order::none) {
        const auto item = std::ranges::find(items, position, &page_item::position);
        if (item != items.end()) return std::next(item);
        return bad_request(
            "cursor: the last item of the previous page no longer exists; read the list again "
            "without a cursor");
    }
    return std::ranges::find_if(items, [&](const page_item& item) {
        return order == position_order::ascending ? item.position > position
                                                  : item.position < position;
    });
}

base::outcome<page_query> read_parameters(std::string_view text,
                                          std::span<const query_parameter> known) {
    auto items = read_query(text, known);
    if (!items) return base::pass(std::move(items));
    page_query query;
    for (auto& [name, value] : *items) {
        if (name == "cursor") {
            query.cursor = std::move(value);
            continue;
        }
        if (name == "project") {
            query.project = std::move(value);
            continue;
        }
        auto limit = read_limit(value, query.limit);
        if (!limit) return base::pass(std::move(limit));
    }
    return query;
}

}  // namespace

base::outcome<page_query> read_page_query(std::string_view text) {
    return read_parameters(text, page_parameters);
}

base::outcome<page_query> read_project_page_query(std::string_view text) {
    return read_parameters(text, project_page_parameters);
}

base::outcome<std::string> page_document(std::string_view list, const std::vector<page_item>& items,
                                         position_order order, const page_query& query) {
    const auto prefix = std::string(list) + list_separator;
    auto item = items.begin();
    if (!query.cursor.empty()) {
        const auto cursor = decode_cursor(query.cursor);
        if (!cursor || !cursor->starts_with(prefix)) {
            return bad_request("cursor: does not belong to this query");
        }
        auto first = first_after(items, order, std::string_view(*cursor).substr(prefix.size()));
        if (!first) return base::pass(std::move(first));
        item = *first;
    }
    std::vector<std::string> texts;
    for (; item != items.end() && texts.size() < query.limit; ++item) texts.push_back(item->text);
    const bool is_last = item == items.end();
    return list_document(texts, items.size(),
                         is_last ? "" : encode_cursor(prefix + std::prev(item)->position));
}

}  // namespace api
