#pragma once
// What the process runtime knows of each engine: where its programs are, how a member's data is
// prepared, how server and exporter are started, what says that it is ready. Data and small
// functions, no state.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aio/aio.hpp"
#include "devcluster/runtime/process.hpp"

namespace runtime {

// One member of a database as it is to run.
struct member_plan {
    std::string name;    // "orders-0"
    std::string folder;  // its own; "data" in it is the engine's
    std::string password;
    std::string user;
    int port = 0;
    int exporter_port = 0;
    int primary_port = 0;  // of member 0 when this one follows it, else 0
    std::int64_t memory_bytes = 0;
};

// An exporter of our own, for engines without a public one; it ends when it dies.
class own_exporter {
  public:
    virtual ~own_exporter() = default;
};

struct engine {
    std::string_view name;           // "postgres"
    std::string_view user;           // that clients log in as
    std::vector<std::string> needs;  // programs
    int stop_signal;
    bool can_follow;  // further members replicate the first; else each is on its own
    bool keeps_data;  // has a volume
    // What is sent to ask whether it is ready, and whether a reply says so.
    std::string (*question)(const member_plan& plan);
    bool (*is_ready)(const member_plan& plan, std::string_view reply);
    // Brings folder and configuration to the plan; data that is there is left alone. Ends early
    // with cancelled when is_stopping turns true.
    aio::task<> (*prepare)(member_plan plan, run_user as, const bool& is_stopping);
    // Its primary no longer has what this follower missed; prepare() then copies it anew. Null:
    // that is not known. Blocks.
    bool (*is_cut_off)(const member_plan& plan);
    command (*server)(const member_plan& plan);
    command (*exporter)(const member_plan& plan);  // null: start_own_exporter
    base::outcome<std::unique_ptr<own_exporter>> (*start_own_exporter)(const member_plan& plan);
    // "postgres (PostgreSQL) 15.18 ..." -> "15.18", asked of the program itself.
    std::vector<std::string> version_command;
};

std::span<const engine> all_engines();
const engine* find_engine(std::string_view name);
// Empty: not installed on this machine (the program that is missing is in `missing`). Blocks.
std::string installed_version(const engine& which, std::string& missing);

// ---- for the engines' own files ----

// The first "N.N..." in a line.
std::string version_in(std::string_view text);
// A file only for the engines' user. Failures: unavailable, denied.
base::outcome<void> write_private(const std::string& path, const std::string& text,
                                  const run_user& as);

inline constexpr std::int64_t mebibyte = 1024 * 1024;
inline constexpr auto prepare_patience = std::chrono::seconds(120);

}  // namespace runtime
