#include "api/static/static_document.hpp"

#include "api/etag.hpp"
#include "http/gzip.hpp"
#include "http/negotiation.hpp"

namespace api {

static_document::static_document(const std::string& text)
    : plain_{.bytes = std::make_shared<const std::string>(text), .etag = etag_of_content(text)},
      packed_{.bytes = std::make_shared<const std::string>(http::gzip(text)),
              .etag = etag_of_content(text)} {
    // Two encodings are two representations: each has its own tag (RFC 9110, 8.8.3.3).
    packed_.etag.insert(packed_.etag.size() - 1, "-gzip");
}

http::response static_document::respond(const http::request& request) const {
    const bool packed = http::accepts_gzip(request.headers.get("Accept-Encoding"));
    const auto& held = packed ? packed_ : plain_;
    const bool known = is_known(request.headers.get("If-None-Match"), held.etag);
    http::response response{.status = known ? 304U : 200U};
    response.headers.add("ETag", held.etag);
    response.headers.add("Vary", "Accept-Encoding");
    response.headers.add("Cache-Control", "no-cache");
    if (known) return response;
    response.headers.add("Content-Type", "application/json");
    if (packed) response.headers.add("Content-Encoding", "gzip");
    response.body = http::body(held.bytes);
    return response;
}

}  // namespace api
