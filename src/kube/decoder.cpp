#include "kube/decoder.hpp"

// Without the conversions that throw: every error of simdjson's is looked at, or does not compile.
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <optional>

#include "kube/frame_buffer.hpp"

namespace kube {
namespace {

using base::errc;
using base::fail;
namespace od = simdjson::ondemand;

static_assert(frame_buffer::padding >= simdjson::SIMDJSON_PADDING);

constexpr std::string_view end_annotation = "k8s.io/initial-events-end";

// True when the value was a string.
bool assign(std::string& out, od::value value) {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) return false;
    out.assign(text);
    return true;
}

// Nothing when the annotations are not JSON: simdjson cannot go on then.
std::optional<bool> ends_initial_events(od::value value) {
    od::object annotations;
    od::value parsed;
    std::string_view text;
    auto error = value.get_object().get(annotations);
    if (error == simdjson::SUCCESS) {
        error = annotations.find_field_unordered(end_annotation).get(parsed);
    }
    if (error == simdjson::SUCCESS) error = parsed.get_string().get(text);
    if (error == simdjson::SUCCESS) return text == "true";
    if (error == simdjson::INCORRECT_TYPE || error == simdjson::NO_SUCH_FIELD) return false;
    return std::nullopt;
}

struct metadata_reading {
    object_meta meta{};
    bool ends_initial_events = false;
};

// Metadata's fields in whatever order they come; what we do not know is skipped.
bool read_metadata(od::object& metadata, metadata_reading& out) {
    for (auto each : metadata) {
        od::raw_json_string key;
        od::value value;
        if (each.key().get(key) != simdjson::SUCCESS) return false;
        if (each.value().get(value) != simdjson::SUCCESS) return false;
        bool is_valid = true;
        if (key == "name") {
            is_valid = assign(out.meta.name, value);
        } else if (key == "namespace") {
            is_valid = assign(out.meta.ns, value);
        } else if (key == "uid") {
            is_valid = assign(out.meta.uid, value);
        } else if (key == "resourceVersion") {
            is_valid = assign(out.meta.resource_version, value);
        } else if (key == "annotations") {
            const auto ends = ends_initial_events(value);
            is_valid = ends.has_value();
            out.ends_initial_events = ends.value_or(false);
        }
        if (!is_valid) return false;
    }
    return true;
}

// Returns the metadata and the text of an object, or nothing when the value is not an object.
struct object_reading {
    metadata_reading head{};
    std::string_view text{};
};
std::optional<object_reading> read_object(od::object& object) {
    object_reading parsed;
    od::object metadata;
    if (object.find_field_unordered("metadata").get_object().get(metadata) != simdjson::SUCCESS ||
        !read_metadata(metadata, parsed.head) || object.reset().error() != simdjson::SUCCESS ||
        object.raw_json().get(parsed.text) != simdjson::SUCCESS) {
        return std::nullopt;
    }
    return parsed;
}

std::optional<event_kind> kind_of(std::string_view type) {
    if (type == "MODIFIED" || type == "ADDED") return event_kind::upserted;
    if (type == "DELETED") return event_kind::deleted;
    if (type == "BOOKMARK") return event_kind::bookmark;
    if (type == "ERROR") return event_kind::error;
    return std::nullopt;
}

bool read_items(od::value value, const decoder::take_item& take) {
    bool is_null = false;
    if (value.is_null().get(is_null) != simdjson::SUCCESS) return false;
    if (is_null) return true;  // an empty list of Go's
    od::array items;
    if (value.get_array().get(items) != simdjson::SUCCESS) return false;
    for (auto item : items) {
        od::object object;
        if (item.get_object().get(object) != simdjson::SUCCESS) return false;
        const auto parsed = read_object(object);
        if (!parsed || parsed->head.meta.name.empty()) return false;
        take(parsed->head.meta, parsed->text);
    }
    return true;
}

bool read_list_metadata(od::value value, page_end& out) {
    od::object metadata;
    if (value.get_object().get(metadata) != simdjson::SUCCESS) return false;
    for (auto each : metadata) {
        od::raw_json_string key;
        od::value field;
        if (each.key().get(key) != simdjson::SUCCESS) return false;
        if (each.value().get(field) != simdjson::SUCCESS) return false;
        bool is_valid = true;
        if (key == "resourceVersion") {
            is_valid = assign(out.resource_version, field);
        } else if (key == "continue") {
            is_valid = assign(out.continue_token, field);
        }
        if (!is_valid) return false;
    }
    return true;
}

}  // namespace

struct decoder::state {
    od::parser parser;
};

decoder::decoder() : state_(std::make_unique<state>()) {}
decoder::~decoder() = default;

base::outcome<watch_event> decoder::read_event(std::string_view frame) {
    const simdjson::padded_string_view padded(frame.data(), frame.size(),
                                              frame.size() + frame_buffer::padding);
    od::document document;
    od::object root;
    std::string_view type;
    if (state_->parser.iterate(padded).get(document) != simdjson::SUCCESS ||
        document.get_object().get(root) != simdjson::SUCCESS ||
        root.find_field_unordered("type").get_string().get(type) != simdjson::SUCCESS) {
        return fail(errc::corrupt, "a watch frame that is no event");
    }
    const auto kind = kind_of(type);
    if (!kind) return fail(errc::corrupt, "a watch event of an unknown type");
    od::object object;
    if (root.find_field_unordered("object").get_object().get(object) != simdjson::SUCCESS) {
        return fail(errc::corrupt, "a watch event without an object");
    }
    watch_event event{.kind = *kind};
    if (*kind == event_kind::error) {
        if (object.raw_json().get(event.object) != simdjson::SUCCESS) {
            return fail(errc::corrupt, "a watch event with a broken Status");
        }
        return event;
    }
    auto parsed = read_object(object);
    if (!parsed || parsed->head.meta.resource_version.empty() ||
        (*kind != event_kind::bookmark && parsed->head.meta.name.empty())) {
        return fail(errc::corrupt, "a watch event without name or resourceVersion");
    }
    event.meta = std::move(parsed->head.meta);
    event.object = parsed->text;
    event.ends_initial_events = parsed->head.ends_initial_events;
    return event;
}

base::outcome<page_end> decoder::read_page(std::string text, const take_item& take) {
    text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    od::document document;
    od::object root;
    if (state_->parser.iterate(text).get(document) != simdjson::SUCCESS ||
        document.get_object().get(root) != simdjson::SUCCESS) {
        return fail(errc::corrupt, "a list that is not JSON");
    }
    page_end end;
    bool has_items = false;
    for (auto each : root) {
        od::raw_json_string key;
        od::value value;
        bool is_valid = each.key().get(key) == simdjson::SUCCESS &&
                        each.value().get(value) == simdjson::SUCCESS;
        if (is_valid && key == "items") {
            has_items = true;
            is_valid = read_items(value, take);
        } else if (is_valid && key == "metadata") {
            is_valid = read_list_metadata(value, end);
        }
        if (!is_valid) return fail(errc::corrupt, "a list that cannot be read");
    }
    if (!has_items || end.resource_version.empty()) {
        return fail(errc::corrupt, "a list without items or resourceVersion");
    }
    return end;
}

}  // namespace kube
