#pragma once
// The common parts of all signals of OTLP/HTTP 1.x in JSON: the resource, attributes, the part of a
// response that rejects items, and the text formats of the OTEL_ variables. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "http/message.hpp"
#include "json/json_writer.hpp"

namespace otlp {

using attribute_list = std::vector<std::pair<std::string, std::string>>;

// The process that the items belong to.
struct resource {
    std::string service_name{};
    std::string service_version{};
    std::string service_instance_id{};
    attribute_list attributes{};  // OTEL_RESOURCE_ATTRIBUTES
};

// Writes {"attributes":[...]}.
void write_resource(json::writer& out, const resource& source);
using attribute_value = std::variant<std::string_view, bool, double, std::int64_t>;
// Writes {"key":KEY,"value":{"stringValue":VALUE}}, or with the member of another type.
void write_attribute(json::writer& out, std::string_view key, const attribute_value& value);
// Returns the nanoseconds since 1970 as decimal text.
std::string nanoseconds_text(base::instant start, std::chrono::nanoseconds duration = {});

// The members around the items of a signal.
struct group_names {
    std::string_view resource;  // "resourceSpans"
    std::string_view scope;     // "scopeSpans"
    std::string_view items;     // "spans"
};
// Returns the body of a request with the items of one resource; `write` writes one item.
template <class Item>
std::string encode_group(const resource& source, const group_names& names,
                         const std::vector<Item>& items,
                         void (*write)(json::writer&, const Item&)) {
    std::string text;
    json::writer out(text);
    out.begin_object().key(names.resource).begin_array().begin_object().key("resource");
    write_resource(out, source);
    out.key(names.scope).begin_array().begin_object();
    out.key("scope").begin_object().member("name", "dbaas").end_object();
    out.key(names.items).begin_array();
    for (const auto& item : items) write(out, item);
    out.end_array().end_object().end_array().end_object().end_array().end_object();
    return text;
}

// Returns the number of items that a response with a success status rejects: `member` of
// partialSuccess, a number or decimal text.
std::uint64_t rejected_items(std::string_view response_body, std::string_view member);

// Parses "key=value,key=value"; values are percent-encoded. Errors: invalid. The text of an error
// contains no value.
base::outcome<attribute_list> parse_attributes(std::string_view text);
// As parse_attributes(). Errors: invalid; also for a name or a value that no HTTP header may have.
base::outcome<attribute_list> parse_headers(std::string_view text);

// Returns the URL that receives a signal: `whole`, or `base` followed by `path` ("/v1/traces").
// Errors: invalid.
base::outcome<http::url> signal_url(std::string_view base, std::string_view whole,
                                    std::string_view path);

}  // namespace otlp
