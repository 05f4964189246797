#pragma once
// An identity provider with one issuer, "corp", and one person. A test decides when the person has
// authorized a login on another device.

#include <optional>
#include <string>

#include "ports/identity_provider.hpp"

namespace fakes {

class fake_identity_provider final : public ports::identity_provider {
  public:
    ports::external_user user{.subject = "corp.ada", .method = "oidc:corp"};
    std::optional<base::errc> failure{};                 // of every call
    std::string device_error = "authorization_pending";  // "": authorized
    bool is_used = false;                                // the login was completed before
    ports::login_callback last{};

    [[nodiscard]] std::vector<std::string> issuers() const override { return {"corp"}; }
    aio::task<ports::login_start> start_login(std::string issuer) override {
        if (const auto error = check(issuer)) co_return std::unexpected(*error);
        co_return ports::login_start{.url = "https://id.example/authorize?state=s1",
                                     .pre_login = base::secret("secret1")};
    }
    aio::task<ports::external_user> finish_login(std::string issuer,
                                                 ports::login_callback callback) override {
        if (const auto error = check(issuer)) co_return std::unexpected(*error);
        last = callback;
        if (callback.pre_login.reveal() != "secret1") co_return deny("no_login");
        if (callback.state != "s1") co_return deny("state");
        if (is_used) co_return deny(std::string(ports::login_used_reason));
        co_return user;
    }
    aio::task<ports::device_start> start_device(std::string issuer) override {
        if (const auto error = check(issuer)) co_return std::unexpected(*error);
        co_return ports::device_start{.device_code = base::secret("device1"),
                                      .user_code = "ABCD",
                                      .verification_uri = "https://id.example/activate",
                                      .expires_in = std::chrono::seconds(600)};
    }
    aio::task<ports::external_user> finish_device(std::string issuer,
                                                  base::secret device_code) override {
        if (const auto error = check(issuer)) co_return std::unexpected(*error);
        if (device_code.reveal() != "device1") co_return deny("invalid_grant");
        if (!device_error.empty()) co_return deny(device_error);
        co_return user;
    }

  private:
    static std::unexpected<base::failure> deny(std::string reason) {
        return base::fail(base::errc::denied, "the login was not completed", std::move(reason));
    }
    [[nodiscard]] std::optional<base::failure> check(const std::string& issuer) const {
        if (failure) return base::failure{.code = *failure, .text = "the issuer is away"};
        if (issuer == "corp") return std::nullopt;
        return base::failure{.code = base::errc::not_found, .text = "there is no such issuer"};
    }
};

}  // namespace fakes
