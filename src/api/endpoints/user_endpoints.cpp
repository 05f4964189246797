#include "api/endpoints/user_endpoints.hpp"

#include "aio/run_on.hpp"
#include "api/endpoints/list_response.hpp"
#include "api/endpoints/write_endpoints.hpp"
#include "api/etag.hpp"
#include "api/json/identity_json.hpp"
#include "api/json/request_json.hpp"
#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"

namespace api {
namespace {

using boost::asio::awaitable;

http::response problem_of(const base::failure& failure, const request_context& context) {
    return problem(failure, context.request_id, context.api.deps.log);
}

http::response list_users(const request_context& context, const http::request& request) {
    const auto index = context.api.deps.platform.users.users();
    std::vector<page_item> items;
    for (const auto& [name, user] : *index) {
        if (is_visible_user(*user.record, *context.principal)) {
            items.push_back({.position = name, .text = encode(*user.record)});
        }
    }
    return page_response("users", items, position_order::ascending, context, request);
}

http::response get_user(const request_context& context, const http::request& request) {
    const auto user = find_visible_user(context);
    if (user == nullptr) return no_such_target(context);
    auto document = encode(*user);
    auto etag = etag_of_content(document);
    return document_response(std::move(document), std::move(etag), request);
}

awaitable<http::response> create_user(const request_context& context, std::string_view body) {
    const auto wanted = read_user(body);
    if (!wanted) co_return problem_of(wanted.error(), context);
    auto& users = context.api.deps.platform.users;
    const auto created = co_await aio::run_on<app::shared_user>(
        context.api.deps.control, [&] { return users.create_user(*wanted, context.principal); });
    if (!created) co_return problem_of(created.error(), context);
    auto response = json_response(http::body(encode(**created)), 201);
    response.headers.add("Location", "/api/v1/users/" + (*created)->name);
    co_return response;
}

awaitable<http::response> patch_user(const request_context& context, std::string_view body) {
    const auto wanted = read_user_patch(body);
    if (!wanted) co_return problem_of(wanted.error(), context);
    auto& users = context.api.deps.platform.users;
    const auto changed = co_await aio::run_on<app::shared_user>(context.api.deps.control, [&] {
        return users.patch_user(context.parameter, *wanted, context.principal);
    });
    if (!changed) co_return problem_of(changed.error(), context);
    co_return json_response(http::body(encode(**changed)));
}

awaitable<http::response> set_password(request_context& context, std::string_view body) {
    const auto wanted = read_password(body);
    if (!wanted) co_return problem_of(wanted.error(), context);
    if (wanted->current_password) {  // a guess, as in a login
        auto response = co_await check_login_rate(context, context.parameter);
        if (response) co_return std::move(*response);
    }
    auto& users = context.api.deps.platform.users;
    const auto changed = co_await aio::run_on<void>(context.api.deps.control, [&] {
        return users.set_password(context.parameter, *wanted, context.principal);
    });
    if (!changed) co_return problem_of(changed.error(), context);
    co_return http::response{.status = 204};
}

awaitable<http::response> delete_user(const request_context& context) {
    auto& users = context.api.deps.platform.users;
    const auto deleted = co_await aio::run_on<void>(context.api.deps.control, [&] {
        return users.delete_user(context.parameter, context.principal);
    });
    if (!deleted) co_return problem_of(deleted.error(), context);
    co_return http::response{.status = 204};
}

}  // namespace

std::optional<http::response> respond_from_users(const request_context& context,
                                                 const http::request& request) {
    if (context.route->id == endpoint::list_users) return list_users(context, request);
    if (context.route->id == endpoint::get_user) return get_user(context, request);
    return std::nullopt;
}

bool is_user_write(endpoint id) noexcept {
    return id == endpoint::create_user || id == endpoint::patch_user ||
           id == endpoint::delete_user || id == endpoint::set_password;
}

awaitable<http::response> respond_to_user_write(request_context& context,
                                                const http::request& request,
                                                const app::audited& /*act*/) {
    if (context.route->id == endpoint::delete_user) co_return co_await delete_user(context);
    std::string decompressed;
    if (auto response = decompress(context, request, decompressed)) co_return std::move(*response);
    const std::string_view body = decompressed.empty() ? request.body : decompressed;
    if (context.route->id == endpoint::create_user) co_return co_await create_user(context, body);
    if (context.route->id == endpoint::patch_user) co_return co_await patch_user(context, body);
    co_return co_await set_password(context, body);
}

}  // namespace api
