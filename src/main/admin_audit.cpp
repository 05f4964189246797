#include "main/admin_audit.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "aio/block_on.hpp"
#include "app/audit/audit_trail.hpp"
#include "main/command_store.hpp"
#include "main/platform_key_file.hpp"
#include "main/store_location.hpp"
#include "obs/metrics.hpp"

namespace {

constexpr const char* usage =
    R"(usage: dbaas admin audit export --store STORE
       dbaas admin audit verify FILE [--hash HASH] [--platform-key-file KEY] [--allow-empty]

'export' prints the audit log as lines of JSON, with a last line about its chains. 'verify' reads
such a file without a store and reports every row that is missing, changed or at another position.
With --hash, the file must contain the row with the hash, such as that of a log line "audit". With
--platform-key-file, each row must have a signature that was made with this platform key. The exit
status is 1 if the export is not intact, and 3 if it has no rows: an empty log proves nothing.
--allow-empty accepts an export without rows, such as that of a new store.
)";

int export_from(const std::string& text) {
    const auto location = parse_store_location(text);
    if (!location) {
        std::fprintf(stderr, "dbaas: --store: %s\n", location.error().text.c_str());
        return 2;
    }
    const auto& path = location->sqlite_path;
    if (!path.empty() && !std::filesystem::exists(path)) {
        std::fprintf(stderr, "dbaas: --store: '%s' does not exist\n", path.c_str());
        return 1;
    }
    obs::registry registry;
    const auto opened = open_command_store(*location, registry);
    if (!opened) {
        std::fprintf(stderr, "dbaas: %s\n", opened.error().text.c_str());
        return 1;
    }
    const auto exported = aio::block_on(app::export_audit(
        **opened, [](const std::string& line) { std::fprintf(stdout, "%s\n", line.c_str()); }));
    (void)aio::block_on((*opened)->close());
    if (exported) return 0;
    std::fprintf(stderr, "dbaas: %s\n", exported.error().text.c_str());
    return 1;
}

constexpr int nothing_to_verify = 3;

struct verify_arguments {
    std::string path{};
    bool allows_empty = false;
    std::string hash{};
    std::string key_path{};
};

int verify(const verify_arguments& arguments) {
    const auto sealer = read_platform_key(arguments.key_path);
    if (!sealer) {
        std::fprintf(stderr, "dbaas: --platform-key-file: %s\n", sealer.error().text.c_str());
        return 2;
    }
    std::ifstream file(arguments.path);
    if (!file) {
        std::fprintf(stderr, "dbaas: '%s' cannot be read\n", arguments.path.c_str());
        return 1;
    }
    app::audit_verifier verifier(*sealer);
    const auto& hash = arguments.hash;
    bool has_hash = hash.empty();
    for (std::string line; std::getline(file, line);) {
        has_hash = has_hash || line.contains("\"hash\":\"" + hash + "\"");
        verifier.add(line);
    }
    const auto report = verifier.finish();
    for (const auto& problem : report.problems) std::fprintf(stdout, "%s\n", problem.c_str());
    if (!has_hash) std::fprintf(stdout, "no row has the hash %s\n", hash.c_str());
    if (!report.problems.empty() || !has_hash) return 1;
    if (report.rows == 0 && !arguments.allows_empty) {
        std::fprintf(stdout, "there is nothing to verify: the export has no rows\n");
        return nothing_to_verify;
    }
    std::fprintf(stdout, "%zu rows in %zu chains, nothing is missing or changed%s\n", report.rows,
                 report.heads.size(), *sealer ? ", every row has a valid signature" : "");
    return 0;
}

// Reads "verify FILE" and its flags. Returns nothing for another form.
std::optional<verify_arguments> read_verify(const std::vector<std::string>& arguments) {
    if (arguments.size() < 3 || arguments[1] != "verify") return std::nullopt;
    verify_arguments result{.path = arguments[2]};
    for (std::size_t i = 3; i < arguments.size(); ++i) {
        if (arguments[i] == "--allow-empty") {
            result.allows_empty = true;
            continue;
        }
        const bool is_hash = arguments[i] == "--hash";
        if (!is_hash && arguments[i] != "--platform-key-file") return std::nullopt;
        if (++i == arguments.size()) return std::nullopt;
        (is_hash ? result.hash : result.key_path) = arguments[i];
    }
    return result;
}

}  // namespace

const char* admin_audit_usage() noexcept {
    return usage;
}

int admin_audit(const std::vector<std::string>& arguments) {
    const auto size = arguments.size();
    if (size == 4 && arguments[1] == "export" && arguments[2] == "--store") {
        return export_from(arguments[3]);
    }
    if (const auto request = read_verify(arguments)) return verify(*request);
    std::fputs(usage, stderr);
    return 2;
}
