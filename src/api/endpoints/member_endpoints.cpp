#include "api/endpoints/member_endpoints.hpp"

#include "aio/run_on.hpp"
#include "api/endpoints/list_response.hpp"
#include "api/endpoints/write_endpoints.hpp"
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

awaitable<http::response> put_member(const request_context& context, const http::request& request) {
    std::string decompressed;
    if (auto response = decompress(context, request, decompressed)) co_return std::move(*response);
    const auto wanted = read_member(decompressed.empty() ? request.body : decompressed);
    if (!wanted) co_return problem_of(wanted.error(), context);
    const auto member = domain::validate(*wanted, context.parameter, context.second_parameter);
    if (!member) co_return problem_of(member.error(), context);
    auto& members = context.api.deps.platform.members;
    const auto granted = co_await aio::run_on<app::granted_role>(context.api.deps.control, [&] {
        return members.put_member(*member, context.caller(), context.principal);
    });
    if (!granted) co_return problem_of(granted.error(), context);
    co_return json_response(http::body(encode(*granted->record)), granted->is_new ? 201 : 200);
}

}  // namespace

std::optional<http::response> respond_from_members(const request_context& context,
                                                   const http::request& request) {
    if (context.route->id != endpoint::list_members) return std::nullopt;
    if (!context.api.model.all()->projects->contains(context.parameter)) {
        return no_such_target(context);
    }
    const auto index = context.api.deps.platform.members.members();
    std::vector<page_item> items;
    const auto members = index->find(context.parameter);
    if (members != index->end()) {
        for (const auto& [subject, record] : members->second) {
            items.push_back({.position = subject, .text = encode(*record)});
        }
    }
    return page_response("members", items, position_order::ascending, context, request);
}

bool is_member_write(endpoint id) noexcept {
    return id == endpoint::put_member || id == endpoint::delete_member;
}

awaitable<http::response> respond_to_member_write(const request_context& context,
                                                  const http::request& request,
                                                  const app::audited& /*act*/) {
    if (context.hides_target) co_return no_such_target(context);
    if (context.route->id == endpoint::put_member) co_return co_await put_member(context, request);
    auto& members = context.api.deps.platform.members;
    const auto deleted = co_await aio::run_on<void>(context.api.deps.control, [&] {
        return members.delete_member(context.parameter, context.second_parameter, context.caller(),
                                     context.principal);
    });
    if (!deleted) co_return problem_of(deleted.error(), context);
    co_return http::response{.status = 204};
}

}  // namespace api
