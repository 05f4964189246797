#pragma once
// RFC 4648 base64 (section 4) and base64url (section 5). Pure.

#include <optional>
#include <string>
#include <string_view>

namespace base {

std::string to_base64(std::string_view bytes);
std::string to_base64_url(std::string_view bytes);  // without padding
// Decodes both alphabets, with or without padding. Skips white space, because kubeconfig files wrap
// lines. Returns nullopt if the text has other characters, wrong padding or an incomplete byte.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace base
