#include "api/read_model/list_queries.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <ranges>
#include <span>

#include "api/read_model/allowed_actions.hpp"
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

// A set of rows by the hashes of their databases. may_contain() is true for each row of the set and
// for few others.
class row_set {
  public:
    explicit row_set(std::span<const list_row* const> rows)
        : bits_(std::bit_ceil(std::max<std::size_t>(bits_per_row * rows.size(), 64))) {
        for (const auto* row : rows) bits_[place_of(*row)] = true;
    }
    [[nodiscard]] bool may_contain(const list_row& row) const { return bits_[place_of(row)]; }

  private:
    static constexpr std::size_t bits_per_row = 16;
    [[nodiscard]] std::size_t place_of(const list_row& row) const noexcept {
        const auto address = reinterpret_cast<std::uintptr_t>(row.database.get());
        return (address * 0x9E3779B97F4A7C15ULL >> 32U) & (bits_.size() - 1);
    }
    std::vector<bool> bits_;
};

// A query, prepared for comparison with rows.
struct row_filter {
    row_filter(const list_query& list, const domain::visible_projects& visible_to_caller,
               const domain::principal* client)
        : query(list),
          visible(visible_to_caller),
          caller(client),
          project(list.project.empty() ? 0 : hash_of(list.project)),
          engine(engine_index(list.engine)) {
        for (const auto& each : list.statuses)
            phases |= phase_bit(*domain::status_phase_from(each));
        for (const auto& [key, value] : list.labels) labels |= label_bit(key, value);
        selects_names = !list.name.empty() || !list.search.empty();
        reads_records = !list.project.empty() || !list.labels.empty() || !visible.is_all();
        accepts_all = !selects_names && !reads_records && list.engine.empty() && phases == 0;
        if (!visible.has_projects()) return;
        visible.for_each([&](std::string_view name) { visible_hashes.push_back(hash_of(name)); });
        std::ranges::sort(visible_hashes);
    }

    [[nodiscard]] bool matches(const list_row& row) const {
        ++compared;
        if (candidates && !candidates->may_contain(row)) return false;
        return matches_except_name(row) && (!selects_names || has_name(*row.database->record));
    }
    [[nodiscard]] bool matches_except_name(const list_row& row) const {
        if (!query.engine.empty() && row.engine != engine) return false;
        if (phases != 0 && (row.phase & phases) == 0) return false;
        if (!query.project.empty() && row.project != project) return false;
        if (visible.has_projects() && !std::ranges::binary_search(visible_hashes, row.project)) {
            return false;
        }
        if ((row.labels & labels) != labels) return false;
        return !reads_records || matches_except_name(*row.database->record);
    }
    [[nodiscard]] bool has_name(const domain::database& record) const {
        return (query.name.empty() || record.name == query.name) &&
               record.name.contains(query.search);
    }

    const list_query& query;
    const domain::visible_projects& visible;
    const domain::principal* caller;
    std::vector<std::size_t> visible_hashes{};  // sorted; of has_projects()
    std::size_t project;
    std::uint64_t labels = 0;
    std::optional<row_set> candidates{};  // a row that is not in it does not match
    std::uint16_t phases = 0;
    std::uint8_t engine;
    mutable std::size_t compared = 0;  // calls of matches()
    bool accepts_all = true;
    bool reads_records = false;  // for another condition than the name
    bool selects_names = false;

  private:
    [[nodiscard]] bool matches_except_name(const domain::database& record) const {
        if (!query.project.empty() && record.project != query.project) return false;
        if (!visible.contains(record.project, record.id)) return false;  // hashes may collide
        return std::ranges::all_of(query.labels, [&](const auto& label) {
            const auto entry = record.labels.find(label.first);
            return entry != record.labels.end() && entry->second == label.second;
        });
    }
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

struct listed_document {
    shared_text text;
    std::optional<allowed_actions> actions;
};

// The actions of the caller per project. Neighbours in a list often have the same project.
class action_lookup {
  public:
    explicit action_lookup(const domain::principal* caller) : caller_(caller) {}
    // Precondition: the credential of the caller permits reading the database.
    std::optional<allowed_actions> of(const domain::database& record) {
        const auto& project = record.project;
        if (caller_ == nullptr) return std::nullopt;
        if (!latest_ || project != project_) {
            latest_.emplace(*caller_, domain::resource{project, record.id});
            project_ = project;
        }
        return latest_;
    }

  private:
    const domain::principal* caller_;
    std::optional<allowed_actions> latest_;
    std::string project_;
};

struct list_page {
    std::vector<listed_document> items;
    std::uint64_t hash = base::fnv1a_seed;  // of the items' hashes
    std::string next;                       // position of the last item if more follow
};

// Returns the first rows from `row` to `end` that match the filter. The iterators may be reversed.
template <class Order, class Iterator>
list_page page_of(Iterator row, Iterator end, const row_filter& filter) {
    list_page page;
    action_lookup actions(filter.caller);
    const domain::database* last = nullptr;
    for (; row != end; ++row) {
        const list_row& entry = *row;
        if (!filter.matches(entry)) continue;
        if (page.items.size() == filter.query.limit) {
            page.next = position_of<Order>(*last);
            break;
        }
        const auto documents = entry.database->slot->documents.load();
        const auto allowed = actions.of(*entry.database->record);
        page.items.push_back({documents->database, allowed});
        const auto hash = allowed ? allowed->mix(documents->hash) : documents->hash;
        page.hash = base::fnv1a(bytes_of(hash), page.hash);
        last = entry.database->record.get();
    }
    return page;
}

// `rows`: a chunked_list in this order, or a range of random access.
template <class Order, class Rows>
base::outcome<list_page> page_in(const Rows& rows, const row_filter& filter,
                                 std::string_view position) {
    const bool is_descending = filter.query.descending;
    auto start = is_descending ? rows.end() : rows.begin();
    if (!position.empty()) {
        const auto key = read_position<Order>(position);
        if (!key) return bad_request("cursor: does not belong to this query");
        // An ascending page starts after the position, a descending page ends before it.
        const auto is_before = [&](const list_row& row) {
            const auto current = Order::key_of(*row.database->record);
            return is_descending ? current < *key : current <= *key;
        };
        if constexpr (requires { rows.partition_point(is_before); }) {
            start = rows.partition_point(is_before);
        } else {
            start = std::ranges::partition_point(rows, is_before);
        }
    }
    if (!is_descending) return page_of<Order>(start, rows.end(), filter);
    return page_of<Order>(std::reverse_iterator(start), std::reverse_iterator(rows.begin()),
                          filter);
}

struct counted_page {
    list_page page;
    std::size_t total = 0;
};

base::outcome<counted_page> counted(base::outcome<list_page> page, std::size_t total) {
    if (!page) return base::pass(std::move(page));
    return counted_page{.page = std::move(*page), .total = total};
}

std::size_t count(const list_index& all, const row_filter& filter) {
    if (filter.accepts_all) return all.by_name.size();
    return static_cast<std::size_t>(std::ranges::count_if(
        all.by_name, [&](const list_row& row) { return filter.matches(row); }));
}

// A condition on the name selects rows first. They are a page in the order of names as they are; in
// another order, a page reads the records of these rows alone.
base::outcome<counted_page> page_of_names(const list_index& all, row_filter& filter,
                                          std::string_view position) {
    const auto& query = filter.query;
    auto rows = query.name.empty() ? all.rows_with(query.search) : all.rows_named(query.name);
    std::erase_if(rows, [&](const list_row* row) {
        return !filter.matches_except_name(*row) ||
               (!query.name.empty() && !filter.has_name(*row->database->record));
    });
    const auto total = rows.size();
    if (query.sort == "name") {
        const auto view = std::views::transform(
            rows, [](const list_row* row) -> const list_row& { return *row; });
        return counted(page_in<order_by_name>(view, filter, position), total);
    }
    filter.candidates.emplace(rows);
    return counted(query.sort == "created_at"
                       ? page_in<order_by_creation>(all.by_creation, filter, position)
                       : page_in<order_by_update>(all.by_update, filter, position),
                   total);
}

// `rows`: those of the databases to which the credential is limited, in the order of names.
base::outcome<counted_page> page_of_rows(std::vector<const list_row*> rows, row_filter& filter,
                                         std::string_view position) {
    std::erase_if(rows, [&](const list_row* row) { return !filter.matches(*row); });
    const auto page_by = [&]<class Order>(Order order) {
        std::ranges::sort(rows,
                          [&](const list_row* a, const list_row* b) { return order(*a, *b); });
        const auto view = std::views::transform(
            rows, [](const list_row* row) -> const list_row& { return *row; });
        return counted(page_in<Order>(view, filter, position), rows.size());
    };
    const auto& sort = filter.query.sort;
    if (sort == "created_at") return page_by(order_by_creation());
    if (sort == "updated_at") return page_by(order_by_update());
    return page_by(order_by_name());
}

base::outcome<counted_page> page_in_order(const list_index& all, row_filter& filter,
                                          std::string_view position) {
    if (filter.selects_names) return page_of_names(all, filter, position);
    const auto total = count(all, filter);
    const auto& sort = filter.query.sort;
    if (sort == "created_at") {
        return counted(page_in<order_by_creation>(all.by_creation, filter, position), total);
    }
    if (sort == "updated_at") {
        return counted(page_in<order_by_update>(all.by_update, filter, position), total);
    }
    return counted(page_in<order_by_name>(all.by_name, filter, position), total);
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

base::outcome<database_page> list_databases(const read_model& model, const list_query& query,
                                            const domain::visible_projects& visible,
                                            const domain::principal* caller) {
    const auto order = (query.descending ? "-" : "+") + query.sort + "\x1e";
    std::string position;
    if (!query.cursor.empty()) {
        const auto cursor = decode_cursor(query.cursor);
        if (!cursor || !cursor->starts_with(order) || cursor->size() == order.size()) {
            return bad_request("cursor: does not belong to this query");
        }
        position = cursor->substr(order.size());
    }
    const auto all = model.all();
    row_filter filter(query, visible, caller);
    const auto* ids = visible.database_ids();
    auto result = ids == nullptr ? page_in_order(all->databases, filter, position)
                                 : page_of_rows(model.rows_of(*all, *ids), filter, position);
    if (!result) return base::pass(std::move(result));
    const auto& page = result->page;
    std::size_t size = 100;
    for (const auto& [document, actions] : page.items) {
        size += document->size() + 1 + (actions ? actions->text().size() : 0);
    }
    std::string text;
    text.reserve(size);
    json::writer out(text);
    out.begin_object().key("items").begin_array();
    for (const auto& [document, actions] : page.items) {
        if (actions) {
            out.raw(std::string_view(*document).substr(0, document->size() - 1));
            text.append(actions->text()).push_back('}');
        } else {
            out.raw(*document);
        }
    }
    out.end_array().key("next_cursor");
    if (page.next.empty()) {
        out.null();
    } else {
        out.text(encode_cursor(order + page.next));
    }
    const auto total = static_cast<std::uint64_t>(result->total);
    out.member("total", static_cast<std::int64_t>(total)).end_object();
    const auto hash = base::fnv1a(page.next, base::fnv1a(bytes_of(total), page.hash));
    return database_page{.text = std::move(text), .hash = hash, .compared = filter.compared};
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
        if (!visible.contains(each->project, each->database_id)) continue;
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

// Returns the operations of a database, newest first.
auto operations_of(const directory& all, std::string_view database_id) {
    const auto& rows = all.operations_of_databases;
    return std::ranges::subrange(
        rows.partition_point([&](const auto& each) { return each->database_id < database_id; }),
        rows.partition_point([&](const auto& each) { return each->database_id <= database_id; }));
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
    if (!query.database_id.empty()) {
        const auto rows = operations_of(all, query.database_id);
        const auto size = static_cast<std::size_t>(std::ranges::distance(rows));
        return operations_document(rows, size, query, visible, after);
    }
    if (const auto* ids = visible.database_ids()) {
        std::vector<operation_pointer> rows;
        for (const auto& id : *ids)
            std::ranges::copy(operations_of(all, id), std::back_inserter(rows));
        std::ranges::sort(rows, newest_first());
        return operations_document(rows, rows.size(), query, visible, after);
    }
    return operations_document(all.operations, all.operations.size(), query, visible, after);
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
