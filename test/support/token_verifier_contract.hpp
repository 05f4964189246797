#pragma once
// The contract suite of ports::token_verifier. The test of an adapter includes this file and
// instantiates the suite with a factory.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "aio/block_on.hpp"
#include "ports/token_verifier.hpp"

namespace fakes {

// One verifier on an executor, with a valid token of the subject "system:serviceaccount:shop:ci".
class token_verifier_world {
  public:
    virtual ~token_verifier_world() = default;
    virtual ports::token_verifier& verifier() = 0;
    [[nodiscard]] virtual std::string valid() const = 0;
    [[nodiscard]] virtual std::string invalid() const = 0;  // recognized, but not valid
    virtual void take_away() = 0;  // the other system does not respond from now on
};
using token_verifier_factory =
    std::function<std::unique_ptr<token_verifier_world>(aio::executor executor)>;

class token_verifier_contract : public ::testing::TestWithParam<token_verifier_factory> {
  protected:
    using use = std::function<aio::task<>(token_verifier_world&)>;
    void run(use act) {
        auto work = [](token_verifier_factory make, use inner) -> aio::task<> {
            const auto world = make(co_await aio::this_executor());
            co_return co_await inner(*world);
        };
        const auto result = aio::block_on(work(GetParam(), std::move(act)));
        EXPECT_TRUE(result);
    }
};

TEST_P(token_verifier_contract, returns_the_identity_of_a_valid_token) {
    run([](token_verifier_world& world) -> aio::task<> {
        EXPECT_TRUE(world.verifier().recognizes(world.valid()));
        const auto identity = co_await world.verifier().verify(base::secret(world.valid()));
        if (!identity) co_return base::pass(identity);
        EXPECT_EQ(identity->subject, "system:serviceaccount:shop:ci");
        EXPECT_FALSE(identity->credential.empty());
        EXPECT_FALSE(world.valid().contains(identity->credential));
        EXPECT_GT(identity->expires_at, base::instant());
        co_return base::ok();
    });
}

TEST_P(token_verifier_contract, denies_an_invalid_token_without_repeating_it) {
    run([](token_verifier_world& world) -> aio::task<> {
        EXPECT_TRUE(world.verifier().recognizes(world.invalid()));
        const auto identity = co_await world.verifier().verify(base::secret(world.invalid()));
        EXPECT_EQ(identity ? base::errc::internal : identity.error().code, base::errc::denied);
        if (!identity) EXPECT_FALSE(identity.error().text.contains(world.invalid()));
        co_return base::ok();
    });
}

TEST_P(token_verifier_contract, is_unavailable_while_the_other_system_is_away) {
    run([](token_verifier_world& world) -> aio::task<> {
        world.take_away();
        const auto identity = co_await world.verifier().verify(base::secret(world.valid()));
        EXPECT_FALSE(identity);
        if (!identity) EXPECT_TRUE(identity.error().retryable()) << identity.error().text;
        co_return base::ok();
    });
}

TEST_P(token_verifier_contract, recognizes_no_other_texts) {
    run([](token_verifier_world& world) -> aio::task<> {
        for (const std::string text : {"", "a", "..", "a.b.c", "dbk_a_b"}) {
            EXPECT_FALSE(world.verifier().recognizes(text)) << text;
        }
        EXPECT_FALSE(world.verifier().recognizes(std::string(65536, 'a')));
        co_return base::ok();
    });
}

}  // namespace fakes
