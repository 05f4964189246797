#include "mongo/document_writer.hpp"

namespace mongo {
namespace {

// BSON is little-endian on every machine.
template <class Integer>
void append_integer(std::string& out, Integer value) {
    auto rest = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(Integer); ++i, rest >>= 8U) {
        out += static_cast<char>(rest & 0xFFU);
    }
}

}  // namespace

void document_writer::element(char type, std::string_view key) {
    elements_ += type;
    elements_ += key;
    elements_ += '\0';
}

document_writer& document_writer::text(std::string_view key, std::string_view value) {
    element('\x02', key);
    append_integer(elements_, static_cast<std::int32_t>(value.size() + 1));
    elements_ += value;
    elements_ += '\0';
    return *this;
}

document_writer& document_writer::binary(std::string_view key, std::string_view value) {
    element('\x05', key);
    append_integer(elements_, static_cast<std::int32_t>(value.size()));
    elements_ += '\0';  // the generic subtype
    elements_ += value;
    return *this;
}

document_writer& document_writer::int32(std::string_view key, std::int32_t value) {
    element('\x10', key);
    append_integer(elements_, value);
    return *this;
}

document_writer& document_writer::int64(std::string_view key, std::int64_t value) {
    element('\x12', key);
    append_integer(elements_, value);
    return *this;
}

document_writer& document_writer::boolean(std::string_view key, bool value) {
    element('\x08', key);
    elements_ += value ? '\1' : '\0';
    return *this;
}

document_writer& document_writer::document(std::string_view key, std::string_view value) {
    element('\x03', key);
    elements_ += value;
    return *this;
}

document_writer& document_writer::array(std::string_view key, std::string_view value) {
    element('\x04', key);
    elements_ += value;
    return *this;
}

std::string document_writer::finish() const {
    std::string result;
    result.reserve(elements_.size() + 5);
    append_integer(result, static_cast<std::int32_t>(elements_.size() + 5));
    result += elements_;
    result += '\0';
    return result;
}

}  // namespace mongo
