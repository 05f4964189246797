#pragma once
// The contract suite of ports::authenticator. The test of an adapter includes this file and
// instantiates the suite with a factory.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ports/authenticator.hpp"

namespace fakes {

struct authenticator_world {
    std::unique_ptr<ports::authenticator> authenticator;
    std::vector<std::string> valid;    // values of the Authorization header, one at least
    std::vector<std::string> invalid;  // empty if every credential is valid
};
using authenticator_factory = std::function<authenticator_world()>;

class authenticator_contract : public ::testing::TestWithParam<authenticator_factory> {
  protected:
    void SetUp() override { world_ = GetParam()(); }
    [[nodiscard]] base::outcome<std::shared_ptr<const domain::principal>> authenticate(
        const std::string& credential) const {
        return world_.authenticator->authenticate(
            {.authorization = credential, .client = "127.0.0.1:40312"});
    }
    authenticator_world world_;
};

TEST_P(authenticator_contract, returns_the_principal_of_a_valid_credential) {
    ASSERT_FALSE(world_.valid.empty());
    for (const auto& credential : world_.valid) {
        const auto first = authenticate(credential);
        ASSERT_TRUE(first) << credential;
        ASSERT_NE(*first, nullptr) << credential;
        EXPECT_FALSE((*first)->subject.empty()) << credential;
        EXPECT_EQ(authenticate(credential).value()->subject, (*first)->subject) << credential;
    }
}

TEST_P(authenticator_contract, denies_an_invalid_credential) {
    for (const auto& credential : world_.invalid) {
        const auto principal = authenticate(credential);
        ASSERT_FALSE(principal) << credential;
        EXPECT_EQ(principal.error().code, base::errc::denied) << credential;
        const auto& text = principal.error().text;
        EXPECT_TRUE(credential.empty() || !text.contains(credential)) << text;
    }
}

TEST_P(authenticator_contract, authenticates_on_several_threads) {
    constexpr int thread_count = 4;
    std::vector<std::jthread> threads;
    threads.reserve(thread_count);
    for (int i = 0; i < thread_count; ++i) {
        threads.emplace_back([this] {
            for (int repeat = 0; repeat < 100; ++repeat) {
                for (const auto& credential : world_.valid) EXPECT_TRUE(authenticate(credential));
                for (const auto& credential : world_.invalid) {
                    EXPECT_FALSE(authenticate(credential));
                }
            }
        });
    }
}

}  // namespace fakes
