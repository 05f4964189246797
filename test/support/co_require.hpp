#pragma once
// CO_REQUIRE(expression): ends a test's coroutine with the failure of `expression` if it failed.
// The expression is a base::outcome or a co_await that returns one. The text of the expression
// precedes the text of the failure.

#include "base/failure.hpp"

#define CO_REQUIRE(...)                                   \
    do {                                                  \
        if (auto&& required = (__VA_ARGS__); !required) { \
            co_return base::pass(required, #__VA_ARGS__); \
        }                                                 \
    } while (false)
