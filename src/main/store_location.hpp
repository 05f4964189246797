#pragma once
// The place of a store as an argument of 'dbaas admin copy'. Pure, except that a location "@FILE"
// is read from the file.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "base/secret.hpp"

struct store_location {
    std::string sqlite_path;  // empty = MongoDB
    base::secret mongodb_url;
};

// Accepts sqlite:PATH, mongodb://…, mongodb+srv://…, and @FILE, whose content is one of them.
// Errors: invalid; the text does not repeat a URL.
base::outcome<store_location> parse_store_location(std::string_view text);
