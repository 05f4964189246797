#include "api/endpoints/key_endpoints.hpp"

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

app::key_use::shared_use last_use_of(const request_context& context, const std::string& id) {
    const auto index = context.api.deps.platform.api_keys.keys();
    const auto entry = index->find(id);
    return entry == index->end() ? nullptr : entry->second.use->last();
}

// Returns the only response that contains the text of the key.
http::response key_text_response(const app::created_key& key, const request_context& context,
                                 unsigned status) {
    auto response =
        json_response(http::body(encode_created(key, context.api.deps.clock.utc_now())), status);
    response.headers.add("Cache-Control", "no-store");
    return response;
}

http::response list_keys(const request_context& context, const http::request& request) {
    const auto index = context.api.deps.platform.api_keys.keys();
    std::vector<page_item> items;
    for (const auto& [id, key] : *index) {
        if (is_visible_key(*key.record, *context.principal)) {
            items.push_back(key_item(id, key, context));
        }
    }
    return page_response("api_keys", items, position_order::ascending, context, request);
}

http::response get_key(const request_context& context, const http::request& request) {
    const auto key = find_visible_key(context);
    if (key == nullptr) return no_such_target(context);
    const auto last_use = last_use_of(context, key->id);
    auto document = encode(*key, last_use.get(), context.api.deps.clock.utc_now());
    auto etag = etag_of(key->revision, base::fnv1a(document));
    return document_response(std::move(document), std::move(etag), request);
}

awaitable<http::response> create_key(const request_context& context, std::string_view body) {
    const auto wanted = read_api_key(body);
    if (!wanted) co_return problem_of(wanted.error(), context);
    auto& keys = context.api.deps.platform.api_keys;
    const auto created = co_await aio::run_on<app::created_key>(
        context.api.deps.control, [&] { return keys.create_key(*wanted, context.principal); });
    if (!created) co_return problem_of(created.error(), context);
    co_return created_key_response(*created, context);
}

awaitable<http::response> patch_key(const request_context& context, const http::request& request,
                                    std::string_view body) {
    const auto wanted = read_api_key_patch(body);
    if (!wanted) co_return problem_of(wanted.error(), context);
    const auto allowed = read_if_match(request);
    if (!allowed) co_return problem_of(allowed.error(), context);
    app::key_commands::revisions revisions;  // ids of keys are never used again
    if (*allowed) {
        revisions.emplace();
        for (const auto& version : **allowed) revisions->push_back(version.revision);
    }
    auto& keys = context.api.deps.platform.api_keys;
    using shared_key = std::shared_ptr<const domain::api_key>;
    const auto stored = co_await aio::run_on<shared_key>(context.api.deps.control, [&] {
        return keys.patch_key(context.parameter, *wanted, revisions, context.principal);
    });
    if (!stored) co_return problem_of(stored.error(), context);
    const auto last_use = last_use_of(context, context.parameter);
    auto document = encode(**stored, last_use.get(), context.api.deps.clock.utc_now());
    auto etag = etag_of((*stored)->revision, base::fnv1a(document));
    auto response = json_response(http::body(std::move(document)));
    response.headers.add("ETag", std::move(etag));
    co_return response;
}

awaitable<http::response> rotate_key(const request_context& context, std::string_view body) {
    const auto wanted = read_rotation(body);
    if (!wanted) co_return problem_of(wanted.error(), context);
    auto& keys = context.api.deps.platform.api_keys;
    const auto rotated = co_await aio::run_on<app::created_key>(context.api.deps.control, [&] {
        return keys.rotate_key(context.parameter, *wanted, context.principal);
    });
    if (!rotated) co_return problem_of(rotated.error(), context);
    co_return key_text_response(*rotated, context, 200);
}

awaitable<http::response> revoke_key(const request_context& context) {
    auto& keys = context.api.deps.platform.api_keys;
    const auto revoked = co_await aio::run_on<void>(
        context.api.deps.control, [&] { return keys.revoke_key(context.parameter); });
    if (!revoked) co_return problem_of(revoked.error(), context);
    co_return revoked_key_response(context.parameter, context);
}

}  // namespace

std::optional<http::response> reject_idempotency(const request_context& context,
                                                 const http::request& request) {
    if (!request.headers.has("Idempotency-Key")) return std::nullopt;
    // The platform would have to store the response, and with it the key.
    return problem(400, "bad_request",
                   "Idempotency-Key: is not supported by this path; list the keys after a lost "
                   "response and revoke the unused one",
                   context.request_id);
}

page_item key_item(const std::string& id, const app::known_key& key,
                   const request_context& context) {
    const auto last_use = key.use->last();
    return {.position = id,
            .text = encode(*key.record, last_use.get(), context.api.deps.clock.utc_now())};
}

http::response created_key_response(const app::created_key& created,
                                    const request_context& context) {
    auto response = key_text_response(created, context, 201);
    response.headers.add("Location", "/api/v1/api-keys/" + created.record->id);
    return response;
}

http::response revoked_key_response(std::string_view id, const request_context& context) {
    context.api.deps.log.info("api_key_revoked", {{"key", id},
                                                  {"subject", context.principal->subject},
                                                  {"credential", context.principal->credential},
                                                  {"request_id", context.request_id},
                                                  obs::trace_field(context.trace).value()});
    return {.status = 204};
}

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
    return id == endpoint::create_api_key || id == endpoint::patch_api_key ||
           id == endpoint::rotate_api_key || id == endpoint::revoke_api_key;
}

awaitable<http::response> respond_to_key_write(const request_context& context,
                                               const http::request& request,
                                               const app::audited& /*act*/) {
    const auto id = context.route->id;
    if (id == endpoint::revoke_api_key) co_return co_await revoke_key(context);
    if (id != endpoint::patch_api_key) {
        if (auto response = reject_idempotency(context, request)) co_return std::move(*response);
    }
    std::string decompressed;
    if (auto response = decompress(context, request, decompressed)) co_return std::move(*response);
    const std::string_view body = decompressed.empty() ? request.body : decompressed;
    if (id == endpoint::patch_api_key) co_return co_await patch_key(context, request, body);
    if (id == endpoint::rotate_api_key) co_return co_await rotate_key(context, body);
    co_return co_await create_key(context, body);
}

}  // namespace api
