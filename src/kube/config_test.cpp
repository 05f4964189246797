#include "kube/config.hpp"

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
    base::outcome<kube::config> load(const std::string& user, const std::string& context = {}) {
        std::ofstream(folder_ / "config")
            << "current-context: one\n"
               "clusters: [{name: c, cluster: {server: 'https://10.0.0.1:6443', "
               "certificate-authority-data: aGVsbG8=}}]\n"
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
    EXPECT_EQ(got->name_space, "home");
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
    std::ofstream(home / "ca.crt") << "ca";
    std::ofstream(home / "token") << "t";
    std::ofstream(home / "namespace") << "pods";
    const auto got = kube::load_in_cluster("fd00::1", "443", folder_.string());
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(got->server.host, "fd00::1");
    EXPECT_EQ(got->name_space, "pods");
    EXPECT_EQ(kube::load_in_cluster("", "").error().code, base::errc::not_found);
}

}  // namespace
