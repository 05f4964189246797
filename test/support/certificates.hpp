#pragma once
// Certificates for tests of TLS, made on the spot (EC keys, well under a millisecond each). An
// authority lives as long as a test; what it issued does not need it.

#include <memory>
#include <string>
#include <vector>

namespace fakes {

struct credentials_pem {
    std::string certificate;
    std::string private_key;
};

struct certificate_wish {
    std::string common_name = "somebody";
    std::vector<std::string> hosts{};  // DNS names or IP addresses
    bool has_expired = false;
    std::string key_password{};  // empty: the key is not encrypted
};

class certificate_authority {
  public:
    explicit certificate_authority(std::string name);
    ~certificate_authority();
    [[nodiscard]] std::string pem() const;
    [[nodiscard]] credentials_pem issue(const certificate_wish& wish) const;

  private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace fakes
