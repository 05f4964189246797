#include "sqlite/document_tables.hpp"

#include <fmt/format.h>

#include <array>

namespace sqlite {
namespace {

using base::errc;
using base::fail;

constexpr std::size_t id_bytes_max = 128;
constexpr std::size_t body_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t page_size_max = 1000;
constexpr std::size_t revision_page_max = 10'000;

// The migration with index n upgrades schema version n. All text is BLOB, so that ids sort bytewise
// and bodies keep every byte.
constexpr std::array migrations{
    R"sql(
CREATE TABLE document (
    collection BLOB NOT NULL, id BLOB NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (collection, id)) WITHOUT ROWID;
CREATE TABLE index_value (
    collection BLOB NOT NULL, id BLOB NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (collection, id, name)) WITHOUT ROWID;
CREATE INDEX index_by_value ON index_value (collection, name, value, id);
CREATE TABLE unique_value (
    collection BLOB NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL, id BLOB NOT NULL,
    PRIMARY KEY (collection, name, value)) WITHOUT ROWID;
CREATE INDEX unique_by_id ON unique_value (collection, id);
)sql",
};
constexpr std::int64_t schema_version = migrations.size();

base::outcome<void> set_version(database& file, std::int64_t version) {
    return file.execute(fmt::format("PRAGMA user_version = {}", version).c_str());
}

// Upgrades `version` to the next one. A failure leaves the file unchanged.
base::outcome<void> step_from(std::int64_t version, database& file) {
    auto result = file.execute("BEGIN IMMEDIATE");
    if (result) result = file.execute(migrations[static_cast<std::size_t>(version)]);
    if (result) result = set_version(file, version + 1);
    if (result) result = file.execute("COMMIT");
    if (!result) (void)file.execute("ROLLBACK");
    return result;
}

// Prepares many statements with one check at the end.
class preparer {
  public:
    explicit preparer(database& file) : file_(file) {}
    void operator()(statement& out, std::string_view sql) {
        if (error_) return;
        auto prepared = file_.prepare(sql);
        if (prepared) {
            out = std::move(*prepared);
        } else {
            error_ = prepared.error();
        }
    }
    [[nodiscard]] base::outcome<void> result() const {
        if (error_) return std::unexpected(*error_);
        return {};
    }

  private:
    database& file_;
    std::optional<base::failure> error_;  // of the first statement that failed
};

base::outcome<void> check_bounds(const ports::document& content) {
    if (content.id.empty() || content.id.size() > id_bytes_max) {
        return fail(errc::limit, fmt::format("an id must have 1 to {} bytes", id_bytes_max));
    }
    if (content.body.size() > body_bytes_max) {
        return fail(errc::limit, fmt::format("a body must have at most {} bytes", body_bytes_max));
    }
    return {};
}

}  // namespace

base::outcome<void> migrate(database& file) {
    auto query = file.prepare("PRAGMA user_version");
    if (!query) return base::pass(std::move(query));
    auto row = query->step();
    if (!row) return base::pass(std::move(row));
    auto version = query->integer(0);
    query->reset();
    if (version < 0 || version > schema_version) {
        return fail(
            errc::unsupported,
            fmt::format("the store has schema version {}, but this program supports up to {}; use "
                        "the newer version of the program",
                        version, schema_version));
    }
    for (; version < schema_version; ++version) {
        auto upgraded = step_from(version, file);
        if (!upgraded) return upgraded;
    }
    return {};
}

base::outcome<void> probe(database& file) {
    return set_version(file, schema_version);
}

// ---- reading -------------------------------------------------------------------------

base::outcome<reading_tables> reading_tables::prepare(database& file) {
    reading_tables tables;
    preparer prepare(file);
    prepare(tables.get_,
            "SELECT id, revision, body FROM document WHERE collection = ?1 AND id = ?2");
    prepare(tables.page_,
            "SELECT id, revision, body FROM document WHERE collection = ?1 AND id > ?2 "
            "ORDER BY id LIMIT ?3");
    prepare(tables.revisions_,
            "SELECT id, revision FROM document WHERE collection = ?1 AND id > ?2 "
            "ORDER BY id LIMIT ?3");
    // Finds each next name by the primary key instead of reading every document.
    prepare(tables.collections_,
            "WITH RECURSIVE names(name) AS (SELECT min(collection) FROM document UNION ALL "
            "SELECT (SELECT min(collection) FROM document WHERE collection > name) FROM names "
            "WHERE name IS NOT NULL) SELECT name FROM names WHERE name IS NOT NULL");
    prepare(tables.page_by_index_,
            "SELECT d.id, d.revision, d.body FROM index_value v "
            "JOIN document d ON d.collection = v.collection AND d.id = v.id "
            "WHERE v.collection = ?1 AND v.name = ?4 AND v.value = ?5 AND v.id > ?2 "
            "ORDER BY v.id LIMIT ?3");
    prepare(tables.index_, "SELECT name, value FROM index_value WHERE collection = ?1 AND id = ?2");
    prepare(tables.unique_,
            "SELECT name, value FROM unique_value WHERE collection = ?1 AND id = ?2");
    prepare(tables.probe_,
            "SELECT (SELECT 1 FROM document LIMIT 1), (SELECT 1 FROM index_value LIMIT 1), "
            "(SELECT 1 FROM unique_value LIMIT 1)");
    if (auto result = prepare.result(); !result) return base::pass(std::move(result));
    return tables;
}

base::outcome<void> reading_tables::complete(const std::string& collection,
                                             ports::document& document) {
    const auto fill = [&](statement& query,
                          std::map<std::string, std::string>& out) -> base::outcome<void> {
        query.bind(1, collection);
        query.bind(2, document.id);
        while (true) {
            auto row = query.step();
            if (!row || !*row) {
                query.reset();
                if (!row) return base::pass(std::move(row));
                return {};
            }
            out.emplace(query.text(0), query.text(1));
        }
    };
    auto filled = fill(index_, document.index);
    if (!filled) return filled;
    return fill(unique_, document.unique);
}

base::outcome<ports::document> reading_tables::get(const std::string& collection,
                                                   const std::string& id) {
    get_.bind(1, collection);
    get_.bind(2, id);
    auto row = get_.step();
    ports::document document;
    if (row && *row) {
        document = {.id = get_.text(0), .body = get_.text(2), .revision = get_.integer(1)};
    }
    get_.reset();
    if (!row) return base::pass(std::move(row));
    if (!*row) return fail(errc::not_found, fmt::format("no document '{}/{}'", collection, id));
    auto completed = complete(collection, document);
    if (!completed) return base::pass(std::move(completed));
    return document;
}

base::outcome<ports::page> reading_tables::find(const ports::page_request& request) {
    if (request.limit < 1 || request.limit > page_size_max) {
        return fail(errc::invalid,
                    fmt::format("the limit of a page must be from 1 to {}", page_size_max));
    }
    auto& query = request.index_name.empty() ? page_ : page_by_index_;
    query.bind(1, request.collection);
    query.bind(2, request.after);
    query.bind(3, static_cast<std::int64_t>(request.limit + 1));
    if (!request.index_name.empty()) {
        query.bind(4, request.index_name);
        query.bind(5, request.index_value);
    }
    ports::page result;
    base::outcome<bool> row;
    while ((row = query.step()) && *row) {
        result.items.push_back(
            {.id = query.text(0), .body = query.text(2), .revision = query.integer(1)});
    }
    query.reset();
    if (!row) return base::pass(std::move(row));
    if (result.items.size() > request.limit) {
        result.items.pop_back();
        result.next = result.items.back().id;
    }
    for (auto& document : result.items) {
        auto completed = complete(request.collection, document);
        if (!completed) return base::pass(std::move(completed));
    }
    return result;
}

base::outcome<ports::revision_page> reading_tables::revisions(const std::string& collection,
                                                              const std::string& after,
                                                              std::size_t limit) {
    if (limit < 1 || limit > revision_page_max) {
        return fail(errc::invalid, fmt::format("limit: must be 1 to {}", revision_page_max));
    }
    revisions_.bind(1, collection);
    revisions_.bind(2, after);
    revisions_.bind(3, static_cast<std::int64_t>(limit + 1));
    ports::revision_page page;
    base::outcome<bool> row;
    while ((row = revisions_.step()) && *row) {
        page.items.push_back({.id = revisions_.text(0), .revision = revisions_.integer(1)});
    }
    revisions_.reset();
    if (!row) return base::pass(std::move(row));
    if (page.items.size() > limit) {
        page.items.pop_back();
        page.next = page.items.back().id;
    }
    return page;
}

base::outcome<std::vector<std::string>> reading_tables::collections() {
    std::vector<std::string> names;
    base::outcome<bool> row;
    while ((row = collections_.step()) && *row) names.push_back(collections_.text(0));
    collections_.reset();
    if (!row) return base::pass(std::move(row));
    return names;
}

base::outcome<void> reading_tables::probe() {
    return probe_.run();
}

// ---- writing -------------------------------------------------------------------------

base::outcome<writing_tables> writing_tables::prepare(database& file) {
    writing_tables tables;
    preparer prepare(file);
    prepare(tables.begin_, "BEGIN IMMEDIATE");
    prepare(tables.commit_, "COMMIT");
    prepare(tables.rollback_, "ROLLBACK");
    prepare(tables.revision_, "SELECT revision FROM document WHERE collection = ?1 AND id = ?2");
    prepare(tables.upsert_,
            "INSERT INTO document (collection, id, revision, body) VALUES (?1, ?2, ?3, ?4) "
            "ON CONFLICT (collection, id) DO UPDATE SET revision = ?3, body = ?4");
    prepare(tables.delete_, "DELETE FROM document WHERE collection = ?1 AND id = ?2");
    prepare(tables.owner_,
            "SELECT id FROM unique_value WHERE collection = ?1 AND name = ?2 AND value = ?3");
    prepare(tables.add_unique_,
            "INSERT INTO unique_value (collection, name, value, id) VALUES (?1, ?2, ?3, ?4)");
    prepare(tables.drop_unique_, "DELETE FROM unique_value WHERE collection = ?1 AND id = ?2");
    prepare(tables.add_index_,
            "INSERT INTO index_value (collection, id, name, value) VALUES (?1, ?2, ?3, ?4)");
    prepare(tables.drop_index_, "DELETE FROM index_value WHERE collection = ?1 AND id = ?2");
    if (auto result = prepare.result(); !result) return base::pass(std::move(result));
    return tables;
}

base::outcome<ports::revision> writing_tables::current_revision(const std::string& collection,
                                                                const std::string& id) {
    revision_.bind(1, collection);
    revision_.bind(2, id);
    auto row = revision_.step();
    const auto revision = row && *row ? revision_.integer(0) : 0;
    revision_.reset();
    if (!row) return base::pass(std::move(row));
    return revision;
}

base::outcome<void> writing_tables::check_unique(const ports::put_request& request) {
    for (const auto& [name, value] : request.content.unique) {
        owner_.bind(1, request.collection);
        owner_.bind(2, name);
        owner_.bind(3, value);
        auto row = owner_.step();
        const bool is_used = row && *row && owner_.text(0) != request.content.id;
        owner_.reset();
        if (!row) return base::pass(std::move(row));
        if (is_used) {
            return fail(errc::conflict, fmt::format("the {} '{}' is already in use", name, value),
                        ports::store_cause::not_unique);
        }
    }
    return {};
}

base::outcome<void> writing_tables::delete_values(const std::string& collection,
                                                  const std::string& id) {
    for (auto* drop : {&drop_index_, &drop_unique_}) {
        drop->bind(1, collection);
        drop->bind(2, id);
        auto dropped = drop->run();
        if (!dropped) return dropped;
    }
    return {};
}

base::outcome<void> writing_tables::write_values(const ports::put_request& request) {
    const auto& content = request.content;
    auto forgotten = delete_values(request.collection, content.id);
    if (!forgotten) return forgotten;
    for (const auto& [name, value] : content.index) {
        add_index_.bind(1, request.collection);
        add_index_.bind(2, content.id);
        add_index_.bind(3, name);
        add_index_.bind(4, value);
        auto added = add_index_.run();
        if (!added) return added;
    }
    for (const auto& [name, value] : content.unique) {
        add_unique_.bind(1, request.collection);
        add_unique_.bind(2, name);
        add_unique_.bind(3, value);
        add_unique_.bind(4, content.id);
        auto added = add_unique_.run();
        if (!added) return added;
    }
    return {};
}

// Checks every rule before the first change, so that a rejected request leaves the transaction
// intact.
base::outcome<ports::revision> writing_tables::put(const ports::put_request& request) {
    const auto& content = request.content;
    auto bounded = check_bounds(content);
    if (!bounded) return base::pass(std::move(bounded));
    auto current = current_revision(request.collection, content.id);
    if (!current) return current;
    if (*current != request.expected) {
        return fail(errc::precondition,
                    fmt::format("'{}/{}' has revision {}, not {}", request.collection, content.id,
                                *current, request.expected));
    }
    auto checked = check_unique(request);
    if (!checked) return base::pass(std::move(checked));
    const auto next = *current + 1;
    auto written = write(request, next);
    if (!written) return base::pass(std::move(written));
    return next;
}

base::outcome<void> writing_tables::write(const ports::put_request& request,
                                          ports::revision revision) {
    upsert_.bind(1, request.collection);
    upsert_.bind(2, request.content.id);
    upsert_.bind(3, revision);
    upsert_.bind(4, request.content.body);
    auto written = upsert_.run();
    if (!written) return written;
    return write_values(request);
}

base::outcome<void> writing_tables::restore(const std::string& collection,
                                            const ports::document& document) {
    auto bounded = check_bounds(document);
    if (!bounded) return bounded;
    if (document.revision < 1) {
        return fail(errc::invalid,
                    fmt::format("the revision of '{}' must be at least 1", document.id));
    }
    auto current = current_revision(collection, document.id);
    if (!current) return base::pass(std::move(current));
    if (*current != 0) {
        return fail(errc::conflict, fmt::format("'{}/{}' exists already", collection, document.id));
    }
    const ports::put_request request{.collection = collection, .content = document};
    auto checked = check_unique(request);
    if (!checked) return checked;
    return write(request, document.revision);
}

base::outcome<void> writing_tables::remove(const ports::delete_request& request) {
    auto current = current_revision(request.collection, request.id);
    if (!current) return base::pass(std::move(current));
    if (request.expected != 0 && *current != request.expected) {
        return fail(errc::precondition,
                    fmt::format("'{}/{}' has revision {}, not {}", request.collection, request.id,
                                *current, request.expected));
    }
    if (*current == 0) return {};
    auto forgotten = delete_values(request.collection, request.id);
    if (!forgotten) return forgotten;
    delete_.bind(1, request.collection);
    delete_.bind(2, request.id);
    return delete_.run();
}

}  // namespace sqlite
