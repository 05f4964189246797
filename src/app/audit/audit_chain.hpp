#pragma once
// The rows of the audit log as texts that are chained by hashes. A row is one line of JSON:
// {"id":…,"at":…,"chain":…,"seq":…,…,"previous_hash":HEX,"hash":HEX,"signature":TEXT}. `hash` is
// the SHA-256 of the previous hash, a line feed, and the row without its last members. `signature`
// is that of the hash with the platform key; rows of a program without the key have none. Every
// process start begins a new chain. A checkpoint row names the last rows of all chains that its
// process knows. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/audit/audit_event.hpp"
#include "app/identity/platform_key.hpp"
#include "base/clock.hpp"
#include "base/failure.hpp"

namespace app {

inline constexpr std::string_view audit_checkpoint = "audit.checkpoint";
inline constexpr std::string_view audit_retention = "audit.retention";
// The hash before the first row of a chain.
inline constexpr std::string_view audit_origin =
    "0000000000000000000000000000000000000000000000000000000000000000";

struct audit_head {
    std::int64_t seq = 0;  // 0: no row
    std::string hash{audit_origin};
    bool operator==(const audit_head&) const = default;
};
using audit_heads = std::map<std::string, audit_head>;  // by chain

class audit_chain {
  public:
    // Without a sealer, rows have no signature.
    explicit audit_chain(std::string name, shared_sealer sealer = {})
        : name_(std::move(name)), sealer_(std::move(sealer)) {}
    // Returns the line of the row and advances the head.
    std::string append(const audit_event& event, base::instant time);
    // Returns the line of a checkpoint, or of a retention: the rows up to `heads` are deleted.
    std::string append(std::string_view action, const audit_heads& heads, base::instant time);
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const audit_head& head() const noexcept { return head_; }

  private:
    std::string link(std::string text);

    std::string name_;
    shared_sealer sealer_;
    audit_head head_;
};

// Returns the SHA-256 of the body of a request in hexadecimal.
std::string digest_of_body(std::string_view body);

// Returns the last line of an export, which names the last rows of all chains.
std::string encode_export_end(const audit_heads& heads);
std::string encode_head(const audit_head& head);
base::outcome<audit_head> decode_head(std::string_view text);

struct audit_report {
    std::size_t rows = 0;                 // 0: there was nothing to verify, which proves nothing
    audit_heads heads{};                  // of the rows that were read
    std::vector<std::string> problems{};  // empty: nothing is missing or changed
};
// Checks an export: the lines in the order of the export, and its last line.
class audit_verifier {
  public:
    // Without a sealer, signatures are not checked. With one, each row must have one.
    explicit audit_verifier(shared_sealer sealer = {}) : sealer_(std::move(sealer)) {}
    void add(std::string_view line);
    // Checks what the rows claim about each other. Called once, after the last line.
    audit_report finish();

  private:
    struct chain_state {
        std::int64_t first = 0;
        std::string before_first{};
        audit_head head{};
        std::map<std::int64_t, std::string> hashes{};
        std::size_t unsigned_rows = 0;
    };
    struct row_parts;
    void add_problem(std::string text);
    void add_row(const row_parts& parts);

    shared_sealer sealer_;
    audit_report report_;
    std::map<std::string, chain_state> chains_;
    std::vector<std::pair<std::string, audit_head>> claims_;
    audit_heads cuts_;
    bool has_end_ = false;
    bool end_names_chains_ = false;
};

}  // namespace app
