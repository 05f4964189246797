#include "api/endpoints/platform_endpoints.hpp"

#include "aio/run_on.hpp"
#include "api/endpoints/write_endpoints.hpp"
#include "api/json/request_json.hpp"
#include "api/problem.hpp"
#include "base/time_text.hpp"
#include "json/json_writer.hpp"

namespace api {
namespace {

http::response response_of(const app::log_level_state& state) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("log_level", state.log_level).member("configured", state.configured);
    out.key("expires_at");
    if (state.expires_at) {
        out.text(base::to_rfc3339(*state.expires_at));
    } else {
        out.null();
    }
    out.member("scope", state.is_shared ? "platform" : "replica");
    out.member("replica", state.replica).end_object();
    auto response = json_response(http::body(std::move(text)));
    response.headers.add("Cache-Control", "no-store");
    return response;
}

}  // namespace

http::response log_level_response(const request_context& context) {
    return response_of(*context.api.deps.platform.log_levels.levels());
}

boost::asio::awaitable<http::response> change_log_level(const request_context& context,
                                                        const http::request& request) {
    std::string decompressed;
    if (auto response = decompress(context, request, decompressed)) co_return std::move(*response);
    auto wanted = read_log_level(decompressed.empty() ? request.body : decompressed);
    if (!wanted) co_return problem(wanted.error(), context.request_id, context.api.deps.log);
    const auto changed = co_await aio::run_on<app::log_level_state>(context.api.deps.control, [&] {
        return context.api.deps.platform.log_levels.change_levels(std::move(*wanted),
                                                                  context.caller());
    });
    if (!changed) co_return problem(changed.error(), context.request_id, context.api.deps.log);
    co_return response_of(*changed);
}

}  // namespace api
