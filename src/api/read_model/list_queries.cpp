#include "api/read_model/list_queries.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <ranges>

#include "api/request_query.hpp"
#include "base/fnv1a.hpp"
#include "base/time_text.hpp"

namespace api {
namespace {

constexpr std::array<query_parameter, 9> database_parameters{
    {{.name = "project"},
     {.name = "engine"},
     {.name = "name"},
     {.name = "q"},
     {.name = "status", .is_repeatable = true},
     {.name = "label", .is_repeatable = true},
     {.name = "sort"},
     {.name = "limit"},
     {.name = "cursor"}}};
constexpr std::array<query_parameter, 3> operation_parameters{
    {{.name = "limit"}, {.name = "cursor"}, {.name = "phase"}}};

// A query, prepared for comparison with rows.
struct row_filter {
    row_filter(const list_query& list, const domain::visible_projects& visible_to_caller)
        : query(list),
          visible(visible_to_caller),
          project(list.project.empty() ? 0 : hash_of(list.project)),
          parts(part_bits(list.search)),
          engine(engine_index(list.engine)) {
        for (const auto& each : list.statuses)
            phases |= phase_bit(*domain::status_phase_from(each));
        for (const auto& [key, value] : list.labels) labels |= label_bit(key, value);
        accepts_all = list.project.empty() && list.engine.empty() && list.statuses.empty() &&
                      list.labels.empty() && list.name.empty() && list.search.empty() &&
                      visible.is_all();
        reads_records = !list.project.empty() || !list.labels.empty() || !list.name.empty() ||
                        !list.search.empty() || !visible.is_all();
        if (visible.is_all()) return;
        visible.for_each([&](std::string_view name) { visible_hashes.push_back(hash_of(name)); });
        std::ranges::sort(visible_hashes);
    }

    [[nodiscard]] bool matches(const list_row& row) const {
        if (!query.engine.empty() && row.engine != engine) return false;
        if (phases != 0 && (row.phase & phases) == 0) return false;
        if (!query.project.empty() && row.project != project) return false;
        if (!visible.is_all() && !std::ranges::binary_search(visible_hashes, row.project)) {
            return false;
        }
        if ((row.labels & labels) != labels || (row.parts & parts) != parts) return false;
        return !reads_records || matches(*row.database->record);
    }
    [[nodiscard]] bool matches(const domain::database& record) const {
        if (!query.project.empty() && record.project != query.project) return false;
        if (!visible.contains(record.project)) return false;  // hashes may collide
        if (!query.name.empty() && record.name != query.name) return false;
        if (record.name.find(query.search) == std::string::npos) return false;
        return std::ranges::all_of(query.labels, [&](const auto& label) {
            const auto entry = record.labels.find(label.first);
            return entry != record.labels.end() && entry->second == label.second;
        });
    }

    const list_query& query;
    const domain::visible_projects& visible;
    std::vector<std::size_t> visible_hashes{};  // sorted; empty if all projects are visible
    std::size_t project;
    std::uint64_t parts;
    std::uint64_t labels = 0;
    std::uint16_t phases = 0;
    std::uint8_t engine;
    bool accepts_all = true;
    bool reads_records = false;
};

// A position in a cursor has two parts: those of the key of the sort order.
std::string text_of(const std::string& part) {
    return part;
}
std::string text_of(domain::instant part) {
    return base::to_rfc3339_micro(part);
}
bool read_part(std::string_view text, std::string& part) {
    part = text;
    return true;
}
bool read_part(std::string_view text, domain::instant& part) {
    const auto read = base::from_rfc3339(text);
    if (read) part = *read;
    return read.has_value();
}

constexpr char part_separator = '\x1f';

template <class Order>
std::string position_of(const domain::database& record) {
    const auto [first, second] = Order::key_of(record);
    return text_of(first) + part_separator + text_of(second);
}

template <class Order>
std::optional<typename Order::key> read_position(std::string_view position) {
    const auto middle = position.find(part_separator);
    if (middle == std::string_view::npos) return std::nullopt;
    typename Order::key key;
    if (!read_part(position.substr(0, middle), std::get<0>(key)) ||
        !read_part(position.substr(middle + 1), std::get<1>(key))) {
        return std::nullopt;
    }
    return key;
}

std::string_view bytes_of(const std::uint64_t& number) noexcept {
    return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

struct list_page {
    std::vector<shared_text> items;
    std::uint64_t hash = base::fnv1a_seed;  // of the items' hashes
    std::string next;                       // position of the last item if more follow
};

// Returns the first rows from `row` to `end` that match the filter. The iterators may be reversed.
template <class Order, class Iterator>
list_page page_of(Iterator row, Iterator end, const row_filter& filter) {
    list_page page;
    const domain::database* last = nullptr;
    for (; row != end; ++row) {
        if (!filter.matches(*row)) continue;
        if (page.items.size() == filter.query.limit) {
            page.next = position_of<Order>(*last);
            break;
        }
        const auto documents = row->database->slot->documents.load();
        page.items.push_back(documents->database);
        page.hash = base::fnv1a(bytes_of(documents->hash), page.hash);
        last = row->database->record.get();
    }
    return page;
}

template <class Order>
base::outcome<list_page> page_of(const chunked_list<list_row, Order>& rows,
                                 const row_filter& filter, std::string_view position) {
    const bool is_descending = filter.query.descending;
    auto start = is_descending ? rows.end() : rows.begin();
    if (!position.empty()) {
        const auto key = read_position<Order>(position);
        if (!key) return bad_request("cursor: does not belong to this query");
        // An ascending page starts after the position, a descending page ends before it.
        start = rows.partition_point([&](const list_row& row) {
            const auto current = Order::key_of(*row.database->record);
            return is_descending ? current < *key : current <= *key;
        });
    }
    if (!is_descending) return page_of<Order>(start, rows.end(), filter);
    return page_of<Order>(std::reverse_iterator(start), std::reverse_iterator(rows.begin()),
                          filter);
}

base::outcome<list_page> page_in_order(const list_index& all, const row_filter& filter,
                                       std::string_view position) {
    if (filter.query.sort == "created_at") return page_of(all.by_creation, filter, position);
    if (filter.query.sort == "updated_at") return page_of(all.by_update, filter, position);
    return page_of(all.by_name, filter, position);
}

std::size_t count(const list_index& all, const row_filter& filter) {
    if (filter.accepts_all) return all.by_name.size();
    return static_cast<std::size_t>(std::ranges::count_if(
        all.by_name, [&](const list_row& row) { return filter.matches(row); }));
}

base::outcome<void> read_item(list_query& query, const http::query_item& item) {
    const auto& [name, value] = item;
    if (name == "project") {
        query.project = value;
    } else if (name == "engine") {
        query.engine = value;
    } else if (name == "name") {
        query.name = value;
    } else if (name == "q") {
        query.search = value;
    } else if (name == "status") {
        if (!domain::status_phase_from(value))
            return bad_request(fmt::format("status: unknown phase '{}'", value));
        query.statuses.push_back(value);
    } else if (name == "label") {
        const auto equals = value.find('=');
        if (equals == std::string::npos || equals == 0)
            return bad_request("label: must be key=value");
        query.labels.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    } else if (name == "sort") {
        query.descending = value.starts_with('-');
        query.sort = value.substr(query.descending ? 1 : 0);
        if (query.sort != "name" && query.sort != "created_at" && query.sort != "updated_at") {
            return bad_request(
                "sort: must be name, created_at or updated_at; prefix - sorts descending");
        }
    } else if (name == "limit") {
        return read_limit(value, query.limit);
    } else {
        query.cursor = value;
    }
    return {};
}

}  // namespace

std::string encode_cursor(std::string_view position) {
    std::string token;
    for (const char c : position) {
        fmt::format_to(std::back_inserter(token), "{:02x}", static_cast<unsigned char>(c));
    }
    return token;
}

std::optional<std::string> decode_cursor(std::string_view token) {
    if (token.size() % 2 != 0 || token.size() > 1024) return std::nullopt;
    std::string position;
    for (std::size_t i = 0; i < token.size(); i += 2) {
        unsigned value = 0;
        const auto [end, error] =
            std::from_chars(token.data() + i, token.data() + i + 2, value, 16);
        if (error != std::errc() || end != token.data() + i + 2) return std::nullopt;
        position += static_cast<char>(value);
    }
    return position;
}

base::outcome<list_query> read_list_query(std::string_view text) {
    auto items = read_query(text, database_parameters);
    if (!items) return base::pass(std::move(items));
    list_query query;
    for (const auto& item : *items) {
        auto result = read_item(query, item);
        if (!result) return base::pass(std::move(result));
    }
    return query;
}

base::outcome<operation_query> read_operation_query(std::string_view text) {
    auto items = read_query(text, operation_parameters);
    if (!items) return base::pass(std::move(items));
    operation_query query;
    for (const auto& [name, value] : *items) {
        if (name == "limit") {
            auto read = read_limit(value, query.limit);
            if (!read) return base::pass(std::move(read));
        } else if (name == "cursor") {
            query.cursor = value;
        } else {
            if (!domain::operation_phase_from(value))
                return bad_request("phase: unknown operation phase");
            query.phase = value;
        }
    }
    return query;
}

base::outcome<database_page> list_databases(const directory& all, const list_query& query,
                                            const domain::visible_projects& visible) {
    const auto order = (query.descending ? "-" : "+") + query.sort + "\x1e";
    std::string position;
    if (!query.cursor.empty()) {
        const auto cursor = decode_cursor(query.cursor);
        if (!cursor || !cursor->starts_with(order) || cursor->size() == order.size()) {
            return bad_request("cursor: does not belong to this query");
        }
        position = cursor->substr(order.size());
    }
    const row_filter filter(query, visible);
    auto page = page_in_order(all.databases, filter, position);
    if (!page) return base::pass(std::move(page));
    std::size_t size = 100;
    for (const auto& item : page->items) size += item->size() + 1;
    std::string text;
    text.reserve(size);
    json::writer out(text);
    out.begin_object().key("items").begin_array();
    for (const auto& item : page->items) out.raw(*item);
    out.end_array().key("next_cursor");
    if (page->next.empty()) {
        out.null();
    } else {
        out.text(encode_cursor(order + page->next));
    }
    const auto total = static_cast<std::uint64_t>(count(all.databases, filter));
    out.member("total", static_cast<std::int64_t>(total)).end_object();
    const auto hash = base::fnv1a(page->next, base::fnv1a(bytes_of(total), page->hash));
    return database_page{.text = std::move(text), .hash = hash};
}

namespace {

template <class Rows>
std::string operations_document(const Rows& rows, std::size_t size, const operation_query& query,
                                const domain::visible_projects& visible,
                                const std::optional<order_by_creation::key>& after) {
    std::vector<std::string> items;
    std::string next;
    std::size_t total = 0;
    const domain::operation* last = nullptr;
    for (const auto& each : rows) {
        if (!query.phase.empty() && domain::name(each->phase) != query.phase) continue;
        if (!visible.contains(each->project)) continue;
        ++total;
        if (after && newest_first::key_of(*each) >= *after) continue;
        if (items.size() < query.limit) {
            items.push_back(encode(*each));
            last = each.get();
        } else if (next.empty()) {
            next = encode_cursor(text_of(last->created_at) + part_separator + last->id);
            if (query.phase.empty() && visible.is_all()) {
                total = size;
                break;
            }
        }
    }
    return list_document(items, total, next);
}

}  // namespace

base::outcome<std::string> list_operations(const directory& all, const operation_query& query,
                                           const domain::visible_projects& visible) {
    std::optional<order_by_creation::key> after;
    if (!query.cursor.empty()) {
        const auto position = decode_cursor(query.cursor);
        if (position) after = read_position<order_by_creation>(*position);
        if (!after) return bad_request("cursor: does not belong to this query");
    }
    if (query.database_id.empty()) {
        return operations_document(all.operations, all.operations.size(), query, visible, after);
    }
    const auto& rows = all.operations_of_databases;
    const auto first = rows.partition_point(
        [&](const auto& each) { return each->database_id < query.database_id; });
    const auto last = rows.partition_point(
        [&](const auto& each) { return each->database_id <= query.database_id; });
    const std::ranges::subrange of_database(first, last);
    const auto size = static_cast<std::size_t>(std::ranges::distance(of_database));
    return operations_document(of_database, size, query, visible, after);
}

std::string list_document(const std::vector<std::string>& items, std::size_t total,
                          const std::string& next_cursor) {
    std::string text;
    json::writer out(text);
    out.begin_object().key("items").begin_array();
    for (const auto& item : items) out.raw(item);
    out.end_array().key("next_cursor");
    if (next_cursor.empty()) {
        out.null();
    } else {
        out.text(next_cursor);
    }
    out.member("total", static_cast<std::int64_t>(total)).end_object();
    return text;
}

}  // namespace api
