// dbaas: the platform. 'dbaas --help' lists the subcommands.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.hpp"
#include "app/identity/key_registry.hpp"
#include "config/config.hpp"
#include "main/admin.hpp"
#include "main/doctor_command.hpp"
#include "main/health_command.hpp"
#include "main/help_flag.hpp"
#include "main/login_command.hpp"
#include "main/oidc_access.hpp"
#include "main/report_command.hpp"
#include "main/serve.hpp"

namespace {

constexpr const char* usage =
    R"(usage: dbaas COMMAND [FLAGS]

  serve      run the platform until SIGTERM or Ctrl-C; SIGHUP reloads files
  health     ask a running platform whether it is ready
  doctor     check the store, the cluster, the permissions and KubeDB before serve
  config     print the reference of all options; with --check and the flags of serve, validate the
             options and the files of OpenID issuers, and print the values in effect
  admin      'admin copy' copies all records between SQLite and MongoDB; 'admin export' and 'admin
             import' keep them in a file; 'admin adopt' makes records for databases of the
             cluster; 'admin create-user' and 'admin set-password' change the users of a store;
             'admin audit' exports and verifies the audit log; 'admin images' lists the images
             that a cluster needs
  login      log in at an OpenID issuer of a running platform, and keep the tokens in a file
  report     'report cost' compares what the databases of a running platform request with what
             they use, and lists idle ones
  api-key    print a new API key, for the Secret of --admin-key-file
  openapi    print the OpenAPI document of the API
  version    print the version
  --help     print this text

Options are flags, environment variables or keys of a YAML file; 'dbaas config' lists them.
)";

std::map<std::string, std::string> environment_variables() {
    std::map<std::string, std::string> result;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view pair = *variable;
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos) continue;
        result.emplace(pair.substr(0, equals), pair.substr(equals + 1));
    }
    return result;
}

config::sources sources_of(std::vector<std::string> arguments) {
    return {.environment = environment_variables(), .arguments = std::move(arguments)};
}

int print_errors(const base::failure& error) {
    std::fprintf(stderr, "dbaas: invalid options\n");
    for (const auto& field : error.fields) {
        std::fprintf(stderr, "  %s: %s\n", field.pointer.c_str(), field.message.c_str());
    }
    std::fprintf(stderr, "'dbaas config' lists all options.\n");
    return 2;
}

int print_config(std::vector<std::string> arguments) {
    if (arguments.empty()) {
        std::fputs(config::reference_text().c_str(), stdout);
        return 0;
    }
    if (arguments.front() != "--check") {
        std::fprintf(stderr, "usage: dbaas config [--check [FLAGS]]\n");
        return 2;
    }
    arguments.erase(arguments.begin());
    const auto loaded = config::load(sources_of(std::move(arguments)));
    if (!loaded) return print_errors(loaded.error());
    if (const auto errors = check_issuer_options(loaded->options); !errors.empty()) {
        std::fprintf(stderr, "dbaas: invalid options\n");
        for (const auto& error : errors) std::fprintf(stderr, "  %s\n", error.c_str());
        return 2;
    }
    for (const auto& option : loaded->values) {
        std::fprintf(stdout, "%-26s %-30s %s\n", option.name.c_str(), option.value.c_str(),
                     option.source.c_str());
    }
    for (const auto& note : loaded->notes) std::fprintf(stdout, "note: %s\n", note.c_str());
    return 0;
}

int run_doctor(std::vector<std::string> arguments) {
    if (wants_help(arguments)) {
        std::fputs(doctor::usage(), stdout);
        return 0;
    }
    const bool prints_json = std::erase(arguments, "--json") > 0;
    const auto loaded = config::load(sources_of(std::move(arguments)));
    if (!loaded) return print_errors(loaded.error());
    const auto findings = doctor::examine(loaded->options);
    const auto text = prints_json ? doctor::as_json(findings) : doctor::as_text(findings);
    std::fputs(text.c_str(), stdout);
    return doctor::exit_code(findings);
}

}  // namespace

int main(int count, char** words) {
    std::vector<std::string> arguments(words + 1, words + count);
    if (arguments.empty()) {
        std::fputs(usage, stderr);
        return 2;
    }
    const auto command = arguments.front();
    arguments.erase(arguments.begin());
    if (command == "--help" || command == "-h" || command == "help") {
        std::fputs(usage, stdout);
        return 0;
    }
    if (command == "version" || command == "--version") {
        const std::string viewer(api::api_viewer());
        std::fprintf(stdout, "dbaas %s\nAPI viewer: %s\n", DBAAS_VERSION,
                     viewer.empty() ? "none (/docs is a plain page)" : viewer.c_str());
        return 0;
    }
    if (command == "openapi") {
        std::fprintf(stdout, "%s\n", api::openapi_document().c_str());
        return 0;
    }
    if (command == "api-key") {
        std::fprintf(stdout, "%s\n", app::key_registry::new_key_text().reveal().c_str());
        return 0;
    }
    if (command == "health") return health::run(arguments, environment_variables());
    if (command == "login") return login::run(arguments, environment_variables());
    if (command == "report") return report::run(arguments, environment_variables());
    if (command == "doctor") return run_doctor(std::move(arguments));
    if (command == "config") return print_config(std::move(arguments));
    if (command == "admin") return admin(arguments, environment_variables());
    if (command == "serve") {
        if (!arguments.empty() && (arguments.front() == "--help" || arguments.front() == "-h")) {
            std::fprintf(stdout, "usage: dbaas serve [FLAGS]\n\n%s",
                         config::reference_text().c_str());
            return 0;
        }
        const auto sources = sources_of(std::move(arguments));
        const auto loaded = config::load(sources);
        return loaded ? serve(sources, *loaded) : print_errors(loaded.error());
    }
    std::fprintf(stderr, "dbaas: unknown command '%s'\n\n%s", command.c_str(), usage);
    return 2;
}
