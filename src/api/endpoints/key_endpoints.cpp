#include "api/endpoints/key_endpoints.hpp"

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

http::response list_keys(const request_context& context, const http::request& request) {
    const auto now = context.api.deps.clock.utc_now();
    const auto index = context.api.deps.platform.api_keys.keys();
    std::vector<page_item> items;
    for (const auto& [id, key] : *index) {
        if (is_visible_key(*key.record, *context.principal)) {
            items.push_back({.position = id, .text = encode(*key.record, now)});
        }
    }
    return page_response("api_keys", items, position_order::ascending, context, request);
}

http::response get_key(const request_context& context, const http::request& request) {
    const auto key = find_visible_key(context);
    if (key == nullptr) return no_such_target(context);
    auto document = encode(*key, context.api.deps.clock.utc_now());
    auto etag = etag_of_content(document);
    if (is_known(request.headers.get("If-None-Match"), etag)) return not_modified(std::move(etag));
    auto response = json_response(http::body(std::move(document)));
    response.headers.add("ETag", std::move(etag));
    return response;
}

awaitable<http::response> create_key(const request_context& context, const http::request& request) {
    if (request.headers.has("Idempotency-Key")) {
        // The platform would have to store the response, and with it the key.
        co_return problem(400, "bad_request",
                          "Idempotency-Key: is not supported by this path; list the keys after a "
                          "lost response and revoke the unused one",
                          context.request_id);
    }
    std::string decompressed;
    if (auto response = decompress(context, request, decompressed)) co_return std::move(*response);
    const auto wanted = read_api_key(decompressed.empty() ? request.body : decompressed);
    if (!wanted) co_return problem_of(wanted.error(), context);
    auto& keys = context.api.deps.platform.api_keys;
    const auto created = co_await aio::run_on<app::created_key>(
        context.api.deps.control, [&] { return keys.create_key(*wanted, context.principal); });
    if (!created) co_return problem_of(created.error(), context);
    auto response =
        json_response(http::body(encode_created(*created, context.api.deps.clock.utc_now())), 201);
    response.headers.add("Cache-Control", "no-store");
    response.headers.add("Location", "/api/v1/api-keys/" + created->record->id);
    co_return response;
}

}  // namespace

std::optional<http::response> respond_from_keys(const request_context& context,
                                                const http::request& request) {
    switch (context.route->id) {
        case endpoint::whoami: {
            auto response = json_response(http::body(encode(*context.principal)));
            response.headers.add("Cache-Control", "no-store");
            return response;
        }
        case endpoint::list_api_keys:
            return list_keys(context, request);
        case endpoint::get_api_key:
            return get_key(context, request);
        default:
            return std::nullopt;
    }
}

bool is_key_write(endpoint id) noexcept {
    return id == endpoint::create_api_key || id == endpoint::revoke_api_key;
}

awaitable<http::response> respond_to_key_write(const request_context& context,
                                               const http::request& request) {
    if (context.route->id == endpoint::create_api_key) {
        co_return co_await create_key(context, request);
    }
    auto& keys = context.api.deps.platform.api_keys;
    const auto revoked = co_await aio::run_on<void>(
        context.api.deps.control, [&] { return keys.revoke_key(context.parameter); });
    if (!revoked) co_return problem_of(revoked.error(), context);
    context.api.deps.log.info("api_key_revoked", {{"key", context.parameter},
                                                  {"subject", context.principal->subject},
                                                  {"credential", context.principal->credential},
                                                  {"request_id", context.request_id}});
    co_return http::response{.status = 204};
}

}  // namespace api
