#include "mongo/stored_document.hpp"

#include <bson/bson.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "mongo/document_writer.hpp"

namespace mongo {
namespace {

using base::errc;
using base::fail;

constexpr std::size_t id_bytes_max = 128;
constexpr std::size_t body_bytes_max = std::size_t(4) << 20;

bool is_utf8(std::string_view text) {
    return bson_utf8_validate(text.data(), text.size(), true);
}

// Returns [{k: name, v: value}, ...].
std::string array_of(const std::map<std::string, std::string>& values) {
    document_writer array;
    std::size_t index = 0;
    for (const auto& [name, value] : values) {
        array.document(std::to_string(index++),
                       document_writer().text("k", name).text("v", value).finish());
    }
    return array.finish();
}

bool read_view(std::string_view bytes, bson_t& out) {
    return bson_init_static(&out, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                            bytes.size());
}

std::unexpected<base::failure> not_bson() {
    return fail(errc::corrupt, "a stored document is not BSON");
}

// Returns the value of a string or a binary element.
std::optional<std::string> bytes_at(const bson_iter_t& element) {
    if (BSON_ITER_HOLDS_UTF8(&element)) {
        std::uint32_t size = 0;
        const char* text = bson_iter_utf8(&element, &size);
        return std::string(text, size);
    }
    if (BSON_ITER_HOLDS_BINARY(&element)) {
        bson_subtype_t subtype{};
        std::uint32_t size = 0;
        const std::uint8_t* bytes = nullptr;
        bson_iter_binary(&element, &subtype, &size, &bytes);
        return std::string(reinterpret_cast<const char*>(bytes), size);
    }
    return std::nullopt;
}

std::optional<std::string> bytes_of(const bson_t& document, const char* key) {
    bson_iter_t element;
    if (!bson_iter_init_find(&element, &document, key)) return std::nullopt;
    return bytes_at(element);
}

std::optional<std::int64_t> number_of(const bson_t& document, const char* key) {
    bson_iter_t element;
    if (!bson_iter_init_find(&element, &document, key)) return std::nullopt;
    const bool is_number = BSON_ITER_HOLDS_INT32(&element) || BSON_ITER_HOLDS_INT64(&element) ||
                           BSON_ITER_HOLDS_DOUBLE(&element);
    return is_number ? std::optional(bson_iter_as_int64(&element)) : std::nullopt;
}

// Returns false if an item of the array is not {k: string, v: string}.
bool read_values(const bson_t& document, const char* key, std::map<std::string, std::string>& out) {
    bson_iter_t array;
    if (!bson_iter_init_find(&array, &document, key)) return true;
    bson_iter_t item;
    if (!BSON_ITER_HOLDS_ARRAY(&array) || !bson_iter_recurse(&array, &item)) return false;
    while (bson_iter_next(&item)) {
        bson_iter_t pair;
        if (!BSON_ITER_HOLDS_DOCUMENT(&item) || !bson_iter_recurse(&item, &pair)) return false;
        std::optional<std::string> name;
        std::optional<std::string> value;
        while (bson_iter_next(&pair)) {
            const std::string_view field = bson_iter_key(&pair);
            if (field == "k") name = bytes_at(pair);
            if (field == "v") value = bytes_at(pair);
        }
        if (!name || !value) return false;
        out.emplace(std::move(*name), std::move(*value));
    }
    return true;
}

base::outcome<stored_version> version_of(const bson_t& document) {
    auto id = bytes_of(document, "_id");
    const auto revision = number_of(document, "rev");
    if (!id) return fail(errc::corrupt, "a stored document has no text as _id");
    if (!revision || *revision < 1) {
        return fail(errc::corrupt, fmt::format("the stored document '{}' has no rev", *id));
    }
    return stored_version{.id = std::move(*id),
                          .revision = *revision,
                          .write_id = bytes_of(document, "write_id").value_or("")};
}

document_writer find_options(std::size_t limit, std::chrono::milliseconds time_max) {
    document_writer options;
    options.document("sort", document_writer().int32("_id", 1).finish());
    if (limit > 0) {
        const auto count = static_cast<std::int64_t>(limit);
        // Without a size, the first batch has 101 documents, and a second command reads the others.
        // A batch of the limit would leave the cursor open.
        options.int64("limit", count).int64("batchSize", count + 1);
    }
    options.int64("maxTimeMS", std::max<std::int64_t>(1, time_max.count()));
    return options;
}

}  // namespace

base::outcome<void> check_document(const ports::document& document) {
    if (document.id.empty() || document.id.size() > id_bytes_max) {
        return fail(errc::limit, fmt::format("an id must have 1 to {} bytes", id_bytes_max));
    }
    if (document.body.size() > body_bytes_max) {
        return fail(errc::limit, fmt::format("a body must have at most {} bytes", body_bytes_max));
    }
    if (!is_utf8(document.id)) return fail(errc::invalid, "an id must be UTF-8");
    for (const auto* values : {&document.index, &document.unique}) {
        for (const auto& [name, value] : *values) {
            if (!is_utf8(name) || !is_utf8(value)) {
                return fail(errc::invalid,
                            "the names and values of an index and of unique values must be UTF-8");
            }
        }
    }
    return {};
}

std::string encode(const ports::document& document, ports::revision revision,
                   std::string_view write_id) {
    document_writer writer;
    writer.text("_id", document.id).int64("rev", revision);
    if (is_utf8(document.body)) {
        writer.text("body", document.body);
    } else {
        writer.binary("body", document.body);
    }
    if (!document.index.empty()) writer.array("index", array_of(document.index));
    if (!document.unique.empty()) writer.array("unique", array_of(document.unique));
    writer.text("write_id", write_id);
    return writer.finish();
}

base::outcome<ports::document> decode(std::string_view bytes) {
    bson_t view;
    if (!read_view(bytes, view)) return not_bson();
    auto version = version_of(view);
    if (!version) return base::pass(std::move(version));
    auto body = bytes_of(view, "body");
    ports::document document{.id = std::move(version->id),
                             .revision = version->revision,
                             .write_id = std::move(version->write_id)};
    if (!body || !read_values(view, "index", document.index) ||
        !read_values(view, "unique", document.unique)) {
        return fail(errc::corrupt,
                    fmt::format("the fields of the stored document '{}' have other types than "
                                "this program writes",
                                document.id));
    }
    document.body = std::move(*body);
    return document;
}

base::outcome<stored_version> decode_version(std::string_view bytes) {
    bson_t view;
    if (!read_view(bytes, view)) return not_bson();
    return version_of(view);
}

std::optional<std::int64_t> read_number(std::string_view bytes, const char* key) {
    bson_t view;
    if (!read_view(bytes, view)) return std::nullopt;
    return number_of(view, key);
}

std::string filter_by_id(std::string_view id) {
    return document_writer().text("_id", id).finish();
}

std::string filter_by_ids(const std::vector<std::string>& ids) {
    document_writer list;
    for (std::size_t index = 0; index < ids.size(); ++index) {
        list.text(std::to_string(index), ids[index]);
    }
    return document_writer()
        .document("_id", document_writer().array("$in", list.finish()).finish())
        .finish();
}

std::string filter_by_version(std::string_view id, ports::revision revision,
                              std::string_view write_id) {
    document_writer filter;
    filter.text("_id", id).int64("rev", revision);
    if (!write_id.empty()) filter.text("write_id", write_id);
    return filter.finish();
}

std::string filter_of_page(const ports::page_request& request) {
    document_writer filter;
    if (!request.index_name.empty()) {
        filter.document("index", document_writer()
                                     .text("k", request.index_name)
                                     .text("v", request.index_value)
                                     .finish());
    }
    filter.document("_id", document_writer().text("$gt", request.after).finish());
    return filter.finish();
}

std::string options_of_find(std::size_t limit, std::chrono::milliseconds time_max) {
    return find_options(limit, time_max).finish();
}

std::string options_of_version_find(std::size_t limit, std::chrono::milliseconds time_max) {
    return find_options(limit, time_max)
        .document("projection", document_writer().int32("rev", 1).int32("write_id", 1).finish())
        .finish();
}

}  // namespace mongo
