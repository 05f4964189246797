#pragma once
// 'dbaas admin digest-keys': the server keys of the digests of API keys, in a store.

#include <string>
#include <vector>

// Arguments: those after 'admin'. Returns the exit code of the process.
int admin_digest_keys(const std::vector<std::string>& arguments);
// Returns the part of the usage text.
const char* admin_digest_keys_usage() noexcept;
