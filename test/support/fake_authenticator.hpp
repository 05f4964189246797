#pragma once
// An authenticator with a fixed set of principals. The credential "Bearer NAME" authenticates the
// principal whose subject is NAME. Requests without a credential fail, unless a principal with the
// empty subject exists.

#include <map>
#include <string>

#include "ports/authenticator.hpp"

namespace fakes {

class fake_authenticator final : public ports::authenticator {
  public:
    void add(domain::principal caller) {
        auto subject = caller.subject;
        principals_[std::move(subject)] =
            std::make_shared<const domain::principal>(std::move(caller));
    }
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
    std::map<std::string, std::shared_ptr<const domain::principal>, std::less<>> principals_;
};

}  // namespace fakes
