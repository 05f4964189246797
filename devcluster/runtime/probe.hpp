#pragma once
// Does a server answer on its port? One connection, one message, the first bytes of the reply.
// Blocks: for the blocking pool.

#include <chrono>
#include <string>
#include <string_view>

namespace runtime {

// Up to 64 bytes of what the server says to `message`; empty when it does not.
std::string ask(int port, std::string_view message, std::chrono::milliseconds patience);

}  // namespace runtime
