#pragma once
// The JSON schemas of the API's documents, by name: components/schemas of the OpenAPI document.

#include <string_view>

namespace api {

std::string_view document_schemas() noexcept;

}  // namespace api
