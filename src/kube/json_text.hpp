#pragma once
// Reading foreign JSON without exceptions: small questions to a Boost.JSON object. Pure.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kube {

// Nothing when `text` is not one JSON document (at most 128 levels deep).
std::optional<boost::json::value> parse_json(std::string_view text);

// The member if it is there and of that type; else an empty view, nothing, or null.
std::string_view text_at(const boost::json::object& object, std::string_view key);
std::optional<std::int64_t> number_at(const boost::json::object& object, std::string_view key);
const boost::json::object* object_at(const boost::json::object& object, std::string_view key);
bool flag_at(const boost::json::object& object, std::string_view key);  // false when absent
// A quantity is a string, or a bare whole number.
std::string quantity_at(const boost::json::object& object, std::string_view key);
// The same without a question: an empty one stands for what is not there.
const boost::json::object& object_or_empty(const boost::json::object& object, std::string_view key);
const boost::json::array& array_or_empty(const boost::json::object& object, std::string_view key);

}  // namespace kube
