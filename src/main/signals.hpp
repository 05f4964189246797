#pragma once
// Waits for SIGTERM or SIGINT. Must be created before any thread starts, so that every thread
// blocks these signals.

class stop_signals {
  public:
    stop_signals();
    stop_signals(const stop_signals&) = delete;
    stop_signals& operator=(const stop_signals&) = delete;
    // Blocks until the first SIGTERM or SIGINT and returns its number. A second signal terminates
    // the process immediately with status 130 (SIGINT) or 143 (SIGTERM).
    int wait();
};
