#pragma once
// Rows of the audit log as comma-separated values (RFC 4180). Pure. Inside api only.

#include <string>
#include <vector>

namespace api {

// Returns a header line with the names of the columns.
std::string audit_csv_header();
// Returns one line for each row, which is a line of JSON. A value that a spreadsheet would run as a
// formula has an apostrophe before it. A row that does not parse has empty values.
std::string audit_csv_lines(const std::vector<std::string>& rows);

}  // namespace api
