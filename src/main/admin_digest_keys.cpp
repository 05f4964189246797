#include "main/admin_digest_keys.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "app/audit/audit_trail.hpp"
#include "app/identity/digest_keys.hpp"
#include "app/identity/key_registry.hpp"
#include "base/time_text.hpp"
#include "main/command_store.hpp"
#include "main/platform_key_file.hpp"
#include "main/store_location.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"

namespace {

using base::errc;

constexpr std::string_view bare = "bare";  // instead of the id of a digest key

struct digest_key_arguments {
    std::string verb{};
    std::string id{};
    bool revokes = false;
    std::string platform_key_file{};
    std::string store{};
};

std::optional<digest_key_arguments> parse(const std::vector<std::string>& arguments) {
    digest_key_arguments result;
    for (std::size_t index = 1; index < arguments.size(); ++index) {
        const auto& word = arguments[index];
        const bool has_value = word == "--store" || word == "--platform-key-file";
        if (has_value && ++index == arguments.size()) return std::nullopt;
        if (word == "--store") {
            result.store = arguments[index];
        } else if (word == "--platform-key-file") {
            result.platform_key_file = arguments[index];
        } else if (word == "--revoke-keys") {
            result.revokes = true;
        } else if (!word.starts_with("-") && result.verb.empty()) {
            result.verb = word;
        } else if (!word.starts_with("-") && result.id.empty()) {
            result.id = word;
        } else {
            return std::nullopt;
        }
    }
    const bool is_removal = result.verb == "remove";
    const bool is_known = is_removal || result.verb == "list" || result.verb == "add";
    if (!is_known || result.store.empty()) return std::nullopt;
    if (is_removal == result.id.empty() || (result.revokes && !is_removal)) return std::nullopt;
    return result;
}

// The API keys, their digest keys and the audit log of a store.
struct key_stack {
    key_stack(ports::document_store& store, const app::shared_sealer& sealer,
              aio::executor executor)
        : projects(clock, std::chrono::seconds(1)),
          members({.store = store, .projects = projects, .clock = clock, .log = log}),
          digests({.store = store, .clock = clock, .log = log, .sealer = sealer}),
          keys({.store = store,
                .members = members,
                .clock = clock,
                .log = log,
                .digests = &digests}),
          audit({.executor = std::move(executor),
                 .store = store,
                 .clock = clock,
                 .log = log,
                 .registry = metrics},
                {.sealer = sealer}) {}

    const base::clock& clock = base::system_clock();
    obs::log& log = obs::null_log();
    obs::registry metrics;
    app::state_cache projects;
    app::member_registry members;
    app::digest_keys digests;
    app::key_registry keys;
    app::audit_trail audit;
};

void print_list(const key_stack& stack) {
    const auto counts = stack.keys.count_digests();
    const auto count_of = [&](const std::string& id) {
        const auto entry = counts.find(id);
        return entry == counts.end() ? std::size_t{0} : entry->second;
    };
    const auto newest = stack.digests.newest();
    for (const auto& [id, record] : stack.digests.records()) {
        fmt::print("{:<10} {:>6} digests  created {}{}\n", id, count_of(id),
                   base::to_rfc3339(record->created_at),
                   record == newest ? ", for new digests" : "");
    }
    for (const auto& [id, count] : counts) {
        if (id.empty() || stack.digests.find(id)) continue;
        fmt::print("{:<10} {:>6} digests  not in the store, so no secret matches\n", id, count);
    }
    fmt::print("{:<10} {:>6} digests  without a digest key\n", bare, count_of(""));
}

aio::task<> add_key(key_stack& stack) {
    const auto added = co_await stack.digests.add();
    if (!added) co_return base::pass(added);
    fmt::print("added {}; new digests have it at once, others when their secret is used\n", *added);
    co_return base::ok();
}

aio::task<> remove_key(key_stack& stack, const digest_key_arguments& arguments) {
    const auto& id = arguments.id;
    const bool is_bare = id == bare;
    if (!is_bare) {
        auto checked = stack.digests.check_removal(id);
        if (!checked) co_return checked;
    }
    const std::string server_key = is_bare ? std::string() : id;
    const auto counts = stack.keys.count_digests();
    const auto entry = counts.find(server_key);
    if (entry != counts.end() && !arguments.revokes) {
        co_return base::fail(
            errc::conflict,
            fmt::format("{} digests of valid secrets depend on {}; wait until they are used, or "
                        "revoke their API keys with --revoke-keys",
                        entry->second, is_bare ? "no digest key" : id));
    }
    if (entry != counts.end()) {
        const auto revoked = co_await stack.keys.revoke_digests(server_key);
        if (!revoked) co_return base::pass(revoked);
        fmt::print("revoked {} API keys\n", *revoked);
    }
    if (is_bare) co_return base::ok();
    auto removed = co_await stack.digests.remove(id);
    if (removed) fmt::print("removed {}\n", id);
    co_return removed;
}

// Runs a change between two rows of the audit log.
aio::task<> run_command(key_stack& stack, const digest_key_arguments& arguments) {
    auto loaded = co_await stack.digests.load();
    if (loaded) loaded = co_await stack.keys.load();
    if (!loaded) co_return loaded;
    if (arguments.verb == "list") {
        print_list(stack);
        co_return base::ok();
    }
    loaded = co_await stack.audit.load();
    if (!loaded) co_return loaded;
    const bool is_removal = arguments.verb == "remove";
    app::audit_event event{.action = is_removal ? "remove_digest_key" : "add_digest_key",
                           .actor = "operator",
                           .via = "command",
                           .kind = "digest_key",
                           .object = arguments.id};
    auto result = co_await stack.audit.run_audited(std::move(event), [&] {
        return is_removal ? remove_key(stack, arguments) : add_key(stack);
    });
    const auto closed = co_await stack.audit.close();
    co_return result ? closed : result;
}

base::outcome<void> run(const digest_key_arguments& arguments) {
    const auto location = parse_store_location(arguments.store);
    if (!location) return base::pass(location, "--store");
    const auto& path = location->sqlite_path;
    if (!path.empty() && !std::filesystem::exists(path)) {
        return base::fail(errc::not_found, fmt::format("--store: '{}' does not exist", path));
    }
    const auto sealer =
        read_platform_key(platform_key_path(arguments.platform_key_file, *location));
    if (!sealer) return base::pass(sealer, "--platform-key-file");
    obs::registry metrics;
    const auto store = open_command_store(*location, metrics);
    if (!store) return base::pass(store, "--store");
    return run_on_store<key_stack>(**store, *sealer,
                                   [&](key_stack& stack) { return run_command(stack, arguments); });
}

}  // namespace

const char* admin_digest_keys_usage() noexcept {
    return R"(       dbaas admin digest-keys list --store STORE [--platform-key-file FILE]
       dbaas admin digest-keys add --store STORE [--platform-key-file FILE]
       dbaas admin digest-keys remove ID|bare [--revoke-keys] --store STORE [--platform-key-file FILE]

The store has the digests of API keys, made with a server key that is sealed with the platform key.
'list' counts the digests of valid secrets that depend on each server key. 'add' makes another one.
The platform moves a digest to it when its secret is used. 'remove' deletes a server key on which no
digest depends; with --revoke-keys, it revokes the API keys that still do. 'bare' stands for the
digests without a server key, from earlier releases. A platform with MongoDB may run. Stop a platform
with SQLite before.
)";
}

int admin_digest_keys(const std::vector<std::string>& arguments) {
    const auto parsed = parse(arguments);
    if (!parsed) {
        std::fprintf(stderr, "usage:\n%s", admin_digest_keys_usage());
        return 2;
    }
    const auto result = run(*parsed);
    if (result) return 0;
    std::fflush(stdout);
    std::fprintf(stderr, "dbaas: %s\n", result.error().text.c_str());
    return 1;
}
