#pragma once
// An authenticator with a fixed set of principals. The credential "Bearer NAME" authenticates the
// principal whose subject is NAME. Requests without a credential fail unless there is an anonymous
// principal.

#include <map>
#include <string>

#include "ports/authenticator.hpp"

namespace fakes {

class fake_authenticator final : public ports::authenticator {
  public:
    void add(domain::principal caller) {
        auto subject = caller.subject;
        put(std::move(subject), std::move(caller));
    }
    // The principal of requests without a credential.
    void add_anonymous(domain::principal caller) { put("", std::move(caller)); }
    [[nodiscard]] base::outcome<std::shared_ptr<const domain::principal>> authenticate(
        const ports::authentication_request& request) const override {
        constexpr std::string_view scheme = "Bearer ";
        const auto subject = request.authorization.starts_with(scheme)
                                 ? request.authorization.substr(scheme.size())
                                 : request.authorization;
        const auto entry = principals_.find(subject);
        if (entry != principals_.end()) return entry->second;
        return base::fail(base::errc::denied, "missing or unknown credential", "unauthenticated");
    }

  private:
    void put(std::string credential, domain::principal caller) {
        principals_[std::move(credential)] =
            std::make_shared<const domain::principal>(std::move(caller));
    }
    std::map<std::string, std::shared_ptr<const domain::principal>, std::less<>> principals_;
};

}  // namespace fakes
