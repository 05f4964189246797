#pragma once
// Reads members of foreign JSON objects without exceptions. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/json.hpp"

namespace json {

// Returns the tree of `text`. Returns nullopt if `text` is not one JSON document of at most 128
// levels.
std::optional<value> try_parse(std::string_view text);
// Returns the object that `text` is. Returns an empty one if `text` is no JSON object.
object parse_object(std::string_view text);

// Return the member. If it is absent or has another type, they return an empty text, nullopt,
// nullptr, or false. The results refer to `source`.
std::string_view text_at(const object& source, std::string_view key);
std::optional<std::int64_t> number_at(const object& source, std::string_view key);
const object* object_at(const object& source, std::string_view key);
bool flag_at(const object& source, std::string_view key);
// Returns a Kubernetes quantity as text: a string as it is, a whole number in decimal.
std::string quantity_at(const object& source, std::string_view key);
// Follow a path of members that may be absent: they return nullptr if `source` is nullptr.
const object* object_at(const object* source, std::string_view key);
const array* array_at(const object* source, std::string_view key);
// Return the member, or an empty one if it is absent or has another type.
const object& object_or_empty(const object& source, std::string_view key);
const array& array_or_empty(const object& source, std::string_view key);

}  // namespace json
