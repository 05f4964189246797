#pragma once
// The API keys of the platform, as the api module uses them. The commands run on the control loop.
// The published index may be read on every thread, without I/O.

#include <map>
#include <memory>
#include <string>

#include "aio/task.hpp"
#include "base/secret.hpp"
#include "domain/api_key_rules.hpp"
#include "token/digest.hpp"

namespace app {

// One key and its principal; immutable.
struct known_key {
    std::shared_ptr<const domain::api_key> record;
    token::sha256_digest digest{};
    std::shared_ptr<const domain::principal> caller;
};
// Every key by id, also expired and revoked ones.
using api_key_index = std::map<std::string, known_key, std::less<>>;

struct created_key {
    std::shared_ptr<const domain::api_key> record;
    base::secret text;  // the only copy
};

class key_commands {
  public:
    virtual ~key_commands() = default;
    // Errors: invalid (fields), denied (domain::validate), limit (keys_max), unavailable,
    // timed_out. After the last two a key may exist whose text is lost.
    virtual aio::task<created_key> create_key(domain::api_key_request wanted,
                                              std::shared_ptr<const domain::principal> client) = 0;
    // Revokes a key. Succeeds if it is revoked already. Errors: not_found, unavailable, timed_out.
    virtual aio::task<void> revoke_key(std::string id) = 0;
    // Thread: any.
    [[nodiscard]] virtual std::shared_ptr<const api_key_index> keys() const = 0;

    static constexpr std::size_t keys_max = 10'000;
};

}  // namespace app
