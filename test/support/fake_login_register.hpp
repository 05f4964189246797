#pragma once
// A login register in memory. A test shares it between providers, as replicas share the store.

#include <optional>
#include <set>
#include <string>

#include "ports/login_register.hpp"

namespace fakes {

class fake_login_register final : public ports::login_register {
  public:
    std::set<std::string> used;
    std::optional<base::errc> failure{};  // of every call

    aio::task<bool> use(std::string id) override {
        if (failure) co_return base::fail(*failure, "the fake fails");
        co_return used.insert(std::move(id)).second;
    }
    aio::task<bool> is_used(std::string id) override {
        if (failure) co_return base::fail(*failure, "the fake fails");
        co_return used.contains(id);
    }
};

}  // namespace fakes
