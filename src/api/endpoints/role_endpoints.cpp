#include "api/endpoints/role_endpoints.hpp"

#include "aio/run_on.hpp"
#include "api/endpoints/list_response.hpp"
#include "api/endpoints/write_endpoints.hpp"
#include "api/etag.hpp"
#include "api/json/identity_json.hpp"
#include "api/json/request_json.hpp"
#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"
#include "base/fnv1a.hpp"

namespace api {
namespace {

using boost::asio::awaitable;

http::response problem_of(const base::failure& failure, const request_context& context) {
    return problem(failure, context.request_id, context.api.deps.log);
}

std::string_view description_of(domain::role value) noexcept {
    switch (value) {
        case domain::role::viewer:
            return "reads everything except credentials";
        case domain::role::developer:
            return "also reads credentials, creates, updates and operates databases";
        case domain::role::owner:
            break;
    }
    return "also deletes databases, updates the project and its members";
}

std::string encode_built_in(domain::role value) {
    return encode({.name = std::string(domain::name(value)),
                   .description = std::string(description_of(value)),
                   .permissions = domain::permissions_of(value)},
                  true);
}

http::response list_roles(const request_context& context, const http::request& request) {
    std::map<std::string, std::string> documents;
    for (const auto name : domain::all_roles()) {
        documents.emplace(name, encode_built_in(*domain::find_role(name)));
    }
    for (const auto& [name, record] : *context.api.deps.platform.roles.roles()) {
        documents.emplace(name, encode(*record, false));
    }
    std::vector<page_item> items;
    items.reserve(documents.size());
    for (auto& [name, text] : documents) items.push_back({name, std::move(text)});
    return page_response("roles", items, position_order::ascending, context, request);
}

std::string etag_of_role(const std::string& document, const domain::custom_role& record) {
    return etag_of(record.revision, record.created_at, base::fnv1a(document));
}

http::response role_response(std::string document, std::string etag, unsigned status) {
    auto response = json_response(http::body(std::move(document)), status);
    response.headers.add("ETag", std::move(etag));
    return response;
}

http::response get_role(const request_context& context, const http::request& request) {
    std::string document;
    std::string etag;
    if (const auto built_in = domain::find_role(context.parameter)) {
        document = encode_built_in(*built_in);
        etag = etag_of(0, base::fnv1a(document));
    } else {
        const auto index = context.api.deps.platform.roles.roles();
        const auto entry = index->find(context.parameter);
        if (entry == index->end()) return no_such_target(context);
        document = encode(*entry->second, false);
        etag = etag_of_role(document, *entry->second);
    }
    return document_response(std::move(document), std::move(etag), request);
}

awaitable<http::response> write_role(const request_context& context, const http::request& request) {
    std::string decompressed;
    if (auto response = decompress(context, request, decompressed)) co_return std::move(*response);
    const auto wanted = read_role(decompressed.empty() ? request.body : decompressed);
    if (!wanted) co_return problem_of(wanted.error(), context);
    const auto allowed = read_if_match(request);
    if (!allowed) co_return problem_of(allowed.error(), context);
    auto& roles = context.api.deps.platform.roles;
    const bool is_new = context.route->id == endpoint::create_role;
    const auto stored = co_await aio::run_on<app::shared_role>(context.api.deps.control, [&] {
        return is_new ? roles.create_role(*wanted, context.principal)
                      : roles.replace_role(context.parameter, *wanted, *allowed, context.principal);
    });
    if (!stored) co_return problem_of(stored.error(), context);
    const auto& record = **stored;
    auto document = encode(record, false);
    auto etag = etag_of_role(document, record);
    auto response = role_response(std::move(document), std::move(etag), is_new ? 201 : 200);
    if (is_new) response.headers.add("Location", "/api/v1/roles/" + record.name);
    co_return response;
}

}  // namespace

std::optional<http::response> respond_from_roles(const request_context& context,
                                                 const http::request& request) {
    if (context.route->id == endpoint::list_roles) return list_roles(context, request);
    if (context.route->id == endpoint::get_role) return get_role(context, request);
    return std::nullopt;
}

bool is_role_write(endpoint id) noexcept {
    return id == endpoint::create_role || id == endpoint::put_role || id == endpoint::delete_role;
}

awaitable<http::response> respond_to_role_write(const request_context& context,
                                                const http::request& request,
                                                const app::audited& /*act*/) {
    if (context.route->id != endpoint::delete_role) co_return co_await write_role(context, request);
    auto& roles = context.api.deps.platform.roles;
    const auto deleted = co_await aio::run_on<void>(context.api.deps.control, [&] {
        return roles.delete_role(context.parameter, context.principal);
    });
    if (!deleted) co_return problem_of(deleted.error(), context);
    co_return http::response{.status = 204};
}

}  // namespace api
