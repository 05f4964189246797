#pragma once
// Talks to a server on loopback over one short connection: is it ready, and what does it say? Both
// functions block: for the blocking pool, or a thread that has nothing else to do.

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace runtime {

// What the server says to `message` (empty: it speaks first), until `is_enough` of it, its end, a
// limit of 1 MiB, or `patience`. What came until then, even when that is nothing.
std::string ask(int port, std::string_view message, std::chrono::milliseconds patience,
                const std::function<bool(std::string_view)>& is_enough);

}  // namespace runtime
