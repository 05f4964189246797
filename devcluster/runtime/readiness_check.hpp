#pragma once
// Queries a server on loopback over a short connection. Blocks: for the blocking pool or a
// dedicated thread.

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace runtime {

// Sends `message` (empty: the server sends first) and reads until `is_enough` returns true, the end
// of the stream, 1 MiB, or `timeout`. Returns the bytes that were read, possibly none.
std::string query(int port, std::string_view message, std::chrono::milliseconds timeout,
                  const std::function<bool(std::string_view)>& is_enough);

}  // namespace runtime
