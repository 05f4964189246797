#pragma once
// A JSON document that stays as it is for as long as the process lives: plain and packed, each
// encoded once and with a tag of its own. Inside api only.

#include <memory>
#include <string>

#include "http/message.hpp"

namespace api {

class static_document {
  public:
    explicit static_document(const std::string& text);
    // 200, or 304 when the client has it.
    [[nodiscard]] http::response respond(const http::request& request) const;

  private:
    struct encoding {
        std::shared_ptr<const std::string> bytes;  // shared with the answers that are on their way
        std::string etag;
    };
    encoding plain_;
    encoding packed_;
};

}  // namespace api
