#include "api/read_model/list_queries.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <ranges>

#include "base/fnv1a.hpp"
#include "base/time_text.hpp"

namespace api {
namespace {

constexpr std::size_t limit_most = 500;

std::unexpected<base::failure> bad(std::string text) {
    return base::fail(base::errc::invalid, std::move(text), "bad_request");
}

// A query, prepared for the rows.
struct row_filter {
    row_filter(const list_query& of, const domain::visible_projects& visible_to_caller)
        : wanted(of),
          visible(visible_to_caller),
          project(of.project.empty() ? 0 : hash_of(of.project)),
          parts(part_bits(of.search)),
          engine(engine_place(of.engine)) {
        for (const auto& each : of.statuses) phases |= phase_bit(*domain::status_phase_from(each));
        for (const auto& [key, value] : of.labels) labels |= label_bit(key, value);
        takes_all = of.project.empty() && of.engine.empty() && of.statuses.empty() &&
                    of.labels.empty() && of.name.empty() && of.search.empty() && visible.is_all();
        looks_into_records = !of.project.empty() || !of.labels.empty() || !of.name.empty() ||
                             !of.search.empty() || !visible.is_all();
        if (visible.is_all()) return;
        visible.for_each([&](std::string_view name) { visible_hashes.push_back(hash_of(name)); });
        std::ranges::sort(visible_hashes);
    }

    [[nodiscard]] bool fits(const list_row& row) const {
        if (!wanted.engine.empty() && row.engine != engine) return false;
        if (phases != 0 && (row.phase & phases) == 0) return false;
        if (!wanted.project.empty() && row.project != project) return false;
        if (!visible.is_all() && !std::ranges::binary_search(visible_hashes, row.project)) {
            return false;
        }
        if ((row.labels & labels) != labels || (row.parts & parts) != parts) return false;
        return !looks_into_records || fits(*row.what->record);
    }
    [[nodiscard]] bool fits(const domain::database& record) const {
        if (!wanted.project.empty() && record.project != wanted.project) return false;
        if (!visible.contains(record.project)) return false;  // hashes may collide
        if (!wanted.name.empty() && record.name != wanted.name) return false;
        if (record.name.find(wanted.search) == std::string::npos) return false;
        return std::ranges::all_of(wanted.labels, [&](const auto& label) {
            const auto at = record.labels.find(label.first);
            return at != record.labels.end() && at->second == label.second;
        });
    }

    const list_query& wanted;
    const domain::visible_projects& visible;
    std::vector<std::size_t> visible_hashes{};  // sorted; empty if all projects are visible
    std::size_t project;
    std::uint64_t parts;
    std::uint64_t labels = 0;
    std::uint16_t phases = 0;
    std::uint8_t engine;
    bool takes_all = true;
    bool looks_into_records = false;
};

// Positions in cursors: the first part of the order's key, and the second.
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

constexpr char between_parts = '\x1f';

template <class Order>
std::string position_of(const domain::database& record) {
    const auto [first, second] = Order::key_of(record);
    return text_of(first) + between_parts + text_of(second);
}

template <class Order>
std::optional<typename Order::key> read_position(std::string_view position) {
    const auto middle = position.find(between_parts);
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
    std::string next;                       // position of the last item when more follow
};

// The rows from `at` to `end`, in this or the other direction.
template <class Order, class Iterator>
list_page page_of(Iterator at, Iterator end, const row_filter& filter) {
    list_page page;
    const domain::database* last = nullptr;
    for (; at != end; ++at) {
        if (!filter.fits(*at)) continue;
        if (page.items.size() == filter.wanted.limit) {
            page.next = position_of<Order>(*last);
            break;
        }
        const auto documents = at->what->slot->documents.load();
        page.items.push_back(documents->database);
        page.hash = base::fnv1a(bytes_of(documents->hash), page.hash);
        last = at->what->record.get();
    }
    return page;
}

template <class Order>
base::outcome<list_page> page_of(const chunked_list<list_row, Order>& rows,
                                 const row_filter& filter, std::string_view position) {
    const bool is_descending = filter.wanted.descending;
    auto from = is_descending ? rows.end() : rows.begin();
    if (!position.empty()) {
        const auto key = read_position<Order>(position);
        if (!key) return bad("cursor: does not belong to this query");
        // Ascending: behind the position. Descending: before it.
        from = rows.partition_point([&](const list_row& row) {
            const auto present = Order::key_of(*row.what->record);
            return is_descending ? present < *key : present <= *key;
        });
    }
    if (!is_descending) return page_of<Order>(from, rows.end(), filter);
    return page_of<Order>(std::reverse_iterator(from), std::reverse_iterator(rows.begin()), filter);
}

base::outcome<list_page> page_in_order(const list_index& all, const row_filter& filter,
                                       std::string_view position) {
    if (filter.wanted.sort == "created_at") return page_of(all.by_creation, filter, position);
    if (filter.wanted.sort == "updated_at") return page_of(all.by_update, filter, position);
    return page_of(all.by_name, filter, position);
}

std::size_t count(const list_index& all, const row_filter& filter) {
    if (filter.takes_all) return all.by_name.size();
    return static_cast<std::size_t>(
        std::ranges::count_if(all.by_name, [&](const list_row& row) { return filter.fits(row); }));
}

base::outcome<void> read_limit(std::string_view value, std::size_t& into) {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), into);
    const bool is_whole = error == std::errc() && end == value.data() + value.size();
    if (is_whole && into >= 1 && into <= limit_most) return {};
    return bad(fmt::format("limit: must be between 1 and {}", limit_most));
}

std::unexpected<base::failure> no_such_parameter(std::string_view name) {
    return bad(fmt::format("unknown query parameter '{}'", name));
}

base::outcome<void> take(list_query& into, const http::query_item& item) {
    const auto& [name, value] = item;
    if (name == "project") {
        into.project = value;
    } else if (name == "engine") {
        into.engine = value;
    } else if (name == "name") {
        into.name = value;
    } else if (name == "q") {
        into.search = value;
    } else if (name == "status") {
        if (!domain::status_phase_from(value))
            return bad(fmt::format("status: unknown phase '{}'", value));
        into.statuses.push_back(value);
    } else if (name == "label") {
        const auto equals = value.find('=');
        if (equals == std::string::npos || equals == 0) return bad("label: must be key=value");
        into.labels.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    } else if (name == "sort") {
        into.descending = value.starts_with('-');
        into.sort = value.substr(into.descending ? 1 : 0);
        if (into.sort != "name" && into.sort != "created_at" && into.sort != "updated_at") {
            return bad("sort: must be name, created_at or updated_at; prefix - sorts descending");
        }
    } else if (name == "limit") {
        return read_limit(value, into.limit);
    } else if (name == "cursor") {
        into.cursor = value;
    } else {
        return no_such_parameter(name);
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
    for (std::size_t at = 0; at < token.size(); at += 2) {
        unsigned value = 0;
        const auto [end, error] =
            std::from_chars(token.data() + at, token.data() + at + 2, value, 16);
        if (error != std::errc() || end != token.data() + at + 2) return std::nullopt;
        position += static_cast<char>(value);
    }
    return position;
}

base::outcome<list_query> read_list_query(std::string_view query) {
    auto items = http::parse_query(query);
    if (!items) return bad(items.error().text);
    list_query wanted;
    for (const auto& item : *items) {
        auto taken = take(wanted, item);
        if (!taken) return base::pass(std::move(taken));
    }
    return wanted;
}

base::outcome<operation_query> read_operation_query(std::string_view query) {
    const auto items = http::parse_query(query);
    if (!items) return bad(items.error().text);
    operation_query wanted;
    for (const auto& [name, value] : *items) {
        if (name == "limit") {
            auto read = read_limit(value, wanted.limit);
            if (!read) return base::pass(std::move(read));
        } else if (name == "cursor") {
            wanted.cursor = value;
        } else if (name == "phase") {
            if (!domain::operation_phase_from(value)) return bad("phase: unknown operation phase");
            wanted.phase = value;
        } else {
            return no_such_parameter(name);
        }
    }
    return wanted;
}

base::outcome<database_page> list_databases(const directory& all, const list_query& wanted,
                                            const domain::visible_projects& visible) {
    const auto mark = (wanted.descending ? "-" : "+") + wanted.sort + "\x1e";
    std::string position;
    if (!wanted.cursor.empty()) {
        const auto given = decode_cursor(wanted.cursor);
        if (!given || !given->starts_with(mark) || given->size() == mark.size()) {
            return bad("cursor: does not belong to this query");
        }
        position = given->substr(mark.size());
    }
    const row_filter filter(wanted, visible);
    auto page = page_in_order(all.databases, filter, position);
    if (!page) return base::pass(std::move(page));
    std::size_t size = 100;
    for (const auto& item : page->items) size += item->size() + 1;
    std::string text;
    text.reserve(size);
    json_writer out(text);
    out.begin_object().key("items").begin_array();
    for (const auto& item : page->items) out.raw(*item);
    out.end_array().key("next_cursor");
    if (page->next.empty()) {
        out.null();
    } else {
        out.text(encode_cursor(mark + page->next));
    }
    const auto total = static_cast<std::uint64_t>(count(all.databases, filter));
    out.member("total", static_cast<std::int64_t>(total)).end_object();
    const auto hash = base::fnv1a(page->next, base::fnv1a(bytes_of(total), page->hash));
    return database_page{.text = std::move(text), .hash = hash};
}

namespace {

template <class Rows>
std::string operations_document(const Rows& rows, std::size_t size, const operation_query& wanted,
                                const domain::visible_projects& visible,
                                const std::optional<order_by_creation::key>& after) {
    std::vector<std::string> items;
    std::string next;
    std::size_t total = 0;
    const domain::operation* last = nullptr;
    for (const auto& each : rows) {
        if (!wanted.phase.empty() && domain::name(each->phase) != wanted.phase) continue;
        if (!visible.contains(each->project)) continue;
        ++total;
        if (after && newest_first::key_of(*each) >= *after) continue;
        if (items.size() < wanted.limit) {
            items.push_back(encode(*each));
            last = each.get();
        } else if (next.empty()) {
            next = encode_cursor(text_of(last->created_at) + between_parts + last->id);
            if (wanted.phase.empty() && visible.is_all()) {
                total = size;
                break;
            }
        }
    }
    return list_document(items, total, next);
}

}  // namespace

base::outcome<std::string> list_operations(const directory& all, const operation_query& wanted,
                                           const domain::visible_projects& visible) {
    std::optional<order_by_creation::key> after;
    if (!wanted.cursor.empty()) {
        const auto position = decode_cursor(wanted.cursor);
        if (position) after = read_position<order_by_creation>(*position);
        if (!after) return bad("cursor: does not belong to this query");
    }
    if (wanted.database_id.empty()) {
        return operations_document(all.operations, all.operations.size(), wanted, visible, after);
    }
    const auto& rows = all.operations_of_databases;
    const auto from = rows.partition_point(
        [&](const auto& each) { return each->database_id < wanted.database_id; });
    const auto to = rows.partition_point(
        [&](const auto& each) { return each->database_id <= wanted.database_id; });
    const std::ranges::subrange of_database(from, to);
    const auto size = static_cast<std::size_t>(std::ranges::distance(of_database));
    return operations_document(of_database, size, wanted, visible, after);
}

std::string list_document(const std::vector<std::string>& items, std::size_t total,
                          const std::string& next_cursor) {
    std::string text;
    json_writer out(text);
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
