#pragma once
// The issuers in use. use() replaces them while the platform runs. Lives on the loop of the
// issuers, except where a function says otherwise.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_shared_ptr.hpp"
#include "oidc/issuer.hpp"

namespace oidc {

class issuer_set {
  public:
    using list = std::vector<std::shared_ptr<issuer>>;
    using name_list = std::vector<std::string>;

    issuer_set(issuer::deps deps, std::vector<issuer_options> options);

    // Puts issuers with these options into use instead of the present ones. An issuer whose options
    // are the same stays, with its document and its keys. A login or a verification that has begun
    // ends with the issuer that it began with.
    void use(std::vector<issuer_options> options);
    [[nodiscard]] const list& issuers() const noexcept { return issuers_; }
    // Returns null if there is none.
    [[nodiscard]] std::shared_ptr<issuer> find(std::string_view name) const;
    // Thread: any.
    [[nodiscard]] std::shared_ptr<const name_list> names() const { return names_.load(); }

  private:
    issuer::deps deps_;
    list issuers_;
    base::atomic_shared_ptr<const name_list> names_;
};

}  // namespace oidc
