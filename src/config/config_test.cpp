#include "config/config.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {

std::string codes(const base::failure& error) {
    std::string text;
    for (const auto& field : error.fields) text += field.pointer + "=" + field.code + ";";
    return text;
}

class temporary_file {
  public:
    explicit temporary_file(const std::string& text) {
        path_ = std::filesystem::temp_directory_path() /
                ("dbaas-config-" + std::to_string(getpid()) + ".yaml");
        std::ofstream(path_) << text;
    }
    ~temporary_file() { std::filesystem::remove(path_); }
    [[nodiscard]] std::string path() const { return path_.string(); }

  private:
    std::filesystem::path path_;
};

TEST(config, loads_without_any_source) {
    const auto loaded = config::load({});
    ASSERT_TRUE(loaded) << loaded.error().text;
    EXPECT_EQ(loaded->options.listen_address, "127.0.0.1");
    EXPECT_EQ(loaded->options.listen_port, 8000);
    EXPECT_EQ(loaded->options.metrics_interval, std::chrono::seconds(30));
    EXPECT_EQ(loaded->options.metrics_page_limit, 8);
    EXPECT_TRUE(loaded->notes.empty());
}

TEST(config, flags_override_environment_and_environment_overrides_file) {
    const temporary_file file(
        "metrics_sync_interval: 11\nhttp-threads: 3\nlog-level: debug\n"
        "cors-origins: [https://a.example, https://b.example]\n");
    const auto loaded = config::load({.environment = {{"METRICS_SYNC_INTERVAL", "12"},
                                                      {"DBAAS_HTTP_THREADS", "4"},
                                                      {"DBAAS_CONFIG", file.path()}},
                                      .arguments = {"--metrics-sync-interval=13"}});
    ASSERT_TRUE(loaded) << loaded.error().text;
    EXPECT_EQ(loaded->options.metrics_interval, std::chrono::seconds(13));
    EXPECT_EQ(loaded->options.http_threads, 4);
    EXPECT_EQ(to_text(loaded->options.log_levels), "debug");
    EXPECT_EQ(loaded->options.cors_origins.size(), 2U);
}

TEST(config, reports_all_errors_at_once) {
    const auto loaded = config::load(
        {.environment = {{"METRICS_SYNC_INTERVAL", "5x"},
                         {"DBAAS_LISTNE", "x"},
                         {"REDIS_URL", "http://user:pa55@host"},
                         {"JWT_SECRET", "short-pa55"}},
         .arguments = {"--http-threads", "99", "--nonsense=1", "stray", "--data-dir"}});
    ASSERT_FALSE(loaded);
    const auto reported = codes(loaded.error());
    for (const auto* code :
         {"METRICS_SYNC_INTERVAL=bad_value", "DBAAS_LISTNE=unknown_option", "REDIS_URL=bad_value",
          "JWT_SECRET=bad_value", "DBAAS_HTTP_THREADS=bad_value", "--nonsense=unknown_option",
          "argument 4=unknown_argument", "--data-dir=missing_value"}) {
        EXPECT_NE(reported.find(code), std::string::npos) << code << " in " << reported;
    }
    EXPECT_NE(loaded.error().text.find("did you mean 'DBAAS_LISTEN'"), std::string::npos);
    EXPECT_EQ(loaded.error().text.find("pa55"), std::string::npos);
}

TEST(config, masks_secrets) {
    const auto loaded = config::load({.environment = {{"MONGODB_URL", "mongodb://u:pa55@db/x"},
                                                      {"REDIS_URL", "redis://u:pa55@cache"},
                                                      {"SENTRY_DSN", "https://pa55@sentry/1"}}});
    ASSERT_TRUE(loaded) << loaded.error().text;
    EXPECT_TRUE(loaded->notes.empty());
    for (const auto& option : loaded->values)
        EXPECT_EQ(option.value.find("pa55"), std::string::npos);
    EXPECT_EQ(loaded->options.mongodb_url.reveal(), "mongodb://u:pa55@db/x");
}

TEST(config, reads_the_mongodb_url_from_a_file) {
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / fmt::format("dbaas-url-{}", getpid());
    const auto write = [&](std::string_view content) { std::ofstream(path) << content; };
    const auto load = [&](std::string url) {
        return config::load({.environment = {{"MONGODB_URL_FILE", path.string()},
                                             {"MONGODB_URL", std::move(url)}}});
    };
    write("mongodb://u:pa55@db/x\n");
    const auto loaded = load("");
    ASSERT_TRUE(loaded) << loaded.error().text;
    EXPECT_EQ(loaded->options.mongodb_url.reveal(), "mongodb://u:pa55@db/x");
    EXPECT_EQ(codes(load("mongodb://h").error()), "MONGODB_URL_FILE=ambiguous;");
    write("pa55");
    const auto wrong = load("");
    EXPECT_EQ(codes(wrong.error()), "MONGODB_URL_FILE=bad_value;");
    EXPECT_EQ(wrong.error().text.find("pa55"), std::string::npos) << wrong.error().text;
    write(" \n");
    EXPECT_EQ(codes(load("").error()), "MONGODB_URL_FILE=empty;");
    std::filesystem::remove(path);
    EXPECT_EQ(codes(load("").error()), "MONGODB_URL_FILE=unreadable;");
}

TEST(config, reads_the_secrets_of_tokens_and_the_dsn_from_files) {
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / fmt::format("dbaas-secret-{}", getpid());
    const auto load = [&](std::string name, std::string_view content) {
        std::ofstream(path) << content;
        return config::load(
            {.environment = {{"JWT_SECRET", std::string(32, 's')}, {name, path.string()}}});
    };
    const auto previous = load("JWT_SECRET_PREVIOUS_FILE", std::string(32, 'p') + "\n");
    ASSERT_TRUE(previous) << previous.error().text;
    EXPECT_EQ(previous->options.jwt_secret_previous.reveal(), std::string(32, 'p'));
    EXPECT_EQ(codes(load("JWT_SECRET_PREVIOUS_FILE", "short").error()),
              "JWT_SECRET_PREVIOUS_FILE=bad_value;");
    const auto reported = load("SENTRY_DSN_FILE", "https://key@sentry/1\n");
    ASSERT_TRUE(reported) << reported.error().text;
    EXPECT_EQ(reported->options.sentry_dsn.reveal(), "https://key@sentry/1");
    std::filesystem::remove(path);
}

TEST(config, reads_the_redis_url_from_a_file) {
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / fmt::format("dbaas-redis-url-{}", getpid());
    std::ofstream(path) << "redis+sentinel://u:pa55@s1,s2/main\n";
    const auto loaded = config::load({.environment = {{"REDIS_URL_FILE", path.string()}}});
    ASSERT_TRUE(loaded) << loaded.error().text;
    EXPECT_EQ(loaded->options.redis_url.reveal(), "redis+sentinel://u:pa55@s1,s2/main");
    EXPECT_TRUE(loaded->options.mongodb_url.empty());
    const auto both = config::load(
        {.environment = {{"REDIS_URL_FILE", path.string()}, {"REDIS_URL", "rediss://h"}}});
    EXPECT_EQ(codes(both.error()), "REDIS_URL_FILE=ambiguous;");
    std::filesystem::remove(path);
    const auto half = config::load({.environment = {{"REDIS_CERT_FILE", "client.crt"}}});
    EXPECT_EQ(codes(half.error()), "REDIS_CERT_FILE=incomplete;");
}

TEST(config, exports_the_audit_log_to_a_named_collector_alone) {
    EXPECT_EQ(config::load({})->options.audit_export, config::audit_export_mode::none);
    const auto lonely = config::load({.environment = {{"DBAAS_AUDIT_EXPORT", "otlp"}}});
    ASSERT_FALSE(lonely);
    EXPECT_EQ(codes(lonely.error()), "DBAAS_AUDIT_EXPORT=incomplete;");
    for (const auto* name : {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"}) {
        const auto loaded = config::load(
            {.environment = {{"DBAAS_AUDIT_EXPORT", "otlp"}, {name, "http://collector:4318"}}});
        ASSERT_TRUE(loaded) << loaded.error().text;
        EXPECT_EQ(loaded->options.audit_export, config::audit_export_mode::otlp);
    }
}

TEST(config, never_repeats_a_secret_from_a_wrong_argument) {
    const auto loaded = config::load(
        {.arguments = {"--jwt-secrt", "pa55-1", "--jwt-secert=pa55-2", "-mongodb-url=pa55-3",
                       "-redis-url", "pa55-4", "--sentry-dns", "--jwt-secrat"}});
    ASSERT_FALSE(loaded);
    EXPECT_EQ(codes(loaded.error()),
              "--jwt-secrt=unknown_option;--jwt-secert=unknown_option;"
              "-mongodb-url=unknown_argument;-redis-url=unknown_argument;"
              "argument 6=unknown_argument;--sentry-dns=unknown_option;"
              "--jwt-secrat=unknown_option;");
    EXPECT_EQ(loaded.error().text.find("pa55"), std::string::npos) << loaded.error().text;
}

TEST(config, accepts_the_service_variables_of_kubernetes) {
    const auto loaded =
        config::load({.environment = {{"DBAAS_SERVICE_HOST", "10.0.0.7"},
                                      {"DBAAS_SERVICE_PORT", "8000"},
                                      {"DBAAS_SERVICE_PORT_HTTP", "8000"},
                                      {"DBAAS_PORT", "tcp://10.0.0.7:8000"},
                                      {"DBAAS_PORT_8000_TCP", "tcp://10.0.0.7:8000"},
                                      {"DBAAS_PORT_8000_TCP_ADDR", "10.0.0.7"},
                                      {"DBAAS_API_SERVICE_HOST", "10.0.0.8"},
                                      {"DBAAS_API_SERVICE_PORT", "80"},
                                      {"DBAAS_API_PORT_80_TCP_PROTO", "tcp"}}});
    EXPECT_TRUE(loaded) << loaded.error().text;
}

TEST(config, rejects_incomplete_sets_of_service_variables) {
    const auto loaded = config::load({.environment = {{"DBAAS_PORT", "8000"},
                                                      {"DBAAS_WEB_SERVICE_HOST", "10.0.0.8"},
                                                      {"DBAAS_API_SERVICE_HOST", "10.0.0.8"},
                                                      {"DBAAS_API_SERVICE_PORT", "80"},
                                                      {"DBAAS_API_SERVICE_PORTS", "80"},
                                                      {"DBAAS_API_LISTEN", ":80"}}});
    ASSERT_FALSE(loaded);
    EXPECT_EQ(codes(loaded.error()),
              "DBAAS_API_LISTEN=unknown_option;DBAAS_API_SERVICE_PORTS=unknown_option;"
              "DBAAS_PORT=unknown_option;DBAAS_WEB_SERVICE_HOST=unknown_option;");
}

TEST(config, requires_authentication_unless_the_address_is_local_and_none_is_configured) {
    using config::auth_mode;
    const auto mode_of = [](std::map<std::string, std::string> environment,
                            std::vector<std::string> arguments) {
        const auto loaded = config::load(
            {.environment = std::move(environment), .arguments = std::move(arguments)});
        return loaded ? loaded->options.auth : auth_mode::automatic;
    };
    EXPECT_EQ(mode_of({}, {}), auth_mode::local);
    EXPECT_EQ(mode_of({}, {"--listen=[::1]:0"}), auth_mode::local);
    EXPECT_EQ(mode_of({}, {"--listen", "0.0.0.0:80"}), auth_mode::required);
    EXPECT_EQ(mode_of({}, {"--listen=[::]:0"}), auth_mode::required);
    EXPECT_EQ(mode_of({{"ENVIRONMENT", "production"}}, {}), auth_mode::required);
    EXPECT_EQ(mode_of({{"BOOTSTRAP_ADMIN_PASSWORD", "correct horse"}}, {}), auth_mode::required);
    EXPECT_EQ(mode_of({{"JWT_SECRET", std::string(32, 'x')}}, {}), auth_mode::required);
    EXPECT_EQ(mode_of({{"DBAAS_ADMIN_KEY_FILE", "key"}}, {}), auth_mode::required);
    EXPECT_EQ(mode_of({}, {"--listen", "0.0.0.0:80", "--insecure-no-auth"}), auth_mode::local);
    EXPECT_EQ(mode_of({{"ENVIRONMENT", "production"}}, {"--insecure-no-auth"}), auth_mode::local);
    const auto production =
        config::load({.environment = {{"ENVIRONMENT", "production"}, {"DBAAS_AUTH", "local"}}});
    EXPECT_EQ(codes(production.error()), "DBAAS_AUTH=not_allowed;");
}

TEST(config, needs_a_shared_key_for_a_shared_store_with_authentication) {
    const auto errors_of = [](std::map<std::string, std::string> environment) {
        environment.emplace("MONGODB_URL", "mongodb://h");
        environment.emplace("DBAAS_AUTH", "required");
        const auto loaded = config::load({.environment = std::move(environment)});
        return loaded ? std::string() : codes(loaded.error());
    };
    EXPECT_EQ(errors_of({}), "PLATFORM_KEY=required;");
    EXPECT_EQ(errors_of({{"PLATFORM_KEY", std::string(64, 'a')}}), "");
    EXPECT_EQ(errors_of({{"JWT_SECRET", std::string(32, 'x')}}), "");
    EXPECT_EQ(errors_of({{"PLATFORM_KEY", "short"}}),
              "PLATFORM_KEY=bad_value;PLATFORM_KEY=required;");
    EXPECT_EQ(errors_of({{"JWT_SECRET", "short"}}), "JWT_SECRET=bad_value;PLATFORM_KEY=required;");
    EXPECT_EQ(errors_of({{"PLATFORM_KEY", std::string(64, 'a')},
                         {"JWT_SECRET_PREVIOUS", std::string(32, 'x')}}),
              "JWT_SECRET_PREVIOUS=incomplete;");
}

TEST(config, checks_the_address_and_the_certificate) {
    EXPECT_TRUE(config::load({.arguments = {"--listen=[::1]:0"}}));
    EXPECT_FALSE(config::load({.arguments = {"--tls-cert", "x.pem"}}));
}

TEST(config, accepts_every_address_with_authentication) {
    EXPECT_TRUE(config::load({.arguments = {"--listen", "0.0.0.0:80", "--auth", "required"}}));
    EXPECT_FALSE(config::load({.arguments = {"--listen", "0.0.0.0:80", "--auth", "local"}}));
    EXPECT_EQ(codes(config::load({.arguments = {"--auth=required", "--insecure-no-auth"}}).error()),
              "DBAAS_INSECURE_NO_AUTH=ambiguous;");
    EXPECT_EQ(config::load({})->options.auth, config::auth_mode::local);
}

TEST(config, accepts_kubernetes_tokens_only_with_authentication_and_an_audience) {
    EXPECT_EQ(codes(config::load({.arguments = {"--auth=local", "--kubernetes-tokens"}}).error()),
              "DBAAS_KUBERNETES_TOKENS=ambiguous;");
    EXPECT_EQ(
        codes(config::load({.arguments = {"--kubernetes-tokens", "--kubernetes-token-audience="}})
                  .error()),
        "DBAAS_KUBERNETES_TOKEN_AUDIENCE=empty;");
    const auto loaded = config::load({.arguments = {"--kubernetes-tokens"}});
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->options.auth, config::auth_mode::required);
    EXPECT_EQ(loaded->options.kubernetes_token_audience, "dbaas");
    EXPECT_FALSE(config::load({})->options.kubernetes_tokens);
}

TEST(config, requires_authentication_with_an_openid_issuer) {
    const std::vector<std::string> issuer{"--oidc-issuer=https://id.example",
                                          "--oidc-client-id=dbaas"};
    const auto load = [&](const std::vector<std::string>& more) {
        auto arguments = issuer;
        arguments.insert(arguments.end(), more.begin(), more.end());
        return config::load({.arguments = std::move(arguments)});
    };
    const auto loaded = load({});
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->options.auth, config::auth_mode::required);
    EXPECT_EQ(codes(load({"--auth=local"}).error()), "OIDC_ISSUER=ambiguous;");
    EXPECT_EQ(codes(load({"--oidc-issuers-file=f"}).error()), "OIDC_ISSUER=ambiguous;");
    EXPECT_EQ(codes(load({"--oidc-audience=dbaas"}).error()), "OIDC_AUDIENCE=ambiguous;");
    EXPECT_EQ(codes(load({"--public-url=https://dbaas.example/"}).error()),
              "DBAAS_PUBLIC_URL=invalid;");
    EXPECT_EQ(codes(config::load({.arguments = {"--oidc-issuer=https://id.example"}}).error()),
              "OIDC_CLIENT_ID=incomplete;");
}

TEST(config, reads_choices_without_regard_to_case) {
    const auto loaded = config::load(
        {.environment = {{"ENVIRONMENT", "Production"}}, .arguments = {"--log-level", "WARNING"}});
    ASSERT_TRUE(loaded) << loaded.error().text;
    EXPECT_EQ(name(loaded->options.environment), "production");
    EXPECT_EQ(to_text(loaded->options.log_levels), "warning");
    const auto rejected = config::load({.environment = {{"ENVIRONMENT", "prod"}}});
    ASSERT_FALSE(rejected);
    EXPECT_NE(rejected.error().text.find("one of development, staging, production"),
              std::string::npos);
}

TEST(config, reads_log_levels_of_modules) {
    const auto loaded =
        config::load({.environment = {{"LOG_LEVEL", "Info, scrape=DEBUG,kube=error"}}});
    ASSERT_TRUE(loaded) << loaded.error().text;
    EXPECT_EQ(to_text(loaded->options.log_levels), "info,kube=error,scrape=debug");
    const auto rejected = config::load({.environment = {{"LOG_LEVEL", "info,scrap=debug"}}});
    ASSERT_FALSE(rejected);
    EXPECT_TRUE(rejected.error().text.contains(
        "LOG_LEVEL: 'info,scrap=debug' must be LEVEL or LEVEL,MODULE=LEVEL,...: the part "
        "'scrap=debug' must have one "
        "of the modules api, app, kube"))
        << rejected.error().text;
}

TEST(config, reports_a_file_that_cannot_be_read) {
    const temporary_file broken("a: [1\n");
    EXPECT_EQ(codes(config::load({.arguments = {"--config", broken.path()}}).error()),
              "--config=not_yaml;");
    EXPECT_EQ(codes(config::load({.arguments = {"--config", "/nowhere.yaml"}}).error()),
              "--config=unreadable;");
}

TEST(config, limits_callers_who_need_a_credential) {
    const auto load = [](std::vector<std::string> arguments) {
        return config::load({.environment = {}, .arguments = std::move(arguments)});
    };
    const auto writes = std::size_t(domain::rate_class::writes);
    EXPECT_FALSE(load({})->options.rate_quotas[writes].is_limited());
    EXPECT_TRUE(load({"--rate-limits=on"})->options.rate_quotas[writes].is_limited());
    EXPECT_FALSE(
        load({"--auth=required", "--rate-limits=off"})->options.rate_quotas[writes].is_limited());
    const auto limited = load({"--auth=required", "--rate-limit-reads=off"});
    EXPECT_EQ(limited->options.rate_quotas[writes],
              (domain::rate_quota{.interval = std::chrono::milliseconds(50), .burst = 100}));
    EXPECT_FALSE(limited->options.rate_quotas[0].is_limited());
    const auto slow = load({"--auth=required", "--rate-limit-writes=2"});
    EXPECT_EQ(slow->options.rate_quotas[writes].burst, 2);
    for (const auto* text : {"0", "1:0", "-1", "20/s", "1:2:3", "", "1000001"}) {
        EXPECT_FALSE(load({std::string("--rate-limit-writes=") + text})) << text;
    }
}

TEST(config, reads_the_networks_of_trusted_proxies) {
    const auto loaded = config::load({.environment = {{"TRUSTED_PROXIES", "10.0.0.0/8, ::1"}}});
    EXPECT_EQ(loaded->options.trusted_proxies.size(), 2U);
    EXPECT_FALSE(config::load({.environment = {{"TRUSTED_PROXIES", "10.0.0.1/8"}}}));
}

TEST(config, reference_lists_every_option) {
    const auto text = config::reference_text();
    EXPECT_NE(text.find("1 to 3600 seconds"), std::string::npos);
    EXPECT_NE(text.find("auto, proxy, direct"), std::string::npos);
    for (const auto& option : config::load({})->values) {
        EXPECT_NE(text.find(option.name), std::string::npos);
    }
}

TEST(config, compare_finds_the_options_that_a_reload_changes) {
    const auto load = [](std::vector<std::string> arguments) {
        return config::load({.environment = {}, .arguments = std::move(arguments)}).value();
    };
    const auto before = load({"--log-level=info", "--http-threads=2"});
    EXPECT_TRUE(config::compare(before, before).applied.empty());
    EXPECT_TRUE(config::compare(before, before).pending.empty());
    const auto after = load({"--log-level=debug", "--http-threads=3", "--data-dir=/x"});
    const auto changed = config::compare(before, after);
    EXPECT_EQ(changed.applied, std::vector<std::string>{"LOG_LEVEL"});
    EXPECT_EQ(changed.pending, (std::vector<std::string>{"DBAAS_HTTP_THREADS", "DBAAS_DATA_DIR"}));
}

}  // namespace
