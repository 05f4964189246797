#pragma once
// Responses with documents, lists and pages: entity tags, compression. Any HTTP loop. Inside api
// only.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/context.hpp"
#include "api/read_model/item_page.hpp"
#include "http/message.hpp"

namespace api {

// 304 with the tag.
http::response not_modified(std::string etag);
// The document with its tag; 304 if the client has it.
http::response document_response(std::string document, std::string etag,
                                 const http::request& request);
// Compresses large lists if the client accepts gzip. 304 if the client has the list.
http::response list_response(std::string text, std::uint64_t hash, const http::request& request);
// A page of a short list. `list` distinguishes its cursors from those of other lists.
http::response page_response(std::string_view list, const std::vector<page_item>& items,
                             position_order order, const request_context& context,
                             const http::request& request);
// The same for a query that was read before.
http::response page_response(std::string_view list, const std::vector<page_item>& items,
                             position_order order, const page_query& query,
                             const request_context& context, const http::request& request);

}  // namespace api
