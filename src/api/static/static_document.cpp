#include "api/static/static_document.hpp"

#include "api/etag.hpp"
#include "http/gzip.hpp"
#include "http/negotiation.hpp"

namespace api {

static_document::static_document(const std::string& text)
    : plain_{.bytes = std::make_shared<const std::string>(text), .etag = etag_of_content(text)},
      compressed_{.bytes = std::make_shared<const std::string>(http::gzip(text)),
                  .etag = etag_of_content(text)} {
    // Two encodings are two representations: each has its own entity tag (RFC 9110, 8.8.3.3).
    compressed_.etag.insert(compressed_.etag.size() - 1, "-gzip");
}

http::response static_document::respond(const http::request& request) const {
    const bool is_compressed = http::accepts_gzip(request.headers.get("Accept-Encoding"));
    const auto& encoding = is_compressed ? compressed_ : plain_;
    const bool is_unchanged =
        is_known_encoding(request.headers.get("If-None-Match"), encoding.etag);
    http::response response{.status = is_unchanged ? 304U : 200U};
    response.headers.add("ETag", encoding.etag);
    response.headers.add("Vary", "Accept-Encoding");
    response.headers.add("Cache-Control", "no-cache");
    if (is_unchanged) return response;
    response.headers.add("Content-Type", "application/json");
    if (is_compressed) response.headers.add("Content-Encoding", "gzip");
    response.body = http::body(encoding.bytes);
    return response;
}

}  // namespace api
