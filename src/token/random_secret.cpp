#include "token/random_secret.hpp"

#include <openssl/rand.h>

#include <array>
#include <cstdlib>

#include "base/base64.hpp"

namespace token {

base::secret make_random_secret() {
    std::array<unsigned char, 32> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
    return base::secret(base::to_base64_url(
        std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())));
}

}  // namespace token
