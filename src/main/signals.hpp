#pragma once
// The wish of whoever started the program that it should end. Must be made before any thread
// starts, so that every thread leaves these signals alone.

#include <chrono>

class stop_signals {
  public:
    stop_signals();
    stop_signals(const stop_signals&) = delete;
    stop_signals& operator=(const stop_signals&) = delete;
    // Blocks until the first SIGTERM or SIGINT; its number. From then on another one ends the
    // process at once with status 130 (SIGINT) or 143 (SIGTERM).
    int wait();
};
