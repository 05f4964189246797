#pragma once
// A private key of an issuer, for tests of verifiers: signs any header and claims. Not for use
// outside of tests. Thread-safe.

#include <memory>
#include <string>
#include <string_view>

namespace fakes {

class issuer_key {
  public:
    static issuer_key make_rsa(std::string id, int bits = 2048);
    static issuer_key make_p256(std::string id);

    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    // "RS256" or "ES256".
    [[nodiscard]] std::string_view algorithm() const noexcept;
    [[nodiscard]] std::string public_jwk() const;
    // Returns the raw signature of JSON Web Signature.
    [[nodiscard]] std::string signature_of(std::string_view text) const;
    // Signs a token with exactly these texts.
    [[nodiscard]] std::string sign(std::string_view header, std::string_view claims) const;
    // Signs a token with a header of this type; "" leaves the type out.
    [[nodiscard]] std::string sign_typed(std::string_view type, std::string_view claims) const;

  private:
    struct state;
    issuer_key(std::string id, std::shared_ptr<const state> content)
        : id_(std::move(id)), state_(std::move(content)) {}

    std::string id_;
    std::shared_ptr<const state> state_;  // shared by the copies of the key; immutable
};

// Returns {"keys":[...]}.
std::string key_set_of(const std::string& first, const std::string& second = {});

}  // namespace fakes
