#include "mongo/mongo_schema.hpp"

#include <bson/bson.h>
#include <fmt/format.h>

#include <optional>

#include "mongo/document_writer.hpp"
#include "mongo/stored_document.hpp"

namespace mongo {
namespace {

using base::errc;
using base::fail;

constexpr std::string_view schema_id = "schema";
constexpr std::string_view index_by_value = "index_by_value";
constexpr std::string_view unique_by_value = "unique_by_value";
constexpr std::chrono::seconds read_timeout{10};
constexpr std::uint32_t attempts_max = 8;

// Runs an idempotent call that creates a collection or an index, until it succeeds. Processes that
// start on an empty database create the same collections at once. A server rejects the later ones
// with errors such as NamespaceExists and BackgroundOperationInProgressForNamespace; the MongoDB
// test server has no code for them.
template <class Call>
auto create_among_others(Call call) -> decltype(call()) {
    for (std::uint32_t attempt = 1;; ++attempt) {
        auto result = call();
        if (result || attempt == attempts_max) return result;
        const auto kind = result.error().kind;
        const bool is_conflict = kind == error_kind::other;
        if (!is_conflict && !(is_worth_retry(kind) && attempt == 1)) return result;
    }
}

std::string schema_document(std::int64_t version) {
    return document_writer().text("_id", schema_id).int64("version", version).finish();
}

// Returns the version, or nullopt if the database has no schema document.
base::outcome<std::optional<std::int64_t>> read_version(driver& target) {
    const auto documents = target.find(std::string(schema_collection), filter_by_id(schema_id),
                                       options_of_find(1, read_timeout));
    if (!documents) return std::unexpected(as_failure(documents.error()));
    if (documents->empty()) return std::nullopt;
    const auto version = read_number(documents->front(), "version");
    if (!version || *version < 1) {
        return fail(errc::corrupt,
                    fmt::format("the document '{}' in the collection {} has no version; use "
                                "another database",
                                schema_id, schema_collection));
    }
    return version;
}

// Returns false if another process has created the document.
base::outcome<bool> create_version(driver& target, std::int64_t version) {
    const auto inserted = create_among_others(
        [&] { return target.insert(std::string(schema_collection), schema_document(version)); });
    if (inserted) return true;
    if (inserted.error().kind == error_kind::duplicate_key) return false;
    return std::unexpected(as_failure(inserted.error()));
}

// Succeeds also if another process has changed the version.
base::outcome<void> raise_version(driver& target, std::int64_t present) {
    const auto filter = document_writer().text("_id", schema_id).int64("version", present).finish();
    const auto replaced =
        target.replace(std::string(schema_collection), filter, schema_document(present + 1));
    if (!replaced) return std::unexpected(as_failure(replaced.error()));
    return {};
}

struct index_definition {
    std::string_view name;
    std::string key;
    bool is_unique = false;
};

std::vector<index_definition> definitions() {
    return {{.name = index_by_value,
             .key = document_writer().int32("index", 1).int32("_id", 1).finish()},
            {.name = unique_by_value,
             .key = document_writer().int32("unique", 1).finish(),
             .is_unique = true}};
}

// The documents without unique values have no entry in the sparse index.
std::string create_command(const std::string& collection) {
    document_writer indexes;
    std::size_t number = 0;
    for (const auto& definition : definitions()) {
        document_writer index;
        index.document("key", definition.key).text("name", definition.name);
        if (definition.is_unique) index.boolean("unique", true).boolean("sparse", true);
        indexes.document(std::to_string(number++), index.finish());
    }
    return document_writer()
        .text("createIndexes", collection)
        .array("indexes", indexes.finish())
        .document("writeConcern", document_writer().text("w", "majority").finish())
        .finish();
}

// Returns true if the response of listIndexes contains a unique index `unique_by_value`.
bool has_unique_index(std::string_view reply) {
    bson_t view;
    bson_iter_t root;
    bson_iter_t batch;
    bson_iter_t item;
    if (!bson_init_static(&view, reinterpret_cast<const std::uint8_t*>(reply.data()),
                          reply.size()) ||
        !bson_iter_init(&root, &view) ||
        !bson_iter_find_descendant(&root, "cursor.firstBatch", &batch) ||
        !bson_iter_recurse(&batch, &item)) {
        return false;
    }
    while (bson_iter_next(&item)) {
        bson_iter_t field;
        if (!bson_iter_recurse(&item, &field)) continue;
        bool is_same_name = false;
        bool is_unique = false;
        while (bson_iter_next(&field)) {
            const std::string_view key = bson_iter_key(&field);
            if (key == "name" && BSON_ITER_HOLDS_UTF8(&field)) {
                is_same_name = bson_iter_utf8(&field, nullptr) == unique_by_value;
            }
            if (key == "unique") is_unique = bson_iter_as_bool(&field);
        }
        if (is_same_name && is_unique) return true;
    }
    return false;
}

base::failure index_conflict(const std::string& collection, std::string_view detail) {
    return {.code = errc::conflict,
            .text = fmt::format("the collection '{}' has indexes that this program did not create "
                                "({}); drop the indexes {} and {}, or use another database",
                                collection, detail, index_by_value, unique_by_value)};
}

}  // namespace

std::span<const migration> all_migrations() noexcept {
    return {};  // version 1 is the first one
}

base::outcome<void> upgrade_schema(driver& target, std::span<const migration> migrations) {
    // More than the versions of any program; a round without progress is one of another process.
    constexpr int rounds_max = 1000;
    const auto newest = static_cast<std::int64_t>(migrations.size()) + 1;
    for (int round = 0; round < rounds_max; ++round) {
        const auto version = read_version(target);
        if (!version) return base::pass(version, "schema");
        if (!*version) {
            const auto created = create_version(target, newest);
            if (!created) return base::pass(created, "schema");
            if (*created) return {};
            continue;
        }
        if (**version == newest) return {};
        if (**version > newest) {
            return fail(errc::unsupported,
                        fmt::format("the database has schema version {}, but this program supports "
                                    "up to {}; use the newer version of the program",
                                    **version, newest));
        }
        auto result = migrations[static_cast<std::size_t>(**version - 1)](target);
        if (result) result = raise_version(target, **version);
        if (!result) return base::pass(std::move(result), "schema");
    }
    return fail(errc::unavailable, "schema: the version changes faster than it can be read");
}

bool is_document_collection(std::string_view name) noexcept {
    return name != schema_collection && !name.starts_with("system.");
}

base::outcome<void> prepare_collection(driver& target, const std::string& collection) {
    const auto created = create_among_others([&, command = create_command(collection)] {
        return target.command("createIndexes", command);
    });
    if (!created && created.error().kind == error_kind::index_conflict) {
        return std::unexpected(index_conflict(collection, created.error().text));
    }
    if (!created) return std::unexpected(as_failure(created.error()));
    const auto listed =
        target.command("listIndexes", document_writer().text("listIndexes", collection).finish());
    if (!listed) return std::unexpected(as_failure(listed.error()));
    if (!has_unique_index(*listed)) {
        return std::unexpected(index_conflict(collection, "no unique index"));
    }
    return {};
}

base::outcome<void> prepare_collections(driver& target) {
    const auto names = target.collection_names();
    if (!names) return std::unexpected(as_failure(names.error()));
    for (const auto& name : *names) {
        if (!is_document_collection(name)) continue;
        auto prepared = prepare_collection(target, name);
        if (!prepared) return prepared;
    }
    return {};
}

}  // namespace mongo
