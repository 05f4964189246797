#pragma once
// Shortens a text of an exporter for logs and for users. Exporters quote connection strings in
// their errors, so an excerpt has its credentials masked. Pure.

#include <cstddef>
#include <string>
#include <string_view>

namespace scrape {

inline constexpr std::size_t excerpt_bytes_max = 400;

// Returns the first lines of `text` as one line of at most `excerpt_bytes_max` bytes plus "...".
// Control characters and bytes outside of UTF-8 become spaces. The value of a key that ends in
// "password", "token" or a similar word becomes "***", and so do the user and the password in front
// of an '@'.
std::string excerpt_of(std::string_view text);

}  // namespace scrape
