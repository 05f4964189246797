#pragma once
// Waits for SIGTERM or SIGINT and reports SIGHUP. Must be created before any thread starts, so that
// every thread blocks these signals.

#include <functional>

class process_signals {
  public:
    process_signals();
    process_signals(const process_signals&) = delete;
    process_signals& operator=(const process_signals&) = delete;
    // Blocks until the first SIGTERM or SIGINT and returns its number. Calls `on_hangup` for each
    // SIGHUP until then; SIGHUP has no effect afterwards. A second SIGTERM or SIGINT terminates the
    // process immediately with status 130 (SIGINT) or 143 (SIGTERM).
    int wait(const std::function<void()>& on_hangup);
};
