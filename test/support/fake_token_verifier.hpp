#pragma once
// A token verifier with a fixed set of tokens. It recognizes texts that begin with its prefix. A
// test can take it away or hold its responses.

#include <map>
#include <optional>
#include <string>

#include "aio/aio.hpp"
#include "ports/token_verifier.hpp"

namespace fakes {

class fake_token_verifier final : public ports::token_verifier {
  public:
    std::string prefix = "ext.";
    std::map<std::string, ports::verified_identity, std::less<>> identities;  // by token
    std::optional<base::errc> failure{};                                      // of every call
    bool is_hanging = false;  // a call waits until it is cancelled
    int calls = 0;

    [[nodiscard]] bool recognizes(std::string_view text) const override {
        return text.starts_with(prefix);
    }
    aio::task<ports::verified_identity> verify(base::secret text) override {
        ++calls;
        if (is_hanging) {
            auto ended = co_await aio::until_cancelled();
            co_return base::pass(std::move(ended));
        }
        if (failure) co_return base::fail(*failure, "the fake fails");
        const auto entry = identities.find(text.reveal());
        if (entry == identities.end()) co_return base::fail(base::errc::denied, "unknown");
        co_return entry->second;
    }
};

}  // namespace fakes
