#include "main/admin_user.hpp"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "app/audit/audit_trail.hpp"
#include "app/identity/credential_text.hpp"
#include "app/identity/user_registry.hpp"
#include "base/read_file.hpp"
#include "main/command_store.hpp"
#include "main/platform_key_file.hpp"
#include "main/store_location.hpp"
#include "obs/log.hpp"
#include "obs/metrics.hpp"

namespace {

using base::errc;

struct user_arguments {
    bool is_new = true;  // create-user, not set-password
    std::string name;
    std::optional<std::string> role;
    std::optional<std::string> email;
    std::string password_file;
    std::string platform_key_file;
    std::string store;
};

std::optional<user_arguments> parse(const std::vector<std::string>& arguments) {
    user_arguments result{.is_new = arguments.front() == "create-user"};
    for (std::size_t index = 1; index < arguments.size(); ++index) {
        const auto& word = arguments[index];
        if (!word.starts_with("--")) {
            if (!result.name.empty()) return std::nullopt;
            result.name = word;
            continue;
        }
        if (++index == arguments.size()) return std::nullopt;
        const auto& value = arguments[index];
        if (word == "--store") {
            result.store = value;
        } else if (word == "--password-file") {
            result.password_file = value;
        } else if (word == "--platform-key-file") {
            result.platform_key_file = value;
        } else if (word == "--role" && result.is_new) {
            result.role = value;
        } else if (word == "--email" && result.is_new) {
            result.email = value;
        } else {
            return std::nullopt;
        }
    }
    const bool has_key = app::contains_credential(result.name) ||
                         app::contains_credential(result.email.value_or(""));
    if (result.name.empty() || result.store.empty() || has_key) return std::nullopt;
    return result;
}

// Turns off the echo of a terminal.
class hidden_input {
  public:
    hidden_input() : is_terminal_(tcgetattr(STDIN_FILENO, &previous_) == 0) {
        if (!is_terminal_) return;
        auto hidden = previous_;
        hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &hidden);
        std::fputs("password: ", stderr);
    }
    ~hidden_input() {
        if (!is_terminal_) return;
        tcsetattr(STDIN_FILENO, TCSANOW, &previous_);
        std::fputs("\n", stderr);
    }
    hidden_input(const hidden_input&) = delete;
    hidden_input& operator=(const hidden_input&) = delete;

  private:
    termios previous_{};
    bool is_terminal_;
};

// Returns the first line of the file or of standard input.
base::outcome<base::secret> read_password(const std::string& path) {
    std::string line;
    if (path.empty()) {
        const hidden_input hidden;
        std::getline(std::cin, line);
    } else {
        auto content = base::read_file(path);
        if (!content) {
            return base::fail(errc::invalid,
                              fmt::format("--password-file: '{}' cannot be read", path));
        }
        line = content->substr(0, content->find('\n'));
    }
    if (line.ends_with('\r')) line.pop_back();
    return base::secret(std::move(line));
}

base::outcome<std::unique_ptr<ports::document_store>> open(const store_location& location,
                                                           obs::registry& registry) {
    const auto& path = location.sqlite_path;
    if (!path.empty() && !std::filesystem::exists(path)) {
        return base::fail(errc::not_found, fmt::format("'{}' does not exist; start the platform "
                                                       "once, or set BOOTSTRAP_ADMIN_PASSWORD",
                                                       path));
    }
    return open_command_store(location, registry);
}

// Adds the first invalid field to the text.
std::unexpected<base::failure> explain(base::failure failure) {
    if (!failure.fields.empty()) {
        const auto& field = failure.fields.front();
        failure.text = fmt::format("{}: {}", field.pointer.substr(1), field.message);
    }
    return std::unexpected(std::move(failure));
}

// The users and the audit log of a store.
struct user_stack {
    user_stack(ports::document_store& store, app::shared_sealer sealer, aio::executor executor)
        : projects(clock, std::chrono::seconds(1)),
          members({.store = store, .projects = projects, .clock = clock, .log = log}),
          users({.store = store,
                 .members = members,
                 .passwords = passwords,
                 .clock = clock,
                 .log = log}),
          audit({.executor = std::move(executor),
                 .store = store,
                 .clock = clock,
                 .log = log,
                 .registry = metrics},
                {.sealer = std::move(sealer)}) {}

    const base::clock& clock = base::system_clock();
    obs::log& log = obs::null_log();
    obs::registry metrics;
    app::state_cache projects;
    app::password_pool passwords;
    app::member_registry members;
    app::user_registry users;
    app::audit_trail audit;
};

aio::task<> change_user(app::user_registry& users, const user_arguments& arguments,
                        base::secret password, app::shared_principal client) {
    if (!arguments.is_new) {
        co_return co_await users.set_password(arguments.name, {.password = std::move(password)},
                                              std::move(client));
    }
    const auto created = co_await users.create_user({.name = arguments.name,
                                                     .email = arguments.email,
                                                     .role = arguments.role,
                                                     .password = std::move(password)},
                                                    std::move(client));
    if (!created) co_return base::pass(created);
    co_return base::ok();
}

// Runs the command between two rows of the audit log.
aio::task<> run_command(user_stack& stack, const user_arguments& arguments, base::secret password) {
    auto loaded = co_await stack.users.load();
    if (loaded) loaded = co_await stack.audit.load();
    if (!loaded) co_return loaded;
    const auto client = std::make_shared<const domain::principal>(
        domain::principal{.subject = "operator", .is_administrator = true});
    app::audit_event event{.action = arguments.is_new ? "create_user" : "set_user_password",
                           .actor = client->subject,
                           .via = "command",
                           .kind = "user",
                           .object = arguments.name};
    auto result = co_await stack.audit.run_audited(
        std::move(event), [&] { return change_user(stack.users, arguments, password, client); });
    const auto closed = co_await stack.audit.close();
    co_return result ? closed : result;
}

base::outcome<void> change(const user_arguments& arguments) {
    const auto location = parse_store_location(arguments.store);
    if (!location) return base::pass(location, "--store");
    auto password = read_password(arguments.password_file);
    if (!password) return base::pass(std::move(password));
    const auto sealer =
        read_platform_key(platform_key_path(arguments.platform_key_file, *location));
    if (!sealer) return base::pass(sealer, "--platform-key-file");
    obs::registry metrics;
    const auto store = open(*location, metrics);
    if (!store) return base::pass(store, "--store");
    auto changed = run_on_store<user_stack>(**store, *sealer, [&](user_stack& stack) {
        return run_command(stack, arguments, *password);
    });
    if (!changed) return explain(std::move(changed).error());
    return changed;
}

}  // namespace

const char* admin_user_usage() noexcept {
    return R"(       dbaas admin create-user NAME --store STORE [--role none|auditor|admin] [--email ADDRESS]
                               [--password-file FILE]
       dbaas admin set-password NAME --store STORE [--password-file FILE]

Each has rows in the audit log. They are signed with the platform key next to the file of SQLite, or
with that of --platform-key-file FILE. Without --password-file, the first line of standard input
is the password. A platform with MongoDB may run and knows the user within about 1 s. Stop a
platform with SQLite before.
)";
}

int admin_user(const std::vector<std::string>& arguments) {
    const auto parsed = parse(arguments);
    if (!parsed) {
        std::fprintf(stderr, "usage:\n%s", admin_user_usage());
        return 2;
    }
    const auto changed = change(*parsed);
    if (!changed) {
        std::fprintf(stderr, "dbaas: %s\n", changed.error().text.c_str());
        return 1;
    }
    std::fprintf(stdout, "%s '%s'\n", parsed->is_new ? "created user" : "changed the password of",
                 parsed->name.c_str());
    return 0;
}
