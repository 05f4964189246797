#include "kube/kubeconfig.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {

class kubeconfig : public testing::Test {
  protected:
    kubeconfig() {
        folder_ =
            std::filesystem::path(testing::TempDir()) / ("dbaas-kube-" + std::to_string(getpid()));
        std::filesystem::create_directories(folder_);
    }
    ~kubeconfig() override { std::filesystem::remove_all(folder_); }
    base::outcome<kube::config> load(
        const std::string& user, const std::string& context = {},
        const std::string& cluster = "certificate-authority-data: aGVsbG8=") {
        std::ofstream(folder_ / "config")
            << "current-context: one\n"
               "clusters: [{name: c, cluster: {server: 'https://10.0.0.1:6443', " +
                   cluster +
                   "}}]\n"
                   "users: [{name: u, user: {" +
                   user +
                   "}}]\n"
                   "contexts: [{name: one, context: {cluster: c, user: u, namespace: home}}]\n";
        return kube::load_kubeconfig((folder_ / "config").string(), context);
    }
    std::filesystem::path folder_;
};

TEST_F(kubeconfig, reads_cluster_user_and_namespace) {
    std::ofstream(folder_ / "key") << "the key";
    const auto got = load("client-certificate-data: Y2VydA==, client-key: key");
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(got->server.host, "10.0.0.1");
    EXPECT_EQ(got->server.port, 6443);
    EXPECT_EQ(got->ca_pem, "hello");
    EXPECT_EQ(got->client_certificate_pem, "cert");
    EXPECT_EQ(got->client_key_pem.reveal(), "the key");
    EXPECT_EQ(got->client_key_file, (folder_ / "key").string());  // to be looked at again
    EXPECT_EQ(got->client_certificate_file, "");
    EXPECT_EQ(got->ca_file, "");
    EXPECT_EQ(got->ns, "home");
}

TEST_F(kubeconfig, reads_tokens_where_the_file_counts_more) {
    std::ofstream(folder_ / "token") << "  from-file\n";
    EXPECT_EQ(load("token: given")->token.reveal(), "given");
    EXPECT_EQ(load("token: given")->token_file, "");
    const auto both = load("token: given, tokenFile: token");
    ASSERT_TRUE(both) << both.error().text;
    EXPECT_EQ(both->token.reveal(), "from-file");
    EXPECT_EQ(both->token_file, (folder_ / "token").string());
    EXPECT_NE(load("tokenFile: nowhere").error().text.find("nowhere"), std::string::npos);
    std::ofstream(folder_ / "token") << "two words";
    EXPECT_NE(load("tokenFile: token").error().text.find("holds no token"), std::string::npos);
    EXPECT_EQ(load("token: \"a\\nb\"").error().code, base::errc::invalid);
}

TEST_F(kubeconfig, reads_how_the_server_is_believed) {
    std::ofstream(folder_ / "ca.crt") << "the authority";
    const auto by_file =
        load("token: t", {}, "certificate-authority: ca.crt, tls-server-name: kubernetes");
    ASSERT_TRUE(by_file) << by_file.error().text;
    EXPECT_EQ(by_file->ca_pem, "the authority");
    EXPECT_EQ(by_file->ca_file, (folder_ / "ca.crt").string());
    EXPECT_EQ(by_file->tls_server_name, "kubernetes");
    EXPECT_FALSE(by_file->insecure_skip_verify);
    EXPECT_TRUE(load("token: t", {}, "insecure-skip-tls-verify: true")->insecure_skip_verify);
    const auto expect_refused = [&](const std::string& cluster, std::string_view word) {
        const auto got = load("token: t", {}, cluster);
        ASSERT_FALSE(got) << cluster;
        EXPECT_NE(got.error().text.find(word), std::string::npos) << got.error().text;
    };
    expect_refused("insecure-skip-tls-verify: perhaps", "neither true nor false");
    expect_refused("insecure-skip-tls-verify: true, certificate-authority: ca.crt", "exclude");
    expect_refused("proxy-url: 'http://proxy:3128'", "proxy-url is not supported");
    expect_refused("certificate-authority-data: '%'", "not base64");
    // Given, but empty, is not given.
    EXPECT_TRUE(load("token: t, exec: null, username: ''", {}, "proxy-url: ''"));
}

// To leave them out would make us somebody else.
TEST_F(kubeconfig, refuses_what_it_cannot_be) {
    for (const std::string word :
         {"exec: {command: evil}", "auth-provider: {name: gcp}", "username: admin", "password: x",
          "as: somebody", "as-groups: [everybody]", "as-uid: '7'"}) {
        const auto got = load("token: t, " + word);
        ASSERT_FALSE(got) << word;
        EXPECT_EQ(got.error().code, base::errc::unsupported);
        const auto named = "user " + word.substr(0, word.find(':')) + " is not supported";
        EXPECT_NE(got.error().text.find(named), std::string::npos) << got.error().text;
    }
}

TEST_F(kubeconfig, refuses_programs_and_half_credentials_by_name) {
    EXPECT_NE(load("exec: {command: evil}").error().text.find("exec"), std::string::npos);
    EXPECT_NE(load("client-certificate-data: Y2VydA==").error().text.find("client-key"),
              std::string::npos);
    EXPECT_NE(load("client-key: nowhere").error().text.find("nowhere"), std::string::npos);
    EXPECT_NE(load("token: t", "two").error().text.find("two"), std::string::npos);
    EXPECT_EQ(kube::load_kubeconfig("/nowhere").error().code, base::errc::not_found);
}

TEST_F(kubeconfig, reads_the_service_account_of_a_pod) {
    const auto home = folder_ / "var/run/secrets/kubernetes.io/serviceaccount";
    std::filesystem::create_directories(home);
    const auto load = [this](const char* host) {
        return kube::load_in_cluster(host, "443", folder_.string());
    };
    EXPECT_EQ(load("10.0.0.1").error().code, base::errc::not_found);  // no account is mounted
    std::ofstream(home / "ca.crt") << "ca";
    std::ofstream(home / "token") << "";
    std::ofstream(home / "namespace") << "pods\n";
    EXPECT_NE(load("10.0.0.1").error().text.find("holds no token"), std::string::npos);
    std::ofstream(home / "token") << "t\n";
    const auto got = load("fd00::1");
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(got->server.host, "fd00::1");
    EXPECT_EQ(got->server.port, 443);
    EXPECT_TRUE(got->server.secure);
    EXPECT_EQ(got->ns, "pods");
    EXPECT_EQ(got->token.reveal(), "t");
    EXPECT_EQ(got->token_file, (home / "token").string());
    EXPECT_EQ(got->ca_pem, "ca");
    EXPECT_EQ(got->ca_file, (home / "ca.crt").string());
    EXPECT_EQ(load("10.0.0.1")->server.host, "10.0.0.1");
    EXPECT_EQ(load("not a host").error().code, base::errc::invalid);
    for (const auto& [host, port] : {std::pair("", ""), std::pair("10.0.0.1", "")}) {
        const auto outside = kube::load_in_cluster(host, port);
        EXPECT_EQ(outside.error().code, base::errc::not_found);
        EXPECT_NE(outside.error().text.find("kubeconfig"), std::string::npos);
    }
}

}  // namespace
