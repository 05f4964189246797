#pragma once
// Records as the JSON text that the document store keeps, and back. The format is versioned ("v");
// quantities are integers, instants RFC 3339 with microseconds. Pure.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "domain/desired.hpp"
#include "domain/observed.hpp"
#include "domain/operation.hpp"

namespace app {

std::string encode(const domain::database& source);
std::string encode(const domain::project& source);
std::string encode(const domain::operation& source);

// The revision is the store's and not part of the text. Failure: corrupt (not what encode writes,
// or of a newer format; the text names the member).
base::outcome<domain::database> decode_database(std::string_view text);
base::outcome<domain::project> decode_project(std::string_view text);
base::outcome<domain::operation> decode_operation(std::string_view text);

}  // namespace app
