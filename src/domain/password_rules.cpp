#include "domain/password_rules.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/ascii.hpp"

namespace domain {
namespace {

constexpr std::size_t part_length_min = 3;  // of a sequence or a repetition
constexpr std::size_t part_units = 2;

// The parts of the most frequent passwords of published lists that are long enough to matter.
constexpr std::array<std::string_view, 84> common_words{
    "1q2w3e4r5t6y", "1qaz2wsx", "access",     "admin",    "administrator", "amazon",   "america",
    "apple",        "august",   "autumn",     "baseball", "batman",        "blink182", "change",
    "changeme",     "charlie",  "chocolate",  "company",  "computer",      "control",  "cookie",
    "database",     "dbaas",    "december",   "default",  "demo",          "diamond",  "dragon",
    "facebook",     "flower",   "football",   "forever",  "freedom",       "friday",   "google",
    "guest",        "hello",    "hunter",     "iloveyou", "internet",      "january",  "jordan",
    "killer",       "kubedb",   "kubernetes", "letmein",  "liverpool",     "login",    "london",
    "love",         "master",   "michael",    "mongodb",  "monday",        "monkey",   "mustang",
    "mysql",        "oracle",   "pass",       "password", "pokemon",       "postgres", "princess",
    "private",      "qazwsx",   "qwerty",     "redis",    "root",          "samsung",  "secret",
    "server",       "shadow",   "spring",     "starwars", "summer",        "sunshine", "superman",
    "system",       "test",     "trustno1",   "user",     "welcome",       "whatever", "winter"};

constexpr std::array<std::string_view, 5> rows{"abcdefghijklmnopqrstuvwxyz", "1234567890",
                                               "qwertyuiop", "asdfghjkl", "zxcvbnm"};

// Returns whether people type `typed` instead of the letter.
constexpr bool stands_for(char typed, char letter) noexcept {
    if (typed == letter) return true;
    switch (typed) {
        case '0':
            return letter == 'o';
        case '1':
        case '!':
            return letter == 'i' || letter == 'l';
        case '3':
            return letter == 'e';
        case '4':
        case '@':
            return letter == 'a';
        case '5':
        case '$':
            return letter == 's';
        case '7':
            return letter == 't';
        default:
            return false;
    }
}

std::size_t word_length(std::string_view text, std::string_view word) noexcept {
    if (word.size() < part_length_min || text.size() < word.size()) return 0;
    const bool is_word = std::ranges::equal(text.substr(0, word.size()), word, stands_for);
    return is_word ? word.size() : 0;
}

// Returns the length of the sequence at the start of the text: a part of a row in either direction,
// or one repeated character.
std::size_t sequence_length(std::string_view text) noexcept {
    auto longest = std::min(text.find_first_not_of(text.front()), text.size());
    for (const auto row : rows) {
        const auto begin = row.find(text.front());
        if (begin == std::string_view::npos) continue;
        std::size_t forward = 1;
        while (forward < text.size() && begin + forward < row.size() &&
               text[forward] == row[begin + forward]) {
            ++forward;
        }
        std::size_t backward = 1;
        while (backward < text.size() && backward <= begin &&
               text[backward] == row[begin - backward]) {
            ++backward;
        }
        longest = std::max({longest, forward, backward});
    }
    return longest < part_length_min ? 0 : longest;
}

std::size_t year_length(std::string_view text) noexcept {
    constexpr std::size_t digits = 4;
    const bool has_century = text.starts_with("19") || text.starts_with("20");
    const bool is_year =
        has_century && text.size() >= digits &&
        std::ranges::all_of(text.substr(0, digits), [](char c) { return c >= '0' && c <= '9'; });
    return is_year ? digits : 0;
}

// Returns the length of the shortest text whose repetitions are the whole text.
std::size_t period_of(std::string_view text) noexcept {
    for (std::size_t period = 1; period <= text.size() / 2; ++period) {
        if (text.substr(period) == text.substr(0, text.size() - period)) return period;
    }
    return text.size();
}

std::size_t units_of(std::string_view text, std::span<const std::string_view> own_words) {
    std::size_t units = 0;
    while (!text.empty()) {
        auto length = std::max(sequence_length(text), year_length(text));
        for (const auto word : common_words) length = std::max(length, word_length(text, word));
        for (const auto word : own_words) length = std::max(length, word_length(text, word));
        const auto byte = static_cast<unsigned char>(text.front());
        const bool continues_character = (byte & 0xC0U) == 0x80U;  // of UTF-8
        if (length > 0) {
            units += part_units;
        } else if (!continues_character) {
            ++units;
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return units;
}

}  // namespace

std::size_t password_units(std::string_view password, std::span<const std::string_view> own_words) {
    const auto folded = base::lower(password);
    const std::string_view text = folded;
    const auto period = period_of(text);
    const auto units = units_of(text.substr(0, period), own_words);
    return period == text.size() ? units : std::min(units + 1, units_of(text, own_words));
}

}  // namespace domain
