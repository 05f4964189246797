#include "devcluster/apiserver/api_core.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "devcluster/apiserver/api_discovery.hpp"
#include "devcluster/apiserver/text.hpp"

namespace apiserver {
namespace {

http::response page_not_found() {
    return {.status = 404,
            .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
            .body = http::body(std::string("404 page not found\n"))};
}

std::string verb_of(http::method verb, const call& asked) {
    if (asked.subresource == "proxy") return "proxy";
    switch (verb) {
        case http::method::get:
            if (asked.flag("watch")) return "watch";
            return asked.name.empty() ? "list" : "get";
        case http::method::post:
            return "create";
        case http::method::put:
            return "update";
        case http::method::patch:
            return "patch";
        case http::method::del:
            return asked.name.empty() ? "deletecollection" : "delete";
        default:
            return "other";
    }
}

// Reviews say yes: who has the token may do everything.
constexpr std::string_view reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

}  // namespace

std::string_view call::option(std::string_view wanted) const {
    const auto at = query.find(wanted);
    return at == query.end() ? std::string_view() : std::string_view(at->second);
}

bool call::flag(std::string_view wanted) const {
    const auto value = option(wanted);
    return value == "true" || value == "1";
}

std::string call::resource() const {
    if (!type) return {};
    return subresource.empty() ? type->plural : type->plural + "/" + subresource;
}

core::core(object_store& objects, type_table& types, const base::clock& clock)
    : objects_(objects), types_(types), clock_(clock), random_(std::random_device{}()) {
    for (const auto& [key, definition] : objects_.all(definitions_key)) {
        const auto content = definition->parse();
        if (type_table::check_definition(content).empty()) types_.add_definition(content);
    }
    for (const auto& [type_key, all] : objects_.everything()) {
        for (const auto& [key, object] : all) index({type_key, key}, nullptr, object);
    }
    // What fails now fails again at the next change, with an answer that says so.
    const auto done = take_up_the_undone();
    static_cast<void>(done);
}

base::outcome<call> core::understand(const http::request& incoming) const {
    auto path = http::decode_percent(incoming.path(), false);
    auto items = http::parse_query(incoming.query());
    if (!path || !items) {
        return base::fail(base::errc::invalid, "the request target cannot be decoded");
    }
    call asked{
        .verb = "discovery", .path = std::move(*path), .raw_query = std::string(incoming.query())};
    for (auto& item : *items) asked.query.emplace(std::move(item.name), std::move(item.value));
    const auto parts = segments(asked.path);
    std::size_t at = 0;
    std::string_view group;
    if (parts.size() >= 3 && parts[0] == "api") {
        at = 1;
    } else if (parts.size() >= 4 && parts[0] == "apis") {
        group = parts[1];
        at = 2;
    } else {
        return asked;
    }
    const auto version = parts[at++];
    // /namespaces/NAME is the object itself, /namespaces/NAME/RESOURCE... something inside of it.
    const bool inside = parts[at] == "namespaces" && parts.size() > at + 2 &&
                        !(group.empty() && parts[at + 2] == "status" && parts.size() == at + 3);
    if (inside) {
        asked.ns = parts[at + 1];
        at += 2;
    }
    auto type = types_.find(group, version, parts[at]);
    if (!type || (inside && !type->namespaced)) return asked;
    if (parts.size() > at + 1) asked.name = parts[at + 1];
    if (parts.size() > at + 2) asked.subresource = parts[at + 2];
    const bool is_proxy =
        asked.subresource == "proxy" && (type->key() == "/services" || type->key() == "/pods");
    const bool is_status = asked.subresource == "status" && type->has_status;
    if (!asked.subresource.empty() && !is_proxy && !is_status) return asked;
    if (parts.size() > at + 3) {
        if (!is_proxy) return asked;
        const auto begun = static_cast<std::size_t>(parts[at + 3].data() - asked.path.data());
        asked.rest = asked.path.substr(begun);
    }
    if (!asked.name.empty() && type->namespaced && !inside) return asked;
    asked.type = std::move(type);
    asked.verb = verb_of(incoming.verb, asked);
    return asked;
}

reply core::answer(const call& asked, const http::request& incoming) {
    if (!asked.type) {
        if (asked.path == reviews && incoming.verb == http::method::post) {
            return json_response(201,
                                 std::string(R"({"kind":"SelfSubjectAccessReview","apiVersion":)"
                                             R"("authorization.k8s.io/v1","metadata":{},"spec":{},)"
                                             R"("status":{"allowed":true}})"));
        }
        if (incoming.verb != http::method::get) return page_not_found();
        auto found = discover(types_, asked.path, incoming.headers.get("Accept"));
        return found ? std::move(*found) : page_not_found();
    }
    if (asked.verb == "proxy") return proxy(asked);
    const auto as = accepted_shape(incoming.headers.get("Accept"));
    if (!as) return to_response(not_acceptable());
    if (asked.verb == "get") return get(asked, *as);
    if (asked.verb == "list") return list(asked, *as);
    if (asked.verb == "watch") return watch(asked, *as);
    answered done = refusal(method_not_allowed());
    const bool has_name = !asked.name.empty();
    if (asked.verb == "create" && !has_name) done = create(asked, incoming);
    if (asked.verb == "update") {
        done = has_name ? update(asked, incoming) : answered(bad_request("name must be provided"));
    }
    if (asked.verb == "patch" && has_name) done = patch(asked, incoming);
    if (asked.verb == "delete" && asked.subresource.empty()) done = remove(asked, incoming);
    if (asked.verb == "deletecollection") done = remove_all(asked, incoming);
    if (const auto* why = std::get_if<refusal>(&done)) return to_response(*why);
    return std::move(std::get<http::response>(done));
}

reply core::handle(const http::request& incoming) {
    const auto asked = understand(incoming);
    if (!asked) return to_response(bad_request(asked.error().text));
    return answer(*asked, incoming);
}

}  // namespace apiserver
