#include "config/config.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {

std::string codes(const base::failure& why) {
    std::string text;
    for (const auto& each : why.fields) text += each.pointer + "=" + each.code + ";";
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

TEST(config, has_defaults_that_work) {
    const auto got = config::load({});
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(got->options.listen_address, "127.0.0.1");
    EXPECT_EQ(got->options.listen_port, 8000);
    EXPECT_EQ(got->options.metrics_interval, std::chrono::seconds(30));
    EXPECT_TRUE(got->notes.empty());
}

TEST(config, flag_beats_environment_beats_file) {
    const temporary_file file(
        "metrics_sync_interval: 11\nhttp-threads: 3\nlog-level: debug\n"
        "cors-origins: [https://a.example, https://b.example]\n");
    const auto got = config::load({.environment = {{"METRICS_SYNC_INTERVAL", "12"},
                                                   {"DBAAS_HTTP_THREADS", "4"},
                                                   {"DBAAS_CONFIG", file.path()}},
                                   .arguments = {"--metrics-sync-interval=13"}});
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(got->options.metrics_interval, std::chrono::seconds(13));
    EXPECT_EQ(got->options.http_threads, 4);
    EXPECT_EQ(got->options.log_level, "debug");
    EXPECT_EQ(got->options.cors_origins.size(), 2U);
}

TEST(config, names_every_fault_at_once) {
    const auto got = config::load(
        {.environment = {{"METRICS_SYNC_INTERVAL", "5x"},
                         {"DBAAS_LISTNE", "x"},
                         {"REDIS_URL", "http://user:pa55@host"},
                         {"JWT_SECRET", "short-pa55"}},
         .arguments = {"--http-threads", "99", "--nonsense=1", "stray", "--data-dir"}});
    ASSERT_FALSE(got);
    const auto found = codes(got.error());
    for (const auto* each :
         {"METRICS_SYNC_INTERVAL=bad_value", "DBAAS_LISTNE=unknown_option", "REDIS_URL=bad_value",
          "JWT_SECRET=bad_value", "DBAAS_HTTP_THREADS=bad_value", "--nonsense=unknown_option",
          "argument 4=unknown_argument", "--data-dir=missing_value"}) {
        EXPECT_NE(found.find(each), std::string::npos) << each << " in " << found;
    }
    EXPECT_NE(got.error().text.find("did you mean 'DBAAS_LISTEN'"), std::string::npos);
    EXPECT_EQ(got.error().text.find("pa55"), std::string::npos);
}

TEST(config, masks_secrets_and_says_what_is_not_in_use) {
    const auto got = config::load({.environment = {{"MONGODB_URL", "mongodb://u:pa55@db/x"}}});
    ASSERT_TRUE(got) << got.error().text;
    ASSERT_EQ(got->notes.size(), 1U);
    EXPECT_NE(got->notes[0].find("MONGODB_URL"), std::string::npos);
    for (const auto& each : got->values) EXPECT_EQ(each.value.find("pa55"), std::string::npos);
    EXPECT_EQ(got->options.mongodb_url.reveal(), "mongodb://u:pa55@db/x");
}

TEST(config, never_repeats_a_secret_that_stands_in_a_wrong_place) {
    const auto got = config::load(
        {.arguments = {"--jwt-secrt", "pa55-1", "--jwt-secert=pa55-2", "-mongodb-url=pa55-3",
                       "-redis-url", "pa55-4", "--sentry-dns", "--jwt-secrat"}});
    ASSERT_FALSE(got);
    EXPECT_EQ(codes(got.error()),
              "--jwt-secrt=unknown_option;--jwt-secert=unknown_option;"
              "-mongodb-url=unknown_argument;-redis-url=unknown_argument;"
              "argument 6=unknown_argument;--sentry-dns=unknown_option;"
              "--jwt-secrat=unknown_option;");
    EXPECT_EQ(got.error().text.find("pa55"), std::string::npos) << got.error().text;
}

TEST(config, lets_kubernetes_tell_of_services_that_are_called_as_we_are) {
    const auto got = config::load({.environment = {{"DBAAS_SERVICE_HOST", "10.0.0.7"},
                                                   {"DBAAS_SERVICE_PORT", "8000"},
                                                   {"DBAAS_SERVICE_PORT_HTTP", "8000"},
                                                   {"DBAAS_PORT", "tcp://10.0.0.7:8000"},
                                                   {"DBAAS_PORT_8000_TCP", "tcp://10.0.0.7:8000"},
                                                   {"DBAAS_PORT_8000_TCP_ADDR", "10.0.0.7"},
                                                   {"DBAAS_API_SERVICE_HOST", "10.0.0.8"},
                                                   {"DBAAS_API_SERVICE_PORT", "80"},
                                                   {"DBAAS_API_PORT_80_TCP_PROTO", "tcp"}}});
    EXPECT_TRUE(got) << got.error().text;
}

TEST(config, takes_a_service_without_all_of_its_variables_for_a_mistake) {
    const auto got = config::load({.environment = {{"DBAAS_PORT", "8000"},
                                                   {"DBAAS_WEB_SERVICE_HOST", "10.0.0.8"},
                                                   {"DBAAS_API_SERVICE_HOST", "10.0.0.8"},
                                                   {"DBAAS_API_SERVICE_PORT", "80"},
                                                   {"DBAAS_API_SERVICE_PORTS", "80"},
                                                   {"DBAAS_API_LISTEN", ":80"}}});
    ASSERT_FALSE(got);
    EXPECT_EQ(codes(got.error()),
              "DBAAS_API_LISTEN=unknown_option;DBAAS_API_SERVICE_PORTS=unknown_option;"
              "DBAAS_PORT=unknown_option;DBAAS_WEB_SERVICE_HOST=unknown_option;");
}

TEST(config, serves_strangers_only_when_told_so) {
    EXPECT_FALSE(config::load({.arguments = {"--listen", "0.0.0.0:80"}}));
    EXPECT_TRUE(config::load({.arguments = {"--listen", "0.0.0.0:80", "--insecure-no-auth"}}));
    EXPECT_TRUE(config::load({.arguments = {"--listen=[::1]:0"}}));
    EXPECT_FALSE(config::load({.arguments = {"--tls-cert", "x.pem"}}));
}

TEST(config, a_bad_file_is_named) {
    const temporary_file broken("a: [1\n");
    EXPECT_EQ(codes(config::load({.arguments = {"--config", broken.path()}}).error()),
              "--config=not_yaml;");
    EXPECT_EQ(codes(config::load({.arguments = {"--config", "/nowhere.yaml"}}).error()),
              "--config=unreadable;");
}

TEST(config, the_reference_names_every_option) {
    const auto text = config::reference_text();
    for (const auto& each : config::load({})->values) {
        EXPECT_NE(text.find(each.name), std::string::npos);
    }
}

}  // namespace
