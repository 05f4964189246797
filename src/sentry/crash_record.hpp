#pragma once
// A record of a crash: a signal handler writes it to a file, and the next start reports it. The
// handler calls async-signal-safe functions alone, and the record contains no memory of the
// process: only numbers, addresses and the version. Thread: install_crash_handler() once, on the
// main thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace sentry {

struct crash_record {
    int signal = 0;
    std::string signal_name{};  // "SIGSEGV"
    std::string version{};      // of the process that crashed
    std::string build_id{};     // of its executable; hexadecimal, empty if it has none
    base::instant time{};
    std::uint64_t fault_address = 0;  // of SIGSEGV, SIGBUS, SIGILL and SIGFPE
    // Addresses relative to the load address of the executable, innermost first. The first one is
    // that of the instruction.
    std::vector<std::uint64_t> frames{};
};

// Returns the path of the record: in `folder` if it is writable, else in the directory of temporary
// files. Creates `folder`.
std::string crash_record_path(const std::string& folder);

// From now on, SIGSEGV, SIGABRT, SIGBUS, SIGILL and SIGFPE write a record to `path`, unless there
// is one, and end the process with the same signal.
void install_crash_handler(const std::string& path, std::string_view version);

// Reads the record and deletes its file. Returns nullopt if there is none. Ignores and keeps a file
// of another user.
std::optional<crash_record> take_crash_record(const std::string& path);
// Parses the text of a record. Returns nullopt for another text. Pure.
std::optional<crash_record> parse_crash_record(std::string_view text);
// Returns "0x1f 0x2e ..." for a log line.
std::string frames_text(const crash_record& record);

}  // namespace sentry
