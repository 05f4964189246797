#pragma once
// Lists of databases and operations: filters, sort orders and pages over the read model. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/read_model/read_model.hpp"
#include "domain/access.hpp"
#include "http/message.hpp"

namespace api {

struct list_query {
    std::string project;
    std::string engine;
    std::string name;
    std::string search;  // a substring of the name
    std::vector<std::string> statuses;
    std::vector<std::pair<std::string, std::string>> labels;
    std::string sort = "name";
    bool descending = false;
    std::size_t limit = 50;
    std::string cursor;
};

// Errors: bad_request (a parameter that read_query() rejects, an invalid value).
base::outcome<list_query> read_list_query(std::string_view text);
// A page of databases. The hash is that of the items and the total; it is computed from the hashes
// of the documents, which costs less than the hash of the text.
struct database_page {
    std::string text;  // {items, next_cursor, total}
    std::uint64_t hash = 0;
    std::size_t compared = 0;  // databases that were compared with the query
};
// Returns a page of the databases in visible projects. A credential that is limited to databases
// costs as much as its databases. `caller`: whose allowed_actions the documents have; nullptr:
// without this member. Errors: bad_request (cursor).
base::outcome<database_page> list_databases(const read_model& model, const list_query& query,
                                            const domain::visible_projects& visible,
                                            const domain::principal* caller = nullptr);

struct operation_query {
    std::string database_id;  // empty: of all databases
    std::string phase;        // empty: any
    std::size_t limit = 50;
    std::string cursor;
};
// Reads everything except `database_id`. Errors: bad_request.
base::outcome<operation_query> read_operation_query(std::string_view text);
// Returns {items, next_cursor, total} of the operations in visible projects, newest first. Errors:
// bad_request (cursor).
base::outcome<std::string> list_operations(const directory& all, const operation_query& query,
                                           const domain::visible_projects& visible);

// Returns {items, next_cursor, total} of encoded items.
std::string list_document(const std::vector<std::string>& items, std::size_t total,
                          const std::string& next_cursor = {});

// A cursor is opaque to clients: the hexadecimal text of a position.
std::string encode_cursor(std::string_view position);
std::optional<std::string> decode_cursor(std::string_view token);

}  // namespace api
