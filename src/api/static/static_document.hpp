#pragma once
// A JSON document that never changes. It is kept plain and compressed; each encoding has its own
// entity tag. Inside api only.

#include <memory>
#include <string>

#include "http/message.hpp"

namespace api {

class static_document {
  public:
    explicit static_document(const std::string& text);
    // Returns 200, or 304 if the client has the document.
    [[nodiscard]] http::response respond(const http::request& request) const;

  private:
    struct encoding {
        std::shared_ptr<const std::string> bytes;  // shared with responses in flight
        std::string etag;
    };
    encoding plain_;
    encoding compressed_;
};

}  // namespace api
