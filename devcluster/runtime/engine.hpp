#pragma once
// The table of engines: programs, preparation of a member's data, commands of server and exporter,
// readiness. Data and small functions without state.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aio/aio.hpp"
#include "devcluster/runtime/process.hpp"

namespace runtime {

// The settings of one member of a database.
struct member_plan {
    std::string name;    // "orders-0"
    std::string folder;  // private to the member; its "data" belongs to the engine
    std::string password;
    std::string user;
    int port = 0;
    int exporter_port = 0;
    int primary_port = 0;  // the port of member 0 if this member follows it, else 0
    std::int64_t memory_bytes = 0;
};

// An exporter inside this process, for engines without a public one. The destructor stops it.
class builtin_exporter {
  public:
    virtual ~builtin_exporter() = default;
};

struct engine {
    std::string_view name;           // "postgres"
    std::string_view user;           // login of the clients
    std::vector<std::string> needs;  // names of programs
    int stop_signal;
    bool can_follow;  // further members replicate the first; else members are independent
    bool keeps_data;  // has a volume
    // The readiness query, and whether a response reports readiness.
    std::string (*question)(const member_plan& plan);
    bool (*is_ready)(const member_plan& plan, std::string_view response);
    // Prepares folder and configuration for the plan. Keeps present data. Errors: cancelled, once
    // is_stopping is true.
    aio::task<> (*prepare)(member_plan plan, run_user as, const bool& is_stopping);
    // True if the primary no longer has the changes that this follower missed; prepare() then
    // copies the data again. Null: not supported. Blocks.
    bool (*is_cut_off)(const member_plan& plan);
    command (*server)(const member_plan& plan);
    command (*exporter)(const member_plan& plan);  // null: start_builtin_exporter
    base::outcome<std::unique_ptr<builtin_exporter>> (*start_builtin_exporter)(
        const member_plan& plan);
    // "postgres (PostgreSQL) 15.18 ..." -> "15.18"; the command that prints the version.
    std::vector<std::string> version_command;
};

std::span<const engine> all_engines();
const engine* find_engine(std::string_view name);
// Returns the version, or empty and the missing program in `missing`. Blocks.
std::string installed_version(const engine& entry, std::string& missing);

// ---- helpers of the engines' files ----

// The first "N.N..." in a line.
std::string version_in(std::string_view text);
// Writes a file that only the engines' user can read. Errors: unavailable, denied.
base::outcome<void> write_private(const std::string& path, const std::string& text,
                                  const run_user& as);

inline constexpr std::int64_t mebibyte = 1024 * 1024;
inline constexpr auto prepare_timeout = std::chrono::seconds(120);

}  // namespace runtime
