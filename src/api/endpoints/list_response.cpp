#include "api/endpoints/list_response.hpp"

#include "api/etag.hpp"
#include "api/problem.hpp"
#include "base/fnv1a.hpp"
#include "http/gzip.hpp"
#include "http/negotiation.hpp"

namespace api {
namespace {

constexpr std::size_t gzip_bytes_min = 1024;

}  // namespace

http::response not_modified(std::string etag) {
    http::response response{.status = 304};
    response.headers.add("ETag", std::move(etag));
    return response;
}

http::response document_response(std::string document, std::string etag,
                                 const http::request& request) {
    if (is_known(request.headers.get("If-None-Match"), etag)) return not_modified(std::move(etag));
    auto response = json_response(http::body(std::move(document)));
    response.headers.add("ETag", std::move(etag));
    return response;
}

http::response list_response(std::string text, std::uint64_t hash, const http::request& request) {
    auto etag = weak_etag_of(hash);
    if (is_known(request.headers.get("If-None-Match"), etag)) return not_modified(std::move(etag));
    const bool is_compressed =
        text.size() >= gzip_bytes_min && http::accepts_gzip(request.headers.get("Accept-Encoding"));
    auto response =
        json_response(is_compressed ? http::body(http::gzip(text)) : http::body(std::move(text)));
    if (is_compressed) response.headers.add("Content-Encoding", "gzip");
    response.headers.add("ETag", std::move(etag));
    response.headers.add("Vary", "Accept-Encoding");
    return response;
}

http::response page_response(std::string_view list, const std::vector<page_item>& items,
                             position_order order, const request_context& context,
                             const http::request& request) {
    const auto query = read_page_query(request.query());
    if (!query) return problem(query.error(), context.request_id, context.api.deps.log);
    return page_response(list, items, order, *query, context, request);
}

http::response page_response(std::string_view list, const std::vector<page_item>& items,
                             position_order order, const page_query& query,
                             const request_context& context, const http::request& request) {
    auto page = page_document(list, items, order, query);
    if (!page) return problem(page.error(), context.request_id, context.api.deps.log);
    const auto hash = base::fnv1a(*page);
    return list_response(std::move(*page), hash, request);
}

}  // namespace api
