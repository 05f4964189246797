// The reading half of core: one object, lists in pages and of old versions, where watches begin,
// where proxies go.

#include <fmt/format.h>

#include "base/base64.hpp"
#include "devcluster/apiserver/api_core.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

// Where the next page begins. The same token as Kubernetes gives: of meta.k8s.io/v1, in base64.
struct position {
    std::uint64_t revision = 0;  // 0: whatever is present (an inconsistent continuation)
    object_key from;
};

std::string encode(const position& at) {
    const auto revision = at.revision == 0 ? std::int64_t(-1) : std::int64_t(at.revision);
    return base::to_base64_url(
        json::serialize(json::object{{"v", "meta.k8s.io/v1"},
                                     {"rv", revision},
                                     {"start", at.from.first + "/" + at.from.second}}));
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

refusal too_large(std::uint64_t asked, std::uint64_t present) {
    return {504,
            "Timeout",
            fmt::format("Too large resource version: {}, current: {}", asked, present),
            {{"causes",
              {{{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}}}},
             {"retryAfterSeconds", 1}}};
}

// The position cannot be continued consistently; metadata.continue says how to go on all the same.
refusal continue_too_old(position from) {
    from.revision = 0;
    auto why = gone(
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results; that list would be inconsistent.");
    why.metadata["continue"] = encode(from);
    return why;
}

}  // namespace

reply core::get(const call& asked, shape as) const {
    const auto found = objects_.find(asked.type->key(), asked.key());
    if (!found) {
        return to_response(not_found(asked.type->group, asked.type->plural, asked.name));
    }
    if (as == shape::table) {
        return json_response(200, to_table({asked.type,
                                            asked.option("includeObject"),
                                            clock_.utc_now(),
                                            {{"resourceVersion", std::to_string(found->revision)}}},
                                           {in_version(*asked.type, found->parse())}));
    }
    std::string text;
    append_object(text, {asked.type, as}, found->text());
    return json_response(200, std::move(text));
}

std::optional<refusal> core::check_versions(const call& asked) const {
    const auto revision = asked.option("resourceVersion");
    const auto match = asked.option("resourceVersionMatch");
    const bool is_watch = asked.verb == "watch";
    if (asked.query.contains("sendInitialEvents")) {
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

// What a list asks for: from where, of which version, how much.
std::expected<core::list_range, refusal> core::read_range(const call& asked) const {
    auto limit = number(asked.option("limit")).value_or(0);
    const auto asked_revision = number(asked.option("resourceVersion")).value_or(0);
    if (asked_revision > objects_.revision()) {
        return std::unexpected(too_large(asked_revision, objects_.revision()));
    }
    object_store::range which{.ns = asked.ns, .revision = objects_.revision()};
    const bool is_exact =
        asked.option("resourceVersionMatch") == "Exact" ||
        (limit > 0 && asked_revision > 0 && asked.option("resourceVersionMatch").empty());
    if (is_exact) which.revision = asked_revision;
    if (asked.option("resourceVersion") == "0") limit = 0;  // "any version": from a cache, whole
    if (const auto token = asked.option("continue"); !token.empty()) {
        const auto from = decode(token);
        if (!from) return std::unexpected(bad_request("continue key is not valid"));
        if (asked_revision > 0) {
            return std::unexpected(
                bad_request("specifying resource version is not allowed when using continue"));
        }
        if (from->revision != 0) which.revision = from->revision;
        which.from = from->from;
        if (which.revision < objects_.forgotten()) return std::unexpected(continue_too_old(*from));
        if (which.revision > objects_.revision()) {
            return std::unexpected(too_large(which.revision, objects_.revision()));
        }
    }
    if (which.revision < objects_.forgotten()) {
        return std::unexpected(gone("The resourceVersion for the provided list is too old."));
    }
    return list_range{std::move(which), limit};
}

reply core::list(const call& asked, shape as) const {
    const auto& type = *asked.type;
    if (const auto why = check_versions(asked)) return to_response(*why);
    const auto wanted = selector::parse(asked.option("labelSelector"),
                                        asked.option("fieldSelector"), type.selectable);
    if (!wanted) return to_response(bad_request(wanted.error().text));
    const auto range = read_range(asked);
    if (!range) return to_response(range.error());
    const auto& [which, limit] = *range;
    const presentation how{asked.type, as};
    std::string items;
    std::vector<json::object> rows;
    std::uint64_t taken = 0;
    std::uint64_t left = 0;
    object_key last;
    objects_.each_at(type.key(), which, [&](const object_key& key, const object_pointer& object) {
        if (!wanted->matches_all() && !wanted->matches(key, *object)) return true;
        if (limit > 0 && taken == limit) {
            ++left;
            return wanted->matches_all();  // the rest is counted only when that is cheap
        }
        last = key;
        if (as == shape::table) {
            rows.push_back(in_version(type, object->parse()));
        } else {
            if (taken > 0) items += ',';
            append_object(items, how, object->text());
        }
        ++taken;
        return true;
    });
    json::object metadata{{"resourceVersion", std::to_string(which.revision)}};
    if (left > 0) {
        last.second += '\0';
        metadata["continue"] = encode({which.revision, last});
        if (wanted->matches_all()) metadata["remainingItemCount"] = left;
    }
    if (as == shape::table) {
        return json_response(200, to_table({asked.type, asked.option("includeObject"),
                                            clock_.utc_now(), std::move(metadata)},
                                           rows));
    }
    const bool whole = as == shape::whole;
    return json_response(
        200,
        fmt::format(R"({{"apiVersion":"{}","kind":"{}List","metadata":{},"items":[{}]}})",
                    whole ? type.api_version() : "meta.k8s.io/v1",
                    whole ? type.kind : "PartialObjectMetadata", json::serialize(metadata), items));
}

reply core::watch(const call& asked, shape as) {
    if (const auto why = check_versions(asked)) return to_response(*why);
    auto fields = std::string(asked.option("fieldSelector"));
    if (!asked.name.empty()) fields = "metadata.name=" + asked.name;
    auto wanted = selector::parse(asked.option("labelSelector"), fields, asked.type->selectable);
    if (!wanted) return to_response(bad_request(wanted.error().text));
    // Tables are for lists: kubectl shows the objects of a watch by itself.
    watch_order order{.how = {asked.type, as == shape::table ? shape::whole : as},
                      .ns = asked.ns,
                      .wanted = std::move(*wanted),
                      .bookmarks = asked.flag("allowWatchBookmarks")};
    const auto after = number(asked.option("resourceVersion")).value_or(0);
    order.marks_end_of_all = asked.flag("sendInitialEvents");
    // From nowhere in particular means: from everything there is.
    order.begins_with_all =
        order.marks_end_of_all || (after == 0 && asked.option("sendInitialEvents") != "false");
    if (order.marks_end_of_all && after > objects_.revision()) {
        return to_response(too_large(after, objects_.revision()));
    }
    order.after = order.begins_with_all || after == 0 ? objects_.revision() : after;
    std::uniform_int_distribution<int> usual(1800, 3600);
    order.timeout = std::chrono::seconds(usual(random_));
    if (const auto seconds = number(asked.option("timeoutSeconds"))) {
        if (*seconds > 0)
            order.timeout = std::chrono::seconds(std::min<std::uint64_t>(*seconds, 86'400));
    }
    return order;
}

proxy_name split_proxy_name(std::string_view text) {
    proxy_name parts;
    const auto first = text.find(':');
    const auto second = first == std::string_view::npos ? first : text.find(':', first + 1);
    if (second != std::string_view::npos) {
        parts = {std::string(text.substr(0, first)),
                 std::string(text.substr(first + 1, second - first - 1)),
                 std::string(text.substr(second + 1))};
    } else if (first != std::string_view::npos) {
        parts = {"", std::string(text.substr(0, first)), std::string(text.substr(first + 1))};
    } else {
        parts.name = text;
    }
    return parts;
}

namespace {

// Endpoints know ports by name; a number is the Service's.
std::string port_name(const json::object& service, const std::string& port) {
    const auto* ports = array_at(object_at(&service, "spec"), "ports");
    if (ports == nullptr || !number(port)) return port;
    for (const auto& each : *ports) {
        const auto* entry = each.if_object();
        const auto* value = entry == nullptr ? nullptr : entry->if_contains("port");
        if (value == nullptr || !value->is_int64()) continue;
        if (std::to_string(value->get_int64()) != port) continue;
        return text_at(*entry, "name");
    }
    return port;
}

// A pod's port by number or name; a hostPort says where it really is.
std::optional<host_port> address_of_pod(const json::object& pod, const std::string& port) {
    const auto ip = text_at_path(pod, "status.podIP");
    if (!ip || ip->empty()) return std::nullopt;
    const auto* containers = array_at(object_at(&pod, "spec"), "containers");
    for (std::size_t at = 0; containers != nullptr && at < containers->size(); ++at) {
        const auto* ports = array_at((*containers)[at].if_object(), "ports");
        if (ports == nullptr) continue;
        for (const auto& each : *ports) {
            const auto* entry = each.if_object();
            const auto* inner = entry == nullptr ? nullptr : entry->if_contains("containerPort");
            if (inner == nullptr || !inner->is_int64()) continue;
            const bool fits = port.empty() || port == std::to_string(inner->get_int64()) ||
                              port == text_at(*entry, "name");
            if (!fits) continue;
            const auto* outer = entry->if_contains("hostPort");
            const auto* taken = outer != nullptr && outer->is_int64() ? outer : inner;
            return host_port{*ip, static_cast<std::uint16_t>(taken->get_int64())};
        }
    }
    const auto digits = number(port);
    if (!digits || *digits == 0 || *digits > 65535) return std::nullopt;
    return host_port{*ip, static_cast<std::uint16_t>(*digits)};
}

}  // namespace

// services/[scheme:]NAME[:PORT]/proxy/PATH by the Service and its Endpoints; pods/... by podIP.
reply core::proxy(const call& asked) {
    const auto wanted = split_proxy_name(asked.name);
    const auto found = objects_.find(asked.type->key(), {asked.ns, wanted.name});
    if (!found) return to_response(not_found("", asked.type->plural, wanted.name));
    if (!wanted.scheme.empty() && wanted.scheme != "http") {
        return to_response(
            unavailable("error trying to reach service: only http backends are served"));
    }
    std::vector<host_port> addresses;
    if (asked.type->key() == "/services") {
        const auto endpoints = objects_.find("/endpoints", {asked.ns, wanted.name});
        if (!endpoints) return to_response(not_found("", "services", wanted.name));
        addresses = endpoints_of(endpoints->parse(), port_name(found->parse(), wanted.port));
    } else if (const auto address = address_of_pod(found->parse(), wanted.port)) {
        addresses.push_back(*address);
    }
    if (addresses.empty()) {
        return to_response(
            unavailable(fmt::format("no endpoints available for service \"{}\"", asked.name)));
    }
    const auto& chosen = addresses[random_() % addresses.size()];
    std::string target = "/";
    // As it was sent: decoded characters are encoded again, but not the slashes.
    for (std::size_t at = 0; at < asked.rest.size();) {
        const auto slash = std::min(asked.rest.find('/', at), asked.rest.size());
        target += http::encode_percent(asked.rest.substr(at, slash - at));
        if (slash < asked.rest.size()) target += '/';
        at = slash + 1;
    }
    if (!asked.raw_query.empty()) target += "?" + asked.raw_query;
    return proxy_order{.host = chosen.host, .port = chosen.port, .target = std::move(target)};
}

}  // namespace apiserver
