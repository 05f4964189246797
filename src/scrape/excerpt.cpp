#include "scrape/excerpt.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "base/secret.hpp"
#include "base/utf8.hpp"

namespace scrape {
namespace {

using std::string_view;

// Bytes of the text that are examined. Masking may shorten the text.
constexpr std::size_t bytes_examined = 4096;

// A key names a credential if it ends in one of these words.
constexpr std::array<string_view, 15> secret_words{
    "password", "passwd",     "pass",        "pwd",        "secret",
    "token",    "credential", "credentials", "apikey",     "api_key",
    "api-key",  "access_key", "private_key", "passphrase", "_auth"};
// Words in front of a credential, without ':' or '=': schemes of HTTP, and the flag of redis-cli.
constexpr std::array<string_view, 3> leading_words{"bearer", "basic", "-a"};

constexpr string_view blanks = " \t";
constexpr string_view quotes = "\"'`";
constexpr string_view token_ends = " \t\"'`<>";
constexpr string_view value_ends = " \t\"'`<>";
// A separator ends a value only in front of another end or of the next key, because a password may
// contain it.
constexpr string_view separators = ",;&)}]";

bool is_word(char c) {
    const char small = base::lower(c);
    return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Returns the text as one line of well-formed characters.
std::string one_line(string_view text) {
    std::string line;
    for (std::size_t pos = 0; pos < text.size();) {
        const auto length = base::utf8_length(text.substr(pos));
        const auto byte = static_cast<unsigned char>(text[pos]);
        if (length == 0 || byte <= 0x20 || byte == 0x7f) {
            if (!line.empty() && line.back() != ' ') line += ' ';
        } else {
            line += text.substr(pos, length);
        }
        pos += std::max<std::size_t>(length, 1);
    }
    while (line.ends_with(' ')) line.pop_back();
    return line;
}

std::size_t position_or_end(std::size_t position, string_view text) {
    return std::min(position, text.size());
}

// Masks "user:password@" in each token. Returns the masked text.
std::string without_userinfo(string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto size = position_or_end(text.find_first_of(token_ends), text);
        auto token = text.substr(0, size);
        const auto sign = token.rfind('@');
        if (sign != token.npos) {
            const auto scheme = token.find("://");
            const auto start = scheme < sign ? scheme + 3 : 0;
            if (token.substr(start, sign - start).find(':') != token.npos) {
                out += token.substr(0, start);
                out += base::secret::mask();
                token.remove_prefix(sign);
            }
        }
        out += token;
        out += text.substr(size, 1);
        text.remove_prefix(std::min(size + 1, text.size()));
    }
    return out;
}

// Returns the length of the text from the end of a key to its value: a quote that closes the key,
// ':' or '=', and blanks. Returns 0 if no value follows.
std::size_t separator_length(string_view text) {
    std::size_t length = 0;
    const auto skip = [&](string_view characters) {
        while (length < text.size() && characters.find(text[length]) != characters.npos) ++length;
    };
    skip("\\\"'");
    skip(blanks);
    if (length == text.size() || (text[length] != ':' && text[length] != '=')) return 0;
    ++length;
    skip(blanks);
    return length;
}

// Returns the number of blanks between a key and a credential without ':' or '=': after a flag
// ("--password x"), and in front of quotes as in SQL (PASSWORD 'x'). Returns 0 if none follows.
std::size_t blanks_length(string_view key, string_view text) {
    const auto length = position_or_end(text.find_first_not_of(blanks), text);
    if (length == text.size()) return 0;
    return key.starts_with("--") || text[length] == '\'' ? length : 0;
}

// Returns whether a value ends in front of `text`, which starts with one of the separators.
bool ends_value(string_view text) {
    text.remove_prefix(position_or_end(text.find_first_not_of(separators), text));
    if (text.empty() || value_ends.find(text.front()) != value_ends.npos) return true;
    const auto key = std::size_t(std::ranges::find_if_not(text, is_word) - text.begin());
    return key > 0 && separator_length(text.substr(key)) > 0;
}

// Returns the length of the value in quotes at the start of `text`. A quote inside of it has more
// backslashes in front than the first one.
std::size_t quoted_length(string_view text) {
    const auto depth = text.find_first_not_of('\\');
    const char quote = text[depth];
    for (auto pos = text.find(quote, depth + 1); pos != text.npos;
         pos = text.find(quote, pos + 1)) {
        std::size_t backslashes = 0;
        while (text[pos - 1 - backslashes] == '\\') ++backslashes;
        if (backslashes <= depth) return pos + 1;
    }
    return text.size();
}

// Returns the length of the value at the start of `text`, with its quotes.
std::size_t value_length(string_view text) {
    const auto start = position_or_end(text.find_first_not_of('\\'), text);
    if (start < text.size() && quotes.find(text[start]) != quotes.npos) return quoted_length(text);
    for (std::size_t pos = 0; pos < text.size(); ++pos) {
        if (value_ends.find(text[pos]) != value_ends.npos) return pos;
        if (separators.find(text[pos]) != separators.npos && ends_value(text.substr(pos)))
            return pos;
    }
    return text.size();
}

// Masks the values of keys that name a credential. Returns the masked text.
std::string without_values(string_view text) {
    std::string out;
    std::string previous;  // the word before the key
    while (!text.empty()) {
        const auto size = std::size_t(std::ranges::find_if_not(text, is_word) - text.begin());
        const auto key = base::lower(text.substr(0, size));
        out += text.substr(0, size);
        text.remove_prefix(size);
        const auto is_suffix = [&key](string_view word) { return key.ends_with(word); };
        std::size_t gap = 0;
        std::size_t value = 0;
        if (std::ranges::any_of(secret_words, is_suffix)) {
            gap = separator_length(text);
            if (gap == 0) gap = blanks_length(key, text);
            if (gap > 0) value = value_length(text.substr(gap));
            // "(using password: YES)" of MySQL says whether the client sent a password.
            if (previous == "using" && base::lower(text.substr(gap, value)) == "yes") value = 0;
        } else if (key == "authorization") {
            gap = separator_length(text);
            if (gap > 0) value = text.size() - gap;  // a scheme and the credential
        } else if (std::ranges::find(leading_words, key) != leading_words.end() &&
                   text.starts_with(' ')) {
            gap = 1;
            value = value_length(text.substr(gap));
        }
        if (key == "by" && previous == "identified") {  // MySQL
            gap = blanks_length(key, text);
            if (gap > 0) value = value_length(text.substr(gap));
        }
        if (size > 0) previous = key;
        if (value > 0) {
            out += text.substr(0, gap);
            out += base::secret::mask();
            text.remove_prefix(gap + value);
        } else if (!text.empty()) {
            out += text.front();
            text.remove_prefix(1);
        }
    }
    return out;
}

}  // namespace

std::string excerpt_of(string_view text) {
    auto front = base::truncate_utf8(text, bytes_examined);
    // The last word may be a part of a credential.
    if (front.size() < text.size()) front = front.substr(0, front.find_last_of(" \t\n"));
    auto masked = without_values(without_userinfo(one_line(front)));
    const auto shown = base::truncate_utf8(masked, excerpt_bytes_max);
    if (shown.size() == masked.size() && front.size() == text.size()) return masked;
    return std::string(shown) + "...";
}

}  // namespace scrape
