#include "json/duplicate_keys.hpp"

#include <cstdint>
#include <set>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include "base/json_pointer.hpp"
#include "json/json.hpp"

namespace json {
namespace {

using boost::system::error_code;

// The parser's handler. A function that returns false ends the parse.
struct duplicate_finder {
    static constexpr std::size_t max_object_size = SIZE_MAX;
    static constexpr std::size_t max_array_size = SIZE_MAX;
    static constexpr std::size_t max_key_size = SIZE_MAX;
    static constexpr std::size_t max_string_size = SIZE_MAX;

    struct level {
        std::set<std::string, std::less<>> names;
        std::string current;  // the member or the index that the parser reads
        std::size_t index = 0;
        bool is_array = false;
    };

    bool on_object_begin(error_code&) {
        begin_value();
        levels.emplace_back();
        return true;
    }
    bool on_array_begin(error_code&) {
        begin_value();
        levels.push_back({.is_array = true});
        return true;
    }
    bool on_object_end(std::size_t, error_code&) { return end_level(); }
    bool on_array_end(std::size_t, error_code&) { return end_level(); }
    bool on_key_part(json::string_view part, std::size_t, error_code&) {
        key.append(part.data(), part.size());
        return true;
    }
    bool on_key(json::string_view part, std::size_t, error_code& error) {
        key.append(part.data(), part.size());
        auto& level = levels.back();
        level.current = std::exchange(key, {});
        if (level.names.insert(level.current).second) return true;
        pointer.emplace();
        for (const auto& outer : levels) *pointer += base::pointer_to("", outer.current);
        error = json::error::syntax;
        return false;
    }
    bool on_string_part(json::string_view, std::size_t, error_code&) { return true; }
    bool on_string(json::string_view, std::size_t, error_code&) { return begin_value(); }
    bool on_number_part(json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t, json::string_view, error_code&) { return begin_value(); }
    bool on_uint64(std::uint64_t, json::string_view, error_code&) { return begin_value(); }
    bool on_double(double, json::string_view, error_code&) { return begin_value(); }
    bool on_bool(bool, error_code&) { return begin_value(); }
    bool on_null(error_code&) { return begin_value(); }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }
    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }

    bool begin_value() {
        if (!levels.empty() && levels.back().is_array) {
            levels.back().current = std::to_string(levels.back().index++);
        }
        return true;
    }
    bool end_level() {
        levels.pop_back();
        return true;
    }

    std::vector<level> levels;
    std::string key;
    std::optional<std::string> pointer;
};

}  // namespace

std::optional<std::string> find_duplicate_key(std::string_view text) {
    json::parse_options options;
    options.max_depth = 128;  // of try_parse(): what it reads must be searched
    boost::json::basic_parser<duplicate_finder> parser{options};
    error_code error;
    parser.write_some(false, text.data(), text.size(), error);
    return std::move(parser.handler().pointer);
}

}  // namespace json
