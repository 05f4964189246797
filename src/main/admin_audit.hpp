#pragma once
// 'dbaas admin audit': exports the audit log of a store and verifies an export.

#include <string>
#include <vector>

// Returns the exit status: 0, 1 (the store cannot be read, or the export is not intact), 2 (usage),
// 3 (the export has no rows, so that nothing was verified).
int admin_audit(const std::vector<std::string>& arguments);
const char* admin_audit_usage() noexcept;
