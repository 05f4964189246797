#pragma once
// The permissions that a caller has on one database, as the member "allowed_actions" of its
// document. The document itself is shared by all callers, so the member is spliced in before its
// closing brace. Pure.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "domain/access.hpp"
#include "http/message.hpp"

namespace api {

class allowed_actions {
  public:
    allowed_actions(const domain::principal& caller, const domain::resource& target) noexcept;

    // Returns the member with its comma: ,"allowed_actions":["databases.read"]. Static text.
    [[nodiscard]] std::string_view text() const noexcept;
    // Returns the hash of a document with this member, from the hash of the shared document.
    // Callers with every permission keep the hash.
    [[nodiscard]] std::uint64_t mix(std::uint64_t hash) const noexcept;
    [[nodiscard]] bool is_all() const noexcept { return bits_ == all_bits; }
    // Returns the body of a document with this member. Copies the member alone.
    [[nodiscard]] http::body splice(std::shared_ptr<const std::string> document) const;
    // Appends the document with this member. Precondition: the document is an object.
    void append(std::string_view document, std::string& out) const;
    bool operator==(const allowed_actions&) const = default;

  private:
    static constexpr unsigned all_bits = 0x1f;
    unsigned bits_ = 0;  // one per action
};

}  // namespace api
