#pragma once
// Estimates how long a password is for a program that knows common words, sequences and repetitions
// (NIST SP 800-63B, 5.1.1.2). Pure.

#include <cstddef>
#include <span>
#include <string_view>

namespace domain {

// A password with fewer units is guessable.
inline constexpr std::size_t password_units_min = 9;

// Returns the number of units of the password. Each of these parts is two units, however long it
// is: a common word or one of `own_words` (also as "p4ssw0rd"), a sequence of the alphabet, of
// digits or of a row of the keyboard, a repeated character, and a year. Each other character is
// one unit. A password that repeats a text has the units of the text and one more.
std::size_t password_units(std::string_view password, std::span<const std::string_view> own_words);

}  // namespace domain
