#include "main/store_location.hpp"

#include <fmt/format.h>

#include "base/read_file.hpp"

namespace {

constexpr std::string_view sqlite_scheme = "sqlite:";

}  // namespace

base::outcome<store_location> parse_store_location(std::string_view text) {
    using base::errc;
    if (text.starts_with('@')) {
        const std::string path(text.substr(1));
        const auto content = base::read_file(path);
        if (!content) return base::fail(errc::invalid, fmt::format("'{}' cannot be read", path));
        std::string_view line = *content;
        line = line.substr(0, line.find_last_not_of(" \t\r\n") + 1);
        if (line.starts_with('@')) {
            return base::fail(errc::invalid, fmt::format("'{}' must contain a store", path));
        }
        return parse_store_location(line);
    }
    if (text.starts_with("mongodb://") || text.starts_with("mongodb+srv://")) {
        return store_location{.mongodb_url = base::secret(std::string(text))};
    }
    if (text.starts_with(sqlite_scheme) && text.size() > sqlite_scheme.size()) {
        return store_location{.sqlite_path = std::string(text.substr(sqlite_scheme.size()))};
    }
    return base::fail(
        errc::invalid,
        "must be sqlite:PATH, mongodb://..., mongodb+srv://..., or @FILE, a file that "
        "contains one of them");
}
