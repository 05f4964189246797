#include "main/admin.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "aio/block_on.hpp"
#include "app/store_copy.hpp"
#include "main/admin_audit.hpp"
#include "main/admin_digest_keys.hpp"
#include "main/admin_images.hpp"
#include "main/admin_user.hpp"
#include "main/adopt_command.hpp"
#include "main/archive_command.hpp"
#include "main/command_store.hpp"
#include "main/store_location.hpp"
#include "obs/metrics.hpp"

namespace {

constexpr const char* usage =
    R"(usage: dbaas admin copy --from STORE --to STORE
       dbaas admin export | import | verify | adopt | images    (--help describes them)

copy copies every record, with its revisions, into an empty store and compares the digests of both.
Stop every platform that uses the stores before. No platform starts with a store whose copy did not
end; empty it and copy again.

STORE is sqlite:PATH (data/platform.db in the data directory), mongodb://..., mongodb+srv://..., or
@FILE, a file that contains one of them. Other users of the machine see arguments, but not the file.
)";

struct copy_arguments {
    store_location source;
    store_location target;
};

// Prints each error.
std::optional<copy_arguments> parse(const std::vector<std::string>& arguments) {
    std::optional<store_location> source;
    std::optional<store_location> target;
    for (std::size_t index = 1; index < arguments.size(); index += 2) {
        const auto& flag = arguments[index];
        const bool is_known = flag == "--from" || flag == "--to";
        if (!is_known || index + 1 == arguments.size()) {
            std::fputs(usage, stderr);
            return std::nullopt;
        }
        auto location = parse_store_location(arguments[index + 1]);
        if (!location) {
            std::fprintf(stderr, "dbaas: %s: %s\n", flag.c_str(), location.error().text.c_str());
            return std::nullopt;
        }
        (flag == "--from" ? source : target) = std::move(*location);
    }
    if (!source || !target) {
        std::fputs(usage, stderr);
        return std::nullopt;
    }
    return copy_arguments{.source = std::move(*source), .target = std::move(*target)};
}

base::outcome<app::store_digest> copy(const copy_arguments& arguments) {
    const auto& path = arguments.source.sqlite_path;
    if (!path.empty() && !std::filesystem::exists(path)) {
        return base::fail(base::errc::not_found, fmt::format("--from: '{}' does not exist", path));
    }
    obs::registry source_metrics;
    obs::registry target_metrics;
    const auto source = open_command_store(arguments.source, source_metrics);
    if (!source) return base::pass(source, "--from");
    const auto target = open_command_store(arguments.target, target_metrics);
    if (!target) return base::pass(target, "--to");
    auto digest = aio::block_on(app::copy_store(**source, **target, [](const std::string& name) {
        std::fprintf(stderr, "copied %s\n", name.c_str());
    }));
    const auto closed = aio::block_on((*target)->close());
    if (digest && !closed) return base::pass(closed, "--to");
    return digest;
}

}  // namespace

int admin(const std::vector<std::string>& arguments,
          const std::map<std::string, std::string>& environment) {
    const bool wants_help =
        !arguments.empty() && (arguments.front() == "--help" || arguments.front() == "-h");
    if (wants_help) {
        std::fprintf(stdout, "%s\n%s\n%s\n%s", usage, admin_user_usage(), admin_digest_keys_usage(),
                     admin_audit_usage());
        return 0;
    }
    const bool is_about_users = !arguments.empty() && (arguments.front() == "create-user" ||
                                                       arguments.front() == "set-password");
    if (is_about_users) return admin_user(arguments);
    const auto command = arguments.empty() ? std::string() : arguments.front();
    if (command == "export" || command == "import" || command == "verify") {
        return archive_command(arguments, environment);
    }
    if (command == "adopt") return adopt_command(arguments, environment);
    if (command == "images") return admin_images(arguments, environment);
    if (command == "audit") return admin_audit(arguments);
    if (command == "digest-keys") return admin_digest_keys(arguments);
    if (command != "copy") {
        std::fprintf(stderr, "%s\n%s\n%s\n%s", usage, admin_user_usage(), admin_digest_keys_usage(),
                     admin_audit_usage());
        return 2;
    }
    const auto parsed = parse(arguments);
    if (!parsed) return 2;
    const auto digest = copy(*parsed);
    if (!digest) {
        std::fprintf(stderr, "dbaas: %s\n", digest.error().text.c_str());
        return 1;
    }
    print_digest(*digest);
    std::fprintf(stdout, "both stores have the same content\n");
    return 0;
}
