#pragma once
// 'dbaas admin create-user' and 'dbaas admin set-password': users of a store without a running
// platform, for the first administrator and for an operator who has lost every credential.

#include <string>
#include <vector>

// Arguments: those after 'admin'. Returns the exit code of the process.
int admin_user(const std::vector<std::string>& arguments);
// Returns the part of the usage text.
const char* admin_user_usage() noexcept;
