#include "devcluster/apiserver/core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

constexpr std::string_view server_version =
    R"({"major":"1","minor":"34","gitVersion":"v1.34.0+devcluster","platform":"linux/amd64"})";

std::vector<std::string_view> segments(std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        if (path.front() == '/') {
            path.remove_prefix(1);
            continue;
        }
        const auto slash = path.find('/');
        parts.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash);
    }
    return parts;
}

http::response plain(unsigned status, std::string text) {
    return {.status = status,
            .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
            .body = http::body(std::move(text))};
}

json::array verbs_of(const resource_type&) {
    return {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
}

json::object resource_entry(const resource_type& type) {
    return {{"name", type.plural},
            {"singularName", lower(type.kind)},
            {"namespaced", type.namespaced},
            {"kind", type.kind},
            {"verbs", verbs_of(type)}};
}

// apidiscovery.k8s.io/v2
json::object aggregated(const std::vector<std::unique_ptr<resource_type>>& types, bool core_group) {
    std::vector<std::pair<std::string, std::vector<std::string>>> groups;
    for (const auto& type : types) {
        if (type->group.empty() != core_group) continue;
        auto at = std::ranges::find(groups, type->group, &decltype(groups)::value_type::first);
        if (at == groups.end()) at = groups.insert(groups.end(), {type->group, {}});
        if (std::ranges::find(at->second, type->version) == at->second.end()) {
            at->second.push_back(type->version);
        }
    }
    json::array items;
    for (const auto& [group, versions] : groups) {
        json::array list;
        for (const auto& version : versions) {
            json::array resources;
            for (const auto& type : types) {
                if (type->group != group || type->version != version) continue;
                json::array subresources;
                if (type->has_status) {
                    subresources.push_back(json::object{{"subresource", "status"},
                                                        {"verbs", {"get", "patch", "update"}}});
                }
                resources.push_back(
                    json::object{{"resource", type->plural},
                                 {"responseKind",
                                  {{"group", group}, {"version", version}, {"kind", type->kind}}},
                                 {"scope", type->namespaced ? "Namespaced" : "Cluster"},
                                 {"singularResource", lower(type->kind)},
                                 {"verbs", verbs_of(*type)},
                                 {"subresources", std::move(subresources)}});
            }
            list.push_back(json::object{{"version", version},
                                        {"resources", std::move(resources)},
                                        {"freshness", "Current"}});
        }
        json::object metadata;
        if (!group.empty()) metadata["name"] = group;
        items.push_back(
            json::object{{"metadata", std::move(metadata)}, {"versions", std::move(list)}});
    }
    return {{"kind", "APIGroupDiscoveryList"},
            {"apiVersion", "apidiscovery.k8s.io/v2"},
            {"metadata", json::object{}},
            {"items", std::move(items)}};
}

json::object group_list(const std::vector<std::unique_ptr<resource_type>>& types,
                        std::string_view only) {
    json::array groups;
    std::vector<std::string> seen;
    for (const auto& type : types) {
        if (type->group.empty() || std::ranges::find(seen, type->group) != seen.end()) continue;
        if (!only.empty() && type->group != only) continue;
        seen.push_back(type->group);
        json::array versions;
        std::vector<std::string> known;
        for (const auto& each : types) {
            if (each->group != type->group) continue;
            if (std::ranges::find(known, each->version) != known.end()) continue;
            known.push_back(each->version);
            versions.push_back(
                json::object{{"groupVersion", each->api_version()}, {"version", each->version}});
        }
        const auto preferred = versions.front();
        groups.push_back(json::object{{"name", type->group},
                                      {"versions", std::move(versions)},
                                      {"preferredVersion", preferred}});
    }
    if (!only.empty() && !groups.empty()) {
        auto one = groups.front().get_object();
        one["kind"] = "APIGroup";
        one["apiVersion"] = "v1";
        return one;
    }
    return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

struct position {
    std::uint64_t revision = 0;
    std::string name_space;
    std::string name;
};

std::string encode_position(const position& at) {
    return base64(json::serialize(json::object{
        {"v", "meta.k8s.io/v1"}, {"rv", at.revision}, {"start", at.name_space + "/" + at.name}}));
}

std::optional<position> decode_position(std::string_view token) {
    const auto text = from_base64(token);
    if (!text) return std::nullopt;
    boost::system::error_code error;
    const auto parsed = json::parse(*text, error);
    if (error || !parsed.is_object()) return std::nullopt;
    const auto* rv = parsed.get_object().if_contains("rv");
    const auto* start = parsed.get_object().if_contains("start");
    if (rv == nullptr || !rv->is_int64() || start == nullptr || !start->is_string()) {
        return std::nullopt;
    }
    const std::string_view place = start->get_string();
    const auto slash = place.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    return position{static_cast<std::uint64_t>(rv->get_int64()),
                    std::string(place.substr(0, slash)), std::string(place.substr(slash + 1))};
}

refusal too_large(std::uint64_t asked, std::uint64_t present) {
    return {504,
            "Timeout",
            fmt::format("Too large resource version: {}, current: {}", asked, present),
            {{"causes",
              {{{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}}}},
             {"retryAfterSeconds", 1}}};
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

core::core(object_store& objects, type_table& types, const base::clock& clock)
    : objects_(objects), types_(types), clock_(clock), random_(std::random_device{}()) {
    for (const auto& [key, definition] :
         objects_.all("apiextensions.k8s.io/customresourcedefinitions")) {
        types_.add_definition(definition->content);
    }
    for (const auto& [type_key, all] : objects_.everything()) {
        for (const auto& [key, object] : all) {
            for (const auto& uid : owners_of(object->content)) {
                dependents_.emplace(uid, place{type_key, key});
            }
        }
    }
}

std::optional<route> core::find_route(std::string_view path) const {
    const auto parts = segments(path);
    std::size_t at = 0;
    std::string_view group;
    if (parts.size() >= 3 && parts[0] == "api") {
        at = 1;
    } else if (parts.size() >= 4 && parts[0] == "apis") {
        group = parts[1];
        at = 2;
    } else {
        return std::nullopt;
    }
    const auto version = parts[at++];
    route found;
    // /namespaces/NAME is the object itself, /namespaces/NAME/RESOURCE... something inside of it.
    const bool inside = parts[at] == "namespaces" && parts.size() > at + 2 &&
                        !(group.empty() && parts[at + 2] == "status" && parts.size() == at + 3);
    if (inside) {
        found.name_space = parts[at + 1];
        at += 2;
    }
    found.type = types_.find(group, version, parts[at]);
    if (found.type == nullptr || (inside && !found.type->namespaced)) return std::nullopt;
    if (parts.size() > at + 1) found.name = parts[at + 1];
    if (parts.size() > at + 2) found.subresource = parts[at + 2];
    if (parts.size() > at + 3) {
        if (found.subresource != "proxy") return std::nullopt;
        const auto begun = static_cast<std::size_t>(parts[at + 3].data() - path.data());
        found.rest = path.substr(begun);
    }
    if (!found.name.empty() && found.type->namespaced && !inside) return std::nullopt;
    return found;
}

std::string core::verb_of(const http::request& incoming, const route& to) {
    switch (incoming.verb) {
        case http::method::get:
            if (incoming.query().find("watch=1") != std::string_view::npos ||
                incoming.query().find("watch=true") != std::string_view::npos) {
                return "watch";
            }
            return to.name.empty() ? "list" : "get";
        case http::method::post:
            return "create";
        case http::method::put:
            return "update";
        case http::method::patch:
            return "patch";
        case http::method::del:
            return to.name.empty() ? "deletecollection" : "delete";
        default:
            return "other";
    }
}

http::response core::discover(std::string_view path, const http::request& incoming,
                              bool& known) const {
    known = true;
    if (path == "/version") return json_response(200, std::string(server_version));
    if (path == "/healthz" || path == "/readyz" || path == "/livez") return plain(200, "ok");
    const bool wants_aggregated =
        incoming.headers.get("Accept").find("APIGroupDiscoveryList") != std::string_view::npos;
    const auto parts = segments(path);
    if (wants_aggregated && parts.size() == 1 && (parts[0] == "api" || parts[0] == "apis")) {
        auto answer = json_response(200, aggregated(types_.all(), parts[0] == "api"));
        answer.headers.set("Content-Type",
                           "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
        return answer;
    }
    if (path == "/api") {
        return json_response(200, json::object{{"kind", "APIVersions"}, {"versions", {"v1"}}});
    }
    if (path == "/apis") return json_response(200, group_list(types_.all(), {}));
    const bool is_group = parts.size() == 2 && parts[0] == "apis";
    if (is_group) {
        auto group = group_list(types_.all(), parts[1]);
        if (group.contains("name")) return json_response(200, group);
    }
    const bool is_version =
        (parts.size() == 2 && parts[0] == "api") || (parts.size() == 3 && parts[0] == "apis");
    if (is_version) {
        const auto group = parts[0] == "api" ? std::string_view() : parts[1];
        const auto version = parts.back();
        json::array resources;
        for (const auto& type : types_.all()) {
            if (type->group != group || type->version != version) continue;
            resources.push_back(resource_entry(*type));
            if (!type->has_status) continue;
            auto status = resource_entry(*type);
            status["name"] = type->plural + "/status";
            status["verbs"] = json::array{"get", "patch", "update"};
            resources.push_back(std::move(status));
        }
        if (!resources.empty()) {
            const auto group_version =
                group.empty() ? std::string(version) : fmt::format("{}/{}", group, version);
            return json_response(200, json::object{{"kind", "APIResourceList"},
                                                   {"apiVersion", "v1"},
                                                   {"groupVersion", group_version},
                                                   {"resources", std::move(resources)}});
        }
    }
    known = false;
    return {};
}

reply core::handle(const http::request& incoming) {
    const auto path = http::decode_percent(incoming.path(), false);
    const auto items = http::parse_query(incoming.query());
    if (!path || !items) return to_response(bad_request("the request target cannot be decoded"));
    bool known = false;
    if (incoming.verb == http::method::get) {
        auto discovered = discover(*path, incoming, known);
        if (known) return discovered;
    }
    query_map query;
    for (const auto& item : *items) query.emplace(item.name, item.value);
    if (*path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews") {
        return json_response(
            201, std::string(R"({"kind":"SelfSubjectAccessReview","apiVersion":)"
                             R"("authorization.k8s.io/v1","status":{"allowed":true}})"));
    }
    const auto to = find_route(*path);
    if (!to) return plain(404, "404 page not found\n");
    if (to->subresource == "proxy") return proxy(*to, incoming);
    if (!to->subresource.empty() && (to->subresource != "status" || !to->type->has_status)) {
        return plain(404, "404 page not found\n");
    }
    const auto verb = verb_of(incoming, *to);
    if (verb == "get") return get(*to);
    if (verb == "list") return list(*to, query);
    if (verb == "watch") return watch(*to, query);
    if (verb == "create" && to->name.empty()) return create(*to, query, incoming);
    if (verb == "update") return update(*to, query, incoming);
    if (verb == "patch") return patch(*to, query, incoming);
    if (verb == "delete") return remove(*to, incoming);
    if (verb == "deletecollection") return remove_all(*to, query);
    return to_response(method_not_allowed());
}

http::response core::get(const route& to) const {
    const auto found = objects_.find(to.type->key(), {to.name_space, to.name});
    if (!found) return to_response(not_found(to.type->group, to.type->plural, to.name));
    auto answer = json_response(200, std::string());
    answer.body = http::body(found->text);
    return answer;
}

reply core::list(const route& to, const query_map& query) const {
    const auto text = [&](std::string_view key) {
        const auto at = query.find(key);
        return at == query.end() ? std::string_view() : std::string_view(at->second);
    };
    const auto wanted = selector::parse(text("labelSelector"), text("fieldSelector"));
    if (!wanted) return to_response(bad_request(wanted.error().text));
    const auto limit = number(text("limit")).value_or(0);
    const auto asked = number(text("resourceVersion")).value_or(0);
    auto revision = objects_.revision();
    if (asked > revision) return to_response(too_large(asked, revision));
    if (text("resourceVersionMatch") == "Exact" && asked != revision) {
        return to_response(gone("The resourceVersion for the provided list is too old."));
    }
    const auto& all = objects_.all(to.type->key());
    auto at = to.name_space.empty() ? all.begin() : all.lower_bound({to.name_space, ""});
    if (!text("continue").empty()) {
        const auto from = decode_position(text("continue"));
        if (!from) return to_response(bad_request("continue key is not valid"));
        if (from->revision < objects_.forgotten()) {
            return to_response(
                gone("The provided continue parameter is too old to display a consistent list "
                     "result."));
        }
        revision = from->revision;  // changes since then reach the client by its watch
        at = all.lower_bound({from->name_space, from->name});
    }
    std::string items;
    std::string next;
    std::uint64_t taken = 0;
    for (; at != all.end(); ++at) {
        if (!to.name_space.empty() && at->first.first != to.name_space) break;
        if (!wanted->matches_all() && !wanted->matches(at->second->content)) continue;
        if (limit > 0 && taken == limit) {
            next = encode_position({revision, at->first.first, at->first.second});
            break;
        }
        if (taken++ > 0) items += ',';
        items += *at->second->text;
    }
    json::object metadata{{"resourceVersion", std::to_string(revision)}};
    if (!next.empty()) metadata["continue"] = next;
    return json_response(
        200, fmt::format(R"({{"apiVersion":"{}","kind":"{}List","metadata":{},"items":[{}]}})",
                         to.type->api_version(), to.type->kind, json::serialize(metadata), items));
}

reply core::watch(const route& to, const query_map& query) const {
    const auto text = [&](std::string_view key) {
        const auto at = query.find(key);
        return at == query.end() ? std::string_view() : std::string_view(at->second);
    };
    auto fields = std::string(text("fieldSelector"));
    if (!to.name.empty()) fields = "metadata.name=" + to.name;
    auto wanted = selector::parse(text("labelSelector"), fields);
    if (!wanted) return to_response(bad_request(wanted.error().text));
    watch_order order{.type = to.type, .name_space = to.name_space, .wanted = std::move(*wanted)};
    const auto is_true = [&](std::string_view key) {
        return text(key) == "true" || text(key) == "1";
    };
    order.bookmarks = is_true("allowWatchBookmarks");
    if (is_true("sendInitialEvents")) {
        if (text("resourceVersionMatch") != "NotOlderThan") {
            return to_response(invalid("", "ListOptions", "",
                                       {{"FieldValueForbidden",
                                         "Forbidden: sendInitialEvents requires setting "
                                         "resourceVersionMatch to NotOlderThan",
                                         "resourceVersionMatch"}}));
        }
        order.initial_events = true;
    }
    const auto after = number(text("resourceVersion"));
    if (!after || *after == 0) {
        order.initial_events = order.initial_events || text("resourceVersion").empty() ||
                               text("resourceVersion") == "0";
        order.after = objects_.revision();
    } else {
        order.after = *after;
    }
    if (order.initial_events) order.after = objects_.revision();
    if (const auto seconds = number(text("timeoutSeconds"))) {
        order.timeout = std::chrono::seconds(*seconds);
    }
    return order;
}

// services/[scheme:]NAME[:PORT]/proxy/PATH, by the Service and its Endpoints.
reply core::proxy(const route& to, const http::request& incoming) const {
    if (to.type->plural != "services" || incoming.verb != http::method::get) {
        return to_response(method_not_allowed());
    }
    auto name = to.name;
    std::string port;
    if (name.starts_with("http:")) name.erase(0, 5);
    if (const auto colon = name.find(':'); colon != std::string::npos) {
        port = name.substr(colon + 1);
        name.resize(colon);
    }
    if (!objects_.find("/services", {to.name_space, name})) {
        return to_response(not_found("", "services", name));
    }
    const auto endpoints = objects_.find("/endpoints", {to.name_space, name});
    const auto found =
        endpoints ? endpoint_of(endpoints->content, port) : std::optional<host_port>();
    if (!found) {
        return to_response({503, "ServiceUnavailable",
                            fmt::format("no endpoints available for service \"{}\"", to.name)});
    }
    auto target = "/" + to.rest;
    if (!incoming.query().empty()) target += fmt::format("?{}", incoming.query());
    return proxy_order{.host = found->host, .port = found->port, .target = std::move(target)};
}

}  // namespace apiserver
