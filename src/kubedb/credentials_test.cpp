#include "kubedb/credentials.hpp"
#include "json/json.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "kubedb/observe.hpp"

namespace kubedb {
namespace {

// Returns an AppBinding with the spec.
json::object binding_of(std::string_view spec) {
    return {{"metadata", {{"name", "orders"}, {"namespace", "dbaas-shop"}}},
            {"spec", json::parse(spec)}};
}

json::object url_binding(std::string_view url) {
    return binding_of(fmt::format(R"({{"clientConfig":{{"url":"{}"}}}})", url));
}

json::object secret_with(std::string_view user, std::string_view password) {
    return {
        {"data", {{"username", base::to_base64(user)}, {"password", base::to_base64(password)}}}};
}

base::outcome<ports::credentials> login_of(std::string_view engine, std::string_view version,
                                           const json::object& binding) {
    const auto secret = secret_with(engine == "redis" ? "default" : "root", "p/w");
    return credentials_of(*find_dialect(engine), std::string(version), binding, &secret);
}

std::string uri_of(std::string_view engine, std::string_view version, const json::object& binding) {
    const auto login = login_of(engine, version, binding);
    return login ? std::string(login->uri.reveal()) : login.error().reason;
}

std::string variable_of(std::string_view engine, const json::object& binding,
                        const std::string& name) {
    const auto login = login_of(engine, "", binding);
    if (!login) return login.error().reason;
    const auto it = login->environment.find(name);
    return it == login->environment.end() ? "absent" : std::string(it->second.reveal());
}

// AUTH with a user exists since Redis 6; earlier servers reject it.
TEST(credentials, redis_before_6_has_no_user) {
    const auto binding = url_binding("redis://cache.n.svc:6379");
    for (const auto* version : {"5.0.14", "4", "4.0.11-v2", "redis-5"}) {
        EXPECT_EQ(uri_of("redis", version, binding), "redis://:p%2Fw@cache.n.svc:6379/0")
            << version;
    }
    for (const auto* version : {"6.0.20", "7.4.1", "valkey-8.1.1", "latest", ""}) {
        EXPECT_EQ(uri_of("redis", version, binding), "redis://default:p%2Fw@cache.n.svc:6379/0")
            << version;
    }
    const auto old = login_of("redis", "5.0.14", binding);
    ASSERT_TRUE(old);
    EXPECT_EQ(old->username, "");
    EXPECT_EQ(old->environment.at("REDIS_URL").reveal(), old->uri.reveal());
    // redis-cli 6 and later sends the empty user of a URI, so it needs the password alone.
    EXPECT_EQ(old->environment.at("REDISCLI_AUTH").reveal(), "p/w");
}

// The name of a version in the catalogue is free; the AppBinding has the version of the server.
TEST(credentials, version_of_the_app_binding_comes_first) {
    const auto binding =
        binding_of(R"({"version":"5.0.3","clientConfig":{"url":"redis://cache.n.svc:6379"}})");
    EXPECT_EQ(uri_of("redis", "7-custom", binding), "redis://:p%2Fw@cache.n.svc:6379/0");
}

TEST(credentials, uri_names_the_security_of_the_server) {
    const auto tls_service = [](std::string_view scheme, std::string_view query) {
        return binding_of(fmt::format(
            R"({{"clientConfig":{{"caBundle":"Q0E=","service":{{"name":"x","port":7,"scheme":"{}",)"
            R"("query":"{}"}}}},"tlsSecret":{{"name":"x-client-cert"}}}})",
            scheme, query));
    };
    EXPECT_EQ(uri_of("redis", "7", tls_service("rediss", "")),
              "rediss://default:p%2Fw@x.dbaas-shop.svc:7/0");
    EXPECT_EQ(uri_of("elasticsearch", "8", tls_service("https", "")),
              "https://root:p%2Fw@x.dbaas-shop.svc:7/");
    EXPECT_EQ(uri_of("elasticsearch", "8", tls_service("http", "")),
              "http://root:p%2Fw@x.dbaas-shop.svc:7/");
    EXPECT_EQ(uri_of("mongodb", "7", tls_service("mongodb", "")),
              "mongodb://root:p%2Fw@x.dbaas-shop.svc:7/admin?authSource=admin&tls=true");
    EXPECT_EQ(uri_of("postgres", "17", tls_service("postgresql", "sslmode=verify-full")),
              "postgresql://root:p%2Fw@x.dbaas-shop.svc:7/postgres?sslmode=require");
    EXPECT_EQ(variable_of("postgres", tls_service("postgresql", ""), "PGSSLMODE"), "require");
    EXPECT_EQ(uri_of("postgres", "17", tls_service("postgresql", "sslmode=disable")),
              "postgresql://root:p%2Fw@x.dbaas-shop.svc:7/postgres?sslmode=prefer");
    for (const auto* engine : {"mysql", "mariadb"}) {
        EXPECT_EQ(uri_of(engine, "8", tls_service("mysql", "")),
                  "mysql://root:p%2Fw@x.dbaas-shop.svc:7/?ssl-mode=REQUIRED");
        EXPECT_EQ(uri_of(engine, "8", url_binding("tcp(h:1)/?tls=custom")),
                  "mysql://root:p%2Fw@h:1/?ssl-mode=REQUIRED");
        EXPECT_EQ(uri_of(engine, "8", url_binding("tcp(h:1)/")), "mysql://root:p%2Fw@h:1/");
    }
}

TEST(credentials, ipv6_address_has_brackets_in_the_uri_alone) {
    const auto binding = url_binding("postgresql://postgres@[fd00::7]:5433/postgres");
    const auto login = login_of("postgres", "17", binding);
    ASSERT_TRUE(login);
    EXPECT_EQ(login->host, "fd00::7");
    EXPECT_EQ(login->port, 5433);
    EXPECT_EQ(login->uri.reveal(),
              "postgresql://root:p%2Fw@[fd00::7]:5433/postgres?sslmode=prefer");
    EXPECT_EQ(variable_of("postgres", binding, "PGHOST"), "fd00::7");
    EXPECT_EQ(variable_of("mysql", url_binding("tcp([fd00::7]:3306)/"), "MYSQL_HOST"), "fd00::7");
    EXPECT_EQ(uri_of("redis", "7", url_binding("redis://[::1]")),
              "redis://default:p%2Fw@[::1]:6379/0");
}

TEST(credentials, missing_port_is_the_port_of_the_engine) {
    EXPECT_EQ(uri_of("postgres", "17", url_binding("postgresql://db.example.com/postgres")),
              "postgresql://root:p%2Fw@db.example.com:5432/postgres?sslmode=prefer");
    EXPECT_EQ(uri_of("postgres", "17", url_binding("postgresql://[fd00::7]:/postgres")),
              "postgresql://root:p%2Fw@[fd00::7]:5432/postgres?sslmode=prefer");
    EXPECT_EQ(uri_of("postgres", "17", url_binding("h/postgres?next=http://other:99")),
              uri_of("postgres", "17", url_binding("postgresql://h/postgres")));
    EXPECT_EQ(uri_of("redis", "7", url_binding("redis://cache:/0")),
              "redis://default:p%2Fw@cache:6379/0");
    EXPECT_EQ(uri_of("mysql", "8", url_binding("root@tcp(my.n.svc)/")),
              "mysql://root:p%2Fw@my.n.svc:3306/");
    EXPECT_EQ(uri_of("elasticsearch", "8", url_binding("HTTPS://es.example.com")),
              "https://root:p%2Fw@es.example.com:9200/");
    EXPECT_EQ(uri_of("elasticsearch", "8", url_binding("https://es.example.com")),
              "https://root:p%2Fw@es.example.com:9200/");
    EXPECT_EQ(uri_of("mariadb", "11", binding_of(R"({"clientConfig":{"service":{"name":"m"}}})")),
              "mysql://root:p%2Fw@m.dbaas-shop.svc:3306/");
}

TEST(credentials, every_server_of_a_list_is_in_the_uri) {
    const auto mongodb = url_binding("mongodb://u@a:27017,b,[fd00::3]:27019/admin?replicaSet=rs0");
    EXPECT_EQ(uri_of("mongodb", "7", mongodb),
              "mongodb://root:p%2Fw@a:27017,b:27017,[fd00::3]:27019/admin?authSource=admin");
    const auto postgres = url_binding("postgresql://a:1,b:2/postgres");
    EXPECT_EQ(uri_of("postgres", "17", postgres),
              "postgresql://root:p%2Fw@a:1,b:2/postgres?sslmode=prefer"
              "&target_session_attrs=read-write");
    EXPECT_EQ(uri_of("postgres", "17", url_binding("postgresql://a:1, b:2/postgres")),
              uri_of("postgres", "17", postgres));
    EXPECT_EQ(variable_of("postgres", postgres, "PGHOST"), "a,b");
    EXPECT_EQ(variable_of("postgres", postgres, "PGPORT"), "1,2");
    // The other engines' URIs have one server.
    EXPECT_EQ(uri_of("redis", "7", url_binding("redis://a:1,b:2")), "redis://default:p%2Fw@a:1/0");
}

TEST(credentials, database_without_a_secret_has_no_user) {
    const auto uri = [](std::string_view engine, std::string_view url) {
        const auto login = credentials_of(*find_dialect(engine), "4", url_binding(url), nullptr);
        return login ? std::string(login->uri.reveal()) : login.error().reason;
    };
    EXPECT_EQ(uri("redis", "redis://cache.n.svc"), "redis://cache.n.svc:6379/0");
    EXPECT_EQ(uri("memcached", "m.n.svc:11211"), "memcached://m.n.svc:11211/");
    EXPECT_EQ(uri("mongodb", "mongodb://m.n.svc"), "mongodb://m.n.svc:27017/admin");
}

TEST(credentials, secret_without_a_user_has_the_default_user_of_the_engine) {
    const json::object secret{{"data", {{"password", base::to_base64("p")}}}};
    const auto redis =
        credentials_of(*find_dialect("redis"), "7", url_binding("redis://h:1"), &secret);
    ASSERT_TRUE(redis);
    EXPECT_EQ(redis->username, "default");
    const auto postgres =
        credentials_of(*find_dialect("postgres"), "17", url_binding("postgresql://h:1"), &secret);
    ASSERT_FALSE(postgres);
    EXPECT_EQ(postgres.error().reason, "credentials_not_ready");
}

TEST(credentials, unusable_app_binding_is_an_error) {
    for (const auto* url : {"postgresql://h:abc/x", "postgresql://h:0/x", "postgresql://h:70000/x",
                            "postgresql://h::/x", "postgresql://a:1,,b:2/x", "postgresql://[::1/x",
                            "postgresql://fd00::7:5432/x", "postgresql://u@/x", "no host"}) {
        const auto login = login_of("postgres", "17", url_binding(url));
        ASSERT_FALSE(login) << url;
        EXPECT_EQ(login.error().reason, "app_binding_invalid") << url;
        EXPECT_TRUE(observe_endpoints(find_dialect("postgres")->kind(), url_binding(url)).empty());
    }
    const auto srv = login_of("mongodb", "8.0", url_binding("mongodb+srv://cluster0.example/x"));
    ASSERT_FALSE(srv);
    EXPECT_TRUE(srv.error().text.contains("SRV")) << srv.error().text;
    const auto sentinel = login_of("redis", "7", url_binding("redis-sentinel://s:26379/mymaster"));
    ASSERT_FALSE(sentinel);
    EXPECT_TRUE(sentinel.error().text.contains("sentinel")) << sentinel.error().text;
    for (const auto* client :
         {R"({})", R"({"service":{"port":5432}})", R"({"service":{"name":"x","port":70000}})",
          R"({"service":{"name":"x","port":-1}})"}) {
        const auto binding = binding_of(fmt::format(R"({{"clientConfig":{}}})", client));
        EXPECT_EQ(uri_of("postgres", "17", binding), "app_binding_invalid") << client;
    }
    const auto login = login_of("postgres", "17", url_binding("postgresql://u:zq9/x@h:1/x"));
    ASSERT_FALSE(login);
    EXPECT_FALSE(login.error().text.contains("zq9")) << login.error().text;
}

}  // namespace
}  // namespace kubedb
