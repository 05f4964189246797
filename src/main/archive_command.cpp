#include "main/archive_command.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "aio/block_on.hpp"
#include "app/store_archive.hpp"
#include "config/config.hpp"
#include "main/archive_file.hpp"
#include "main/command_store.hpp"
#include "main/store_location.hpp"
#include "obs/metrics.hpp"

namespace {

constexpr const char* usage =
    R"(usage: dbaas admin export --to FILE [--store STORE] [--passphrase-file FILE] [--keep COUNT]
                    [--with-history]
       dbaas admin import --from FILE [--store STORE] [--passphrase-file FILE]
       dbaas admin verify --from FILE [--passphrase-file FILE]

export writes every record of the store to a compressed file with mode 0600, and reads it again to
verify it. A platform over MongoDB may run. If FILE ends with '/', the name of the file contains the
time, and --keep deletes the oldest files of the folder except for COUNT. The history of metrics is
left out without --with-history.
import writes the records into an empty store. Stop every platform that uses the store before. No
platform starts with a store whose import did not end; empty it and import again.
verify reads a file without a store.

STORE is sqlite:PATH, mongodb://..., mongodb+srv://..., or @FILE, a file that contains one of them.
Without --store, the options of the platform in the environment name it (MONGODB_URL and others).
The file contains the digests of API keys and passwords: encrypt it with --passphrase-file.
)";

struct archive_arguments {
    std::string command{};
    std::string file{};
    std::optional<store_location> store{};
    std::optional<base::secret> passphrase{};
    std::size_t count_kept = 0;  // 0 = all
    bool has_history = false;
};

base::outcome<void> read_value(archive_arguments& out, const std::string& flag,
                               const std::string& value) {
    using base::errc;
    if (flag == "--store") {
        auto location = parse_store_location(value);
        if (!location) return base::pass(std::move(location));
        out.store = std::move(*location);
        return {};
    }
    if (flag == "--passphrase-file") {
        auto passphrase = read_passphrase(value);
        if (!passphrase) return base::pass(std::move(passphrase));
        out.passphrase = std::move(*passphrase);
        return {};
    }
    if (flag == "--keep" && out.command == "export") {
        const auto* const end = value.data() + value.size();
        const auto [rest, error] = std::from_chars(value.data(), end, out.count_kept);
        if (error == std::errc() && rest == end && out.count_kept > 0) return {};
        return base::fail(errc::invalid, "must be a number above 0");
    }
    if (flag == (out.command == "export" ? "--to" : "--from")) {
        out.file = value;
        return {};
    }
    return base::fail(errc::invalid, "unknown flag; 'dbaas admin export --help' lists all");
}

base::outcome<archive_arguments> parse(const std::vector<std::string>& arguments) {
    using base::errc;
    archive_arguments result{.command = arguments.front()};
    for (std::size_t index = 1; index < arguments.size(); ++index) {
        const auto& flag = arguments[index];
        if (flag == "--with-history" && result.command == "export") {
            result.has_history = true;
            continue;
        }
        if (index + 1 == arguments.size()) {
            return base::fail(errc::invalid, fmt::format("{}: a value is missing", flag));
        }
        auto read = read_value(result, flag, arguments[++index]);
        if (!read) return base::pass(std::move(read), flag);
    }
    if (result.file.empty()) {
        return base::fail(errc::invalid,
                          result.command == "export" ? "--to is missing" : "--from is missing");
    }
    if (result.count_kept > 0 && !result.file.ends_with('/')) {
        return base::fail(errc::invalid, "--keep: --to must be a folder and end with '/'");
    }
    return result;
}

base::outcome<store_location> configured_store(
    const std::map<std::string, std::string>& environment) {
    const auto loaded = config::load({.environment = environment, .arguments = {}});
    if (!loaded) {
        const auto& error = loaded.error();
        const auto text = error.fields.empty() ? error.text
                                               : fmt::format("{}: {}", error.fields.front().pointer,
                                                             error.fields.front().message);
        return base::fail(base::errc::invalid, "invalid options of the platform: " + text);
    }
    const auto& options = loaded->options;
    if (!options.mongodb_url.empty()) return store_location{.mongodb_url = options.mongodb_url};
    return store_location{.sqlite_path = options.data_dir + "/platform.db"};
}

base::outcome<app::store_archive> load(const archive_arguments& arguments,
                                       const std::string& path) {
    const auto text = load_archive(path, arguments.passphrase);
    if (!text) return base::pass(text);
    return app::decode_archive(*text);
}

base::outcome<void> export_store(const archive_arguments& arguments,
                                 const store_location& location) {
    if (!location.sqlite_path.empty() && !std::filesystem::exists(location.sqlite_path)) {
        return base::fail(base::errc::not_found,
                          fmt::format("the store '{}' does not exist", location.sqlite_path));
    }
    obs::registry registry;
    const auto store = open_command_store(location, registry);
    if (!store) return base::pass(store);
    auto archive = aio::block_on(app::read_archive(**store, arguments.has_history));
    if (!archive) return base::pass(std::move(archive));
    (void)aio::block_on((*store)->close());
    archive->program = DBAAS_VERSION;
    archive->created_at = base::system_clock().utc_now();
    const auto path = archive_path(arguments.file, archive->created_at);
    auto written = write_archive(path, app::encode(*archive), arguments.passphrase);
    if (!written) return written;
    const auto verified = load(arguments, path);
    if (!verified) return base::pass(verified, "the written file");
    if (verified->digest != archive->digest) {
        return base::fail(base::errc::corrupt, "the written file differs from the store");
    }
    print_digest(archive->digest);
    std::fprintf(stdout, "wrote and verified %s\n", path.c_str());
    if (arguments.count_kept == 0) return {};
    const auto deleted = delete_old_archives(arguments.file, arguments.count_kept);
    if (!deleted) return base::pass(deleted);
    std::fprintf(stdout, "deleted %zu old files\n", *deleted);
    return {};
}

base::outcome<void> import_store(const archive_arguments& arguments,
                                 const store_location& location) {
    auto archive = load(arguments, arguments.file);  // whole, before anything is written
    if (!archive) return base::pass(std::move(archive));
    obs::registry registry;
    const auto store = open_command_store(location, registry);
    if (!store) return base::pass(store);
    const auto digest = aio::block_on(app::restore_archive(
        std::move(*archive), **store,
        [](const std::string& name) { std::fprintf(stderr, "imported %s\n", name.c_str()); }));
    const auto closed = aio::block_on((*store)->close());
    if (!digest) return base::pass(digest);
    if (!closed) return base::pass(closed);
    print_digest(*digest);
    std::fprintf(stdout, "the store has the content of %s\n", arguments.file.c_str());
    return {};
}

base::outcome<void> verify(const archive_arguments& arguments) {
    const auto archive = load(arguments, arguments.file);
    if (!archive) return base::pass(archive);
    print_digest(archive->digest);
    std::fprintf(stdout, "%s is complete\n", arguments.file.c_str());
    return {};
}

}  // namespace

int archive_command(const std::vector<std::string>& arguments,
                    const std::map<std::string, std::string>& environment) {
    if (arguments.size() > 1 && (arguments[1] == "--help" || arguments[1] == "-h")) {
        std::fputs(usage, stdout);
        return 0;
    }
    const auto parsed = parse(arguments);
    if (!parsed) {
        std::fprintf(stderr, "dbaas: %s\n\n%s", parsed.error().text.c_str(), usage);
        return 2;
    }
    base::outcome<void> result;
    if (parsed->command == "verify") {
        result = verify(*parsed);
    } else {
        const auto location = parsed->store ? base::outcome<store_location>(*parsed->store)
                                            : configured_store(environment);
        if (!location) {
            std::fprintf(stderr, "dbaas: %s\n", location.error().text.c_str());
            return 2;
        }
        result = parsed->command == "export" ? export_store(*parsed, *location)
                                             : import_store(*parsed, *location);
    }
    if (result) return 0;
    std::fprintf(stderr, "dbaas: %s\n", result.error().text.c_str());
    return 1;
}
