#include "devcluster/apiserver/object_reads.hpp"

#include <fmt/format.h>

#include "base/base64.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

// The start of the next page. The token has the format of Kubernetes: meta.k8s.io/v1 in base64.
struct position {
    std::uint64_t revision = 0;  // 0: whatever is present (an inconsistent continuation)
    object_key start;
};

std::string encode(const position& next) {
    const auto revision = next.revision == 0 ? std::int64_t(-1) : std::int64_t(next.revision);
    return base::to_base64_url(
        json::serialize(json::object{{"v", "meta.k8s.io/v1"},
                                     {"rv", revision},
                                     {"start", next.start.first + "/" + next.start.second}}));
}

std::optional<position> decode(std::string_view token) {
    const auto text = base::from_base64(token);
    boost::system::error_code error;
    const auto parsed = text ? json::parse(*text, error) : json::value();
    if (error || !parsed.is_object()) return std::nullopt;
    const auto* rv = parsed.get_object().if_contains("rv");
    const auto start = text_at(parsed.get_object(), "start");
    const auto slash = start.find('/');
    if (rv == nullptr || !rv->is_int64() || slash == std::string::npos) return std::nullopt;
    const auto revision = rv->get_int64() < 0 ? 0 : static_cast<std::uint64_t>(rv->get_int64());
    return position{revision, {start.substr(0, slash), start.substr(slash + 1)}};
}

status_error too_large(std::uint64_t requested, std::uint64_t present) {
    return {504,
            "Timeout",
            fmt::format("Too large resource version: {}, current: {}", requested, present),
            {{"causes",
              {{{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}}}},
             {"retryAfterSeconds", 1}}};
}

// A consistent continuation is not possible; metadata.continue allows an inconsistent one.
status_error continue_too_old(position next) {
    next.revision = 0;
    auto error = gone(
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results; that list would be inconsistent.");
    error.metadata["continue"] = encode(next);
    return error;
}

std::optional<status_error> check_versions(const request_info& info) {
    const auto revision = info.option("resourceVersion");
    const auto match = info.option("resourceVersionMatch");
    const bool is_watch = info.verb == "watch";
    if (info.query.contains("sendInitialEvents")) {
        if (!is_watch) {
            return invalid_options("ListOptions", "sendInitialEvents",
                                   "sendInitialEvents is forbidden for list");
        }
        if (match != "NotOlderThan") {
            return invalid_options(
                "ListOptions", "resourceVersionMatch",
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        }
    } else if (!match.empty() && revision.empty()) {
        return invalid_options(
            "ListOptions", "resourceVersionMatch",
            "resourceVersionMatch is forbidden unless resourceVersion is provided");
    }
    if (match == "Exact" && revision == "0") {
        return invalid_options(
            "ListOptions", "resourceVersionMatch",
            "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"");
    }
    if (!match.empty() && match != "Exact" && match != "NotOlderThan") {
        return invalid_options("ListOptions", "resourceVersionMatch", "not a known match");
    }
    if (!revision.empty() && !number(revision)) {
        const auto text =
            fmt::format("strconv.ParseUint: parsing \"{}\": invalid syntax", revision);
        return is_watch ? internal_error(text) : bad_request("invalid resource version: " + text);
    }
    return std::nullopt;
}

}  // namespace

http::response object_reads::get(const request_info& info, object_format format) const {
    const auto object = objects_.find(info.type->key(), info.key());
    if (!object) {
        return to_response(not_found(info.type->group, info.type->plural, info.name));
    }
    if (format == object_format::table) {
        return json_response(200,
                             to_table({info.type,
                                       info.option("includeObject"),
                                       clock_.utc_now(),
                                       {{"resourceVersion", std::to_string(object->revision)}}},
                                      {in_version(*info.type, object->parse())}));
    }
    std::string text;
    append_object(text, {info.type, format}, object->text());
    return json_response(200, std::move(text));
}

// Reads where the list starts, at which revision, and how many objects it returns.
std::expected<object_reads::list_range, status_error> object_reads::read_range(
    const request_info& info) const {
    auto limit = number(info.option("limit")).value_or(0);
    const auto asked_revision = number(info.option("resourceVersion")).value_or(0);
    if (asked_revision > objects_.revision()) {
        return std::unexpected(too_large(asked_revision, objects_.revision()));
    }
    object_store::range range{.ns = info.ns, .revision = objects_.revision()};
    const bool is_exact =
        info.option("resourceVersionMatch") == "Exact" ||
        (limit > 0 && asked_revision > 0 && info.option("resourceVersionMatch").empty());
    if (is_exact) range.revision = asked_revision;
    if (info.option("resourceVersion") == "0") limit = 0;  // "any version": from a cache, whole
    if (const auto token = info.option("continue"); !token.empty()) {
        const auto token_position = decode(token);
        if (!token_position) return std::unexpected(bad_request("continue key is not valid"));
        if (asked_revision > 0) {
            return std::unexpected(
                bad_request("specifying resource version is not allowed when using continue"));
        }
        if (token_position->revision != 0) range.revision = token_position->revision;
        range.start = token_position->start;
        if (range.revision < objects_.forgotten())
            return std::unexpected(continue_too_old(*token_position));
        if (range.revision > objects_.revision()) {
            return std::unexpected(too_large(range.revision, objects_.revision()));
        }
    }
    if (range.revision < objects_.forgotten()) {
        return std::unexpected(gone("The resourceVersion for the provided list is too old."));
    }
    return list_range{std::move(range), limit};
}

http::response object_reads::list(const request_info& info, object_format format) const {
    const auto& type = *info.type;
    if (const auto error = check_versions(info)) return to_response(*error);
    const auto wanted = selector::parse(info.option("labelSelector"), info.option("fieldSelector"),
                                        type.selectable);
    if (!wanted) return to_response(bad_request(wanted.error().text));
    const auto range = read_range(info);
    if (!range) return to_response(range.error());
    const auto& [source, limit] = *range;
    const representation form{info.type, format};
    std::string items;
    std::vector<json::object> rows;
    std::uint64_t count = 0;
    std::uint64_t left = 0;
    object_key last;
    objects_.each_at(type.key(), source, [&](const object_key& key, const object_pointer& object) {
        if (!wanted->matches_all() && !wanted->matches(key, *object)) return true;
        if (limit > 0 && count == limit) {
            ++left;
            return wanted->matches_all();  // counts the rest only if no selector must be evaluated
        }
        last = key;
        if (format == object_format::table) {
            rows.push_back(in_version(type, object->parse()));
        } else {
            if (count > 0) items += ',';
            append_object(items, form, object->text());
        }
        ++count;
        return true;
    });
    json::object metadata{{"resourceVersion", std::to_string(source.revision)}};
    if (left > 0) {
        last.second += '\0';
        metadata["continue"] = encode({source.revision, last});
        if (wanted->matches_all()) metadata["remainingItemCount"] = left;
    }
    if (format == object_format::table) {
        return json_response(200, to_table({info.type, info.option("includeObject"),
                                            clock_.utc_now(), std::move(metadata)},
                                           rows));
    }
    const bool whole = format == object_format::whole;
    return json_response(
        200,
        fmt::format(R"({{"apiVersion":"{}","kind":"{}List","metadata":{},"items":[{}]}})",
                    whole ? type.api_version() : "meta.k8s.io/v1",
                    whole ? type.kind : "PartialObjectMetadata", json::serialize(metadata), items));
}

std::variant<watch_request, status_error> object_reads::watch(const request_info& info,
                                                              object_format format) {
    if (const auto error = check_versions(info)) return *error;
    auto fields = std::string(info.option("fieldSelector"));
    if (!info.name.empty()) fields = "metadata.name=" + info.name;
    auto wanted = selector::parse(info.option("labelSelector"), fields, info.type->selectable);
    if (!wanted) return bad_request(wanted.error().text);
    // Watches have no tables: kubectl renders watched objects itself.
    watch_request request{
        .form = {info.type, format == object_format::table ? object_format::whole : format},
        .ns = info.ns,
        .wanted = std::move(*wanted),
        .bookmarks = info.flag("allowWatchBookmarks")};
    const auto after = number(info.option("resourceVersion")).value_or(0);
    request.marks_end_of_all = info.flag("sendInitialEvents");
    // Without a resourceVersion the watch starts with all present objects.
    request.begins_with_all =
        request.marks_end_of_all || (after == 0 && info.option("sendInitialEvents") != "false");
    if (request.marks_end_of_all && after > objects_.revision()) {
        return too_large(after, objects_.revision());
    }
    request.after = request.begins_with_all || after == 0 ? objects_.revision() : after;
    std::uniform_int_distribution<int> usual(1800, 3600);
    request.timeout = std::chrono::seconds(usual(random_));
    if (const auto seconds = number(info.option("timeoutSeconds"))) {
        if (*seconds > 0)
            request.timeout = std::chrono::seconds(std::min<std::uint64_t>(*seconds, 86'400));
    }
    return request;
}

}  // namespace apiserver
