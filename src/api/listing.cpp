#include "api/listing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/time_text.hpp"

namespace api {
namespace {

constexpr std::size_t limit_most = 500;

std::unexpected<base::failure> bad(std::string text) {
    return base::fail(base::errc::invalid, std::move(text), "bad_request");
}

struct row {
    std::string key;  // of the order, unique
    std::shared_ptr<const database_documents> documents;
};

std::string key_of(const app::database_view& view, std::string_view sort) {
    const auto& record = *view.record;
    if (sort == "created_at") {
        return fmt::format("{}\x1f{}", base::to_rfc3339_micro(record.created_at), record.id);
    }
    if (sort == "updated_at") {
        return fmt::format("{}\x1f{}", base::to_rfc3339_micro(record.updated_at), record.id);
    }
    return fmt::format("{}\x1f{}", record.name, record.project);
}

bool fits(const app::database_view& view, const list_query& wanted) {
    const auto& record = *view.record;
    if (!wanted.project.empty() && record.project != wanted.project) return false;
    if (!wanted.engine.empty() && record.engine != wanted.engine) return false;
    if (!wanted.name.empty() && record.name != wanted.name) return false;
    if (!wanted.search.empty() && record.name.find(wanted.search) == std::string::npos)
        return false;
    const auto phase = domain::name(view.status.phase);
    if (!wanted.statuses.empty() &&
        std::ranges::find(wanted.statuses, phase) == wanted.statuses.end()) {
        return false;
    }
    return std::ranges::all_of(wanted.labels, [&](const auto& label) {
        const auto at = record.tags.find(label.first);
        return at != record.tags.end() && at->second == label.second;
    });
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
            return bad(fmt::format("status: '{}' is not one", value));
        into.statuses.push_back(value);
    } else if (name == "label") {
        const auto equals = value.find('=');
        if (equals == std::string::npos || equals == 0) return bad("label: must be key=value");
        into.labels.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    } else if (name == "sort") {
        into.descending = value.starts_with('-');
        into.sort = value.substr(into.descending ? 1 : 0);
        if (into.sort != "name" && into.sort != "created_at" && into.sort != "updated_at") {
            return bad(
                "sort: must be name, created_at or updated_at, with - in front for descending");
        }
    } else if (name == "limit") {
        const auto [end, error] =
            std::from_chars(value.data(), value.data() + value.size(), into.limit);
        if (error != std::errc() || end != value.data() + value.size() || into.limit < 1 ||
            into.limit > limit_most) {
            return bad(fmt::format("limit: must be from 1 to {}", limit_most));
        }
    } else if (name == "cursor") {
        into.cursor = value;
    } else {
        return bad(fmt::format("there is no query parameter '{}'", name));
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

base::outcome<std::string> list_databases(const directory& all, const list_query& wanted) {
    std::string after;
    if (!wanted.cursor.empty()) {
        const auto position = decode_cursor(wanted.cursor);
        const auto mark = (wanted.descending ? "-" : "+") + wanted.sort + "\x1e";
        if (!position || !position->starts_with(mark)) {
            return bad("cursor: not one that this query gave");
        }
        after = position->substr(mark.size());
    }
    std::vector<row> rows;
    std::size_t total = 0;
    for (const auto& slot : all.databases) {
        auto documents = slot->documents.load();
        if (!fits(*documents->view, wanted)) continue;
        ++total;
        auto key = key_of(*documents->view, wanted.sort);
        if (!after.empty() && (wanted.descending ? key >= after : key <= after)) continue;
        rows.push_back({std::move(key), std::move(documents)});
    }
    const auto order = [&](const row& a, const row& b) {
        return wanted.descending ? b.key < a.key : a.key < b.key;
    };
    const auto size = std::min(wanted.limit, rows.size());
    std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(size), rows.end(),
                      order);
    std::string text;
    text.reserve(size * 1500 + 100);
    json_writer out(text);
    out.begin_object().key("items").begin_array();
    for (std::size_t index = 0; index < size; ++index) out.raw(*rows[index].documents->database);
    out.end_array().key("next_cursor");
    if (rows.size() > size && size > 0) {
        out.text(encode_cursor((wanted.descending ? "-" : "+") + wanted.sort + "\x1e" +
                               rows[size - 1].key));
    } else {
        out.null();
    }
    out.member("total", static_cast<std::int64_t>(total)).end_object();
    return text;
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
