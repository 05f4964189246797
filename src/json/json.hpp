#pragma once
// The JSON tree of Boost.JSON under the name `json`. Only this module includes Boost.JSON.

#include <boost/json/array.hpp>
#include <boost/json/kind.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

namespace json {

using boost::json::array;
using boost::json::kind;
using boost::json::object;
using boost::json::parse;
using boost::json::parse_options;
using boost::json::serialize;
using boost::json::string;
using boost::json::string_view;
using boost::json::value;
using error = boost::json::error;

}  // namespace json
