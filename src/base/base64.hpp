#pragma once
// RFC 4648 base64 (section 4) and base64url (section 5).

#include <optional>
#include <string>
#include <string_view>

namespace base {

std::string to_base64(std::string_view bytes);
std::string to_base64_url(std::string_view bytes);  // without padding
// Either alphabet, padded or not; white space is skipped, as kubeconfigs break their lines. Empty
// when there is anything else, or bits are left over that no byte has.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace base
