#include "main/watched_secrets.hpp"

namespace {

using secrets = std::vector<base::secret>;

aio::task<> use_jwt_secret(app::signing_keys& signing, base::secret secret, base::secret previous) {
    co_return signing.use_secret(std::move(secret), std::move(previous));
}

void watch_jwt_secrets(const config::options& options, app::signing_keys& signing,
                       secret_rotation& out) {
    const bool has_file = !options.jwt_secret_file.empty();
    const bool has_previous_file = !options.jwt_secret_previous_file.empty();
    std::vector<std::string> paths;
    secrets contents;
    if (has_file) {
        paths.push_back(options.jwt_secret_file);
        contents.push_back(options.jwt_secret);
    }
    if (has_previous_file) {
        paths.push_back(options.jwt_secret_previous_file);
        contents.push_back(options.jwt_secret_previous);
    }
    if (paths.empty()) return;
    out.add("jwt-secret-file", std::move(paths), std::move(contents),
            [&signing, has_file, has_previous_file, secret = options.jwt_secret,
             previous = options.jwt_secret_previous](const secrets& changed) {
                return use_jwt_secret(signing, has_file ? changed.front() : secret,
                                      has_previous_file ? changed.back() : previous);
            });
}

aio::task<> use_dsn(sentry::reporting_log& reporter, base::secret text) {
    auto server = sentry::parse_dsn(text);
    if (!server) co_return base::pass(std::move(server));
    reporter.use_server(std::move(*server));
    co_return base::ok();
}

aio::task<> reject_platform_key() {
    co_return base::fail(base::errc::unsupported,
                         "a change of the platform key needs a restart with platform-key-previous");
}

}  // namespace

void watch_key_files(const config::options& options, app::signing_keys& signing,
                     sentry::reporting_log* reporter, secret_rotation& out) {
    watch_jwt_secrets(options, signing, out);
    if (!options.sentry_dsn_file.empty() && reporter != nullptr) {
        out.add("sentry-dsn-file", {options.sentry_dsn_file}, {options.sentry_dsn},
                [reporter](secrets changed) { return use_dsn(*reporter, changed.front()); });
    }
    if (!options.platform_key_file.empty()) {
        out.add("platform-key-file", {options.platform_key_file}, {options.platform_key},
                [](const secrets&) { return reject_platform_key(); });
    }
}
