#include "devcluster/apiserver/api_core.hpp"

#include "devcluster/apiserver/api_discovery.hpp"

namespace apiserver {
namespace {

http::response page_not_found() {
    return {.status = 404,
            .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
            .body = http::body(std::string("404 page not found\n"))};
}

// Access reviews always allow: the token permits everything.
constexpr std::string_view reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

api_result respond_undetermined(const type_table& types, const request_info& info,
                                const http::request& incoming) {
    if (info.path == reviews && incoming.verb == http::method::post) {
        return json_response(201,
                             std::string(R"({"kind":"SelfSubjectAccessReview","apiVersion":)"
                                         R"("authorization.k8s.io/v1","metadata":{},"spec":{},)"
                                         R"("status":{"allowed":true}})"));
    }
    if (incoming.verb != http::method::get) return page_not_found();
    auto response = discover(types, info.path, incoming.headers.get("Accept"));
    return response ? std::move(*response) : page_not_found();
}

// The value, or the error as a response.
template <class Value>
api_result to_result(std::variant<Value, status_error> outcome) {
    if (const auto* error = std::get_if<status_error>(&outcome)) return to_response(*error);
    return std::move(std::get<Value>(outcome));
}

}  // namespace

api_core::api_core(object_store& objects, type_table& types, const base::clock& clock)
    : objects_(objects),
      types_(types),
      collector_(objects, types, clock),
      reads_(objects, clock),
      writes_(objects, types, collector_, clock),
      deletes_(objects, collector_) {
    for (const auto& [key, definition] : objects_.all(definitions_key)) {
        const auto content = definition->parse();
        if (type_table::check_definition(content).empty()) types_.add_definition(content);
    }
    // A journal that fails now also fails at the next write, whose response reports the error.
    const auto resumed = collector_.resume();
    static_cast<void>(resumed);
}

api_result api_core::respond(const request_info& info, const http::request& incoming) {
    if (!info.type) return respond_undetermined(types_, info, incoming);
    if (info.verb == "proxy") return to_result(resolve_proxy(objects_, info, random_));
    const auto format = accepted_format(incoming.headers.get("Accept"));
    if (!format) return to_response(not_acceptable());
    if (info.verb == "get") return reads_.get(info, *format);
    if (info.verb == "list") return reads_.list(info, *format);
    if (info.verb == "watch") return to_result(reads_.watch(info, *format));
    return to_result(write(info, incoming));
}

write_result api_core::write(const request_info& info, const http::request& incoming) {
    const bool has_name = !info.name.empty();
    if (info.verb == "create" && !has_name) return writes_.create(info, incoming);
    if (info.verb == "update") {
        if (!has_name) return bad_request("name must be provided");
        return writes_.update(info, incoming);
    }
    if (info.verb == "patch" && has_name) return writes_.patch(info, incoming);
    if (info.verb == "delete" && info.subresource.empty()) {
        return deletes_.delete_object(info, incoming);
    }
    if (info.verb == "deletecollection") return deletes_.delete_collection(info, incoming);
    return method_not_allowed();
}

api_result api_core::handle(const http::request& incoming) {
    const auto info = understand(incoming);
    if (!info) return to_response(bad_request(info.error().text));
    return respond(*info, incoming);
}

}  // namespace apiserver
