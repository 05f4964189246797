#pragma once
// Certificates for tests of TLS, generated at run time with EC keys (less than 1 ms each; an RSA
// key takes about 50 ms). An issued certificate does not depend on the lifetime of its authority.

#include <memory>
#include <string>
#include <vector>

namespace fakes {

struct credentials_pem {
    std::string certificate;
    std::string private_key;
};

struct certificate_request {
    std::string common_name = "test";
    std::vector<std::string> hosts{};  // DNS names or IP addresses
    bool has_expired = false;
    std::string key_password{};  // empty: the key is not encrypted
    bool has_rsa_key = false;
};

class certificate_authority {
  public:
    explicit certificate_authority(std::string name);
    ~certificate_authority();
    [[nodiscard]] std::string pem() const;
    [[nodiscard]] credentials_pem issue(const certificate_request& request) const;

  private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace fakes
