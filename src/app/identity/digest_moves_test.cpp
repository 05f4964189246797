#include "app/identity/digest_moves.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace {

TEST(digest_moves, are_noted_by_many_threads_while_one_takes_them) {
    app::digest_moves moves;
    const app::known_key key{
        .record = std::make_shared<const domain::api_key>(domain::api_key{.id = "a"}),
        .digest = {},
        .previous_digest = token::stored_digest()};
    using kind = app::digest_moves::secret_kind;
    moves.note(key, kind::present, token::sha256("a"));
    EXPECT_TRUE(moves.take().empty());  // there is no target
    const auto target = std::make_shared<const token::digest_key>(base::secret("b"));
    moves.set_target(target);
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (int j = 0; j < 1000; ++j) {
                    moves.note(key, j % 2 == 0 ? kind::present : kind::previous,
                               token::sha256("a"));
                }
            });
        }
        for (int i = 0; i < 100; ++i) {
            moves.set_target(i % 2 == 0 ? nullptr : target);
            EXPECT_LE(moves.take().size(), 1U);
        }
    }
    moves.note(key, kind::previous, token::sha256("c"));
    EXPECT_EQ(moves.take().at("a").previous, token::sha256("c"));
    const app::known_key moved{.record = key.record, .digest = {.key = target}};
    moves.note(moved, kind::present, token::sha256("a"));
    EXPECT_TRUE(moves.take().empty());
}

}  // namespace
