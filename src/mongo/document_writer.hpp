#pragma once
// Writes one BSON document, element by element, in the order of the calls. Pure.

#include <cstdint>
#include <string>
#include <string_view>

namespace mongo {

class document_writer {
  public:
    // Keys are constants of this module: they contain no NUL and no text of a user.
    document_writer& text(std::string_view key, std::string_view value);
    document_writer& binary(std::string_view key, std::string_view value);
    document_writer& int32(std::string_view key, std::int32_t value);
    document_writer& int64(std::string_view key, std::int64_t value);
    document_writer& boolean(std::string_view key, bool value);
    // `value` is a finished document. The keys of an array are "0", "1", ...
    document_writer& document(std::string_view key, std::string_view value);
    document_writer& array(std::string_view key, std::string_view value);

    // Returns the bytes of the document.
    [[nodiscard]] std::string finish() const;

  private:
    void element(char type, std::string_view key);

    std::string elements_;
};

}  // namespace mongo
