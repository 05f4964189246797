#include "main/doctor_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace doctor {
namespace {

// Returns whether the control group has no limit: "max", or "max 100000" for the CPU.
bool is_unlimited(const std::string& content) {
    return content.starts_with("max");
}

std::string first_line(const std::string& content) {
    return content.substr(0, content.find('\n'));
}

}  // namespace

finding examine_logs(const config::options& options, bool is_terminal) {
    if (!config::has_console_log(options, is_terminal)) return ok("logs", "JSON");
    return warning("logs", "text for a terminal", "set DBAAS_LOG_FORMAT to json for a collector");
}

finding examine_secrets(const config::options& options) {
    std::vector<std::string> exposed;
    const auto check = [&](const char* name, const base::secret& value, const std::string& path) {
        if (!value.empty() && path.empty()) exposed.emplace_back(name);
    };
    check("MONGODB_URL", options.mongodb_url, options.mongodb_url_file);
    check("REDIS_URL", options.redis_url, options.redis_url_file);
    check("JWT_SECRET", options.jwt_secret, options.jwt_secret_file);
    check("PLATFORM_KEY", options.platform_key, options.platform_key_file);
    check("OIDC_CLIENT_SECRET", options.oidc_client_secret, options.oidc_client_secret_file);
    check("SENTRY_DSN", options.sentry_dsn, options.sentry_dsn_file);
    if (exposed.empty()) return ok("secrets", "none is in the environment or in a flag");
    return warning("secrets",
                   fmt::format("in the environment or in flags: {}", fmt::join(exposed, ", ")),
                   "mount them as files and set the options whose names end with _FILE");
}

finding examine_limits(const std::optional<std::string>& memory_max,
                       const std::optional<std::string>& cpu_max) {
    if (!memory_max || !cpu_max) {
        return {.check = "limits",
                .result = result::skipped,
                .detail = "the control group has no limits to read",
                .advice = "run this in the pod of the platform"};
    }
    if (is_unlimited(*memory_max) || is_unlimited(*cpu_max)) {
        return warning("limits",
                       fmt::format("no limit of {}", is_unlimited(*memory_max) ? "memory" : "CPU"),
                       "set resources.limits of the container, as k8s/deployment.yaml does");
    }
    return ok("limits", fmt::format("memory {} bytes, CPU {} (microseconds per period)",
                                    first_line(*memory_max), first_line(*cpu_max)));
}

}  // namespace doctor
