#pragma once
// The logins whose callback was used, shared by all replicas. Implementation: app::used_logins,
// over the document store. Fake: test/support/fake_login_register.hpp. Thread: the control loop.

#include <string>

#include "aio/task.hpp"

namespace ports {

class login_register {
  public:
    login_register() = default;
    login_register(const login_register&) = delete;
    login_register& operator=(const login_register&) = delete;
    virtual ~login_register() = default;

    // Marks the login as used. Returns false if it was used before, on any replica. `id`: at most
    // 128 bytes, not secret. Errors: unavailable, timed_out; the login may be marked.
    virtual aio::task<bool> use(std::string id) = 0;
    // Returns whether the login was used. Errors: unavailable, timed_out.
    virtual aio::task<bool> is_used(std::string id) = 0;
};

}  // namespace ports
