#include "kube/kubeconfig.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {

class kubeconfig : public testing::Test {
  public:
    ~kubeconfig() override { std::filesystem::remove_all(folder_); }

  protected:
    kubeconfig() {
        folder_ =
            std::filesystem::path(testing::TempDir()) / ("dbaas-kube-" + std::to_string(getpid()));
        std::filesystem::create_directories(folder_);
    }
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
    const auto result = load("client-certificate-data: Y2VydA==, client-key: key");
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->server.host, "10.0.0.1");
    EXPECT_EQ(result->server.port, 6443);
    EXPECT_EQ(result->ca_pem, "hello");
    EXPECT_EQ(result->client_certificate_pem, "cert");
    EXPECT_EQ(result->client_key_pem.reveal(), "the key");
    EXPECT_EQ(result->client_key_file, (folder_ / "key").string());  // to be looked at again
    EXPECT_EQ(result->client_certificate_file, "");
    EXPECT_EQ(result->ca_file, "");
    EXPECT_EQ(result->ns, "home");
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

TEST_F(kubeconfig, reads_the_tls_settings) {
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
        const auto result = load("token: t", {}, cluster);
        ASSERT_FALSE(result) << cluster;
        EXPECT_NE(result.error().text.find(word), std::string::npos) << result.error().text;
    };
    expect_refused("insecure-skip-tls-verify: perhaps", "neither true nor false");
    expect_refused("insecure-skip-tls-verify: true, certificate-authority: ca.crt", "exclude");
    expect_refused("proxy-url: 'http://proxy:3128'", "proxy-url is not supported");
    expect_refused("certificate-authority-data: '%'", "not base64");
    // Given, but empty, is not given.
    EXPECT_TRUE(load("token: t, exec: null, username: ''", {}, "proxy-url: ''"));
}

// Without these fields the client would act as a different user.
TEST_F(kubeconfig, rejects_unsupported_user_fields) {
    for (const std::string word :
         {"exec: {command: evil}", "auth-provider: {name: gcp}", "username: admin", "password: x",
          "as: admin", "as-groups: [operators]", "as-uid: '7'"}) {
        const auto result = load("token: t, " + word);
        ASSERT_FALSE(result) << word;
        EXPECT_EQ(result.error().code, base::errc::unsupported);
        const auto named = "user " + word.substr(0, word.find(':')) + " is not supported";
        EXPECT_NE(result.error().text.find(named), std::string::npos) << result.error().text;
    }
}

TEST_F(kubeconfig, names_programs_and_incomplete_credentials) {
    EXPECT_NE(load("exec: {command: evil}").error().text.find("exec"), std::string::npos);
    EXPECT_NE(load("client-certificate-data: Y2VydA==").error().text.find("client-key"),
              std::string::npos);
    EXPECT_NE(load("client-key: nowhere").error().text.find("nowhere"), std::string::npos);
    EXPECT_NE(load("token: t", "two").error().text.find("two"), std::string::npos);
    EXPECT_EQ(kube::load_kubeconfig("/nowhere").error().code, base::errc::not_found);
}

class kubeconfig_list : public kubeconfig {
  protected:
    std::string write(const std::string& name, const std::string& text) {
        std::filesystem::create_directories((folder_ / name).parent_path());
        std::ofstream(folder_ / name) << text;
        return (folder_ / name).string();
    }
    static constexpr auto one_cluster =
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:6555'}}]\n";
    static constexpr auto one_context =
        "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n";
};

TEST_F(kubeconfig_list, combines_the_entries_of_all_files) {
    const auto one = write("one", one_cluster);
    const auto two =
        write("two", std::string(one_context) + "users: [{name: u, user: {token: t}}]");
    const auto result = kube::load_kubeconfigs({one, two});
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->server.port, 6555);
    EXPECT_EQ(result->token.reveal(), "t");
    EXPECT_EQ(result->context, "x");
    EXPECT_EQ(result->kubeconfigs, (std::vector{one, two}));
}

TEST_F(kubeconfig_list, takes_each_entry_from_the_first_file_that_lists_it) {
    const auto one = write("one", "current-context: x\nusers: [{name: u, user: {token: first}}]");
    const auto two = write("two", std::string(one_cluster) +
                                      "current-context: other\n"
                                      "users: [{name: u, user: {token: second, tokenFile: none}}]\n"
                                      "contexts: [{name: x, context: {cluster: c, user: u}}]");
    const auto result = kube::load_kubeconfigs({one, two});
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->token.reveal(), "first");
}

TEST_F(kubeconfig_list, resolves_relative_paths_from_the_folder_of_their_file) {
    write("a/ca.crt", "authority of a");
    write("b/token", "token-of-b");
    const auto one = write("a/config",
                           "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', "
                           "certificate-authority: ca.crt}}]");
    const auto two = write(
        "b/config", std::string(one_context) + "users: [{name: u, user: {tokenFile: token}}]");
    const auto result = kube::load_kubeconfigs({one, two});
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->ca_pem, "authority of a");
    EXPECT_EQ(result->token.reveal(), "token-of-b");
}

TEST_F(kubeconfig_list, skips_missing_and_empty_files) {
    const auto whole = write("whole", std::string(one_cluster) + one_context);
    const auto empty = write("empty", "");
    const auto missing = (folder_ / "missing").string();
    EXPECT_TRUE(kube::load_kubeconfigs({missing, empty, whole}));
    const auto none = kube::load_kubeconfigs({missing, missing + "2"});
    EXPECT_EQ(none.error().code, base::errc::not_found);
    EXPECT_NE(none.error().text.find("none of the files exists"), std::string::npos);
    const auto broken = kube::load_kubeconfigs({whole, write("broken", "[1, 2]")});
    EXPECT_EQ(broken.error().code, base::errc::invalid);
    EXPECT_NE(broken.error().text.find("broken"), std::string::npos);
}

TEST_F(kubeconfig_list, splits_the_variable_without_empty_and_repeated_paths) {
    using paths = std::vector<std::string>;
    EXPECT_EQ(kube::split_kubeconfig_list("/a:/b"), (paths{"/a", "/b"}));
    EXPECT_EQ(kube::split_kubeconfig_list("a:"), paths{"a"});
    EXPECT_EQ(kube::split_kubeconfig_list(":a::a:"), paths{"a"});
    EXPECT_EQ(kube::split_kubeconfig_list(":"), paths{});
    EXPECT_EQ(kube::split_kubeconfig_list(""), paths{});
}

TEST_F(kubeconfig_list, has_no_credentials_without_a_user) {
    for (const auto* users : {"users: [{name: u, user: null}]", "users: [{name: u}]",
                              "users: [{name: u, user: {}}]", "users: null", "users: []", ""}) {
        const auto result =
            kube::load_kubeconfig(write("config", std::string(one_cluster) + one_context + users));
        ASSERT_TRUE(result) << users << ": " << result.error().text;
        EXPECT_TRUE(result->token.empty());
        EXPECT_TRUE(result->client_certificate_pem.empty());
    }
    const auto unnamed = kube::load_kubeconfig(
        write("config", std::string(one_cluster) +
                            "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]"));
    EXPECT_TRUE(unnamed);
}

TEST_F(kubeconfig_list, names_what_is_missing) {
    const auto text_of = [&](const std::string& content) {
        const auto result = kube::load_kubeconfig(write("config", content));
        return result ? "loaded" : result.error().text;
    };
    const auto expect = [&](const std::string& content, std::string_view words) {
        EXPECT_NE(text_of(content).find(words), std::string::npos) << text_of(content);
    };
    expect("current-context: x\ncontexts: [{name: x, context: null}]",
           "context 'x' names no cluster");
    expect(one_context, "no entry 'c' in clusters");
    expect(std::string(one_context) + "clusters: [{name: c, cluster: null}]",
           "cluster 'c': the cluster has no server");
    expect(std::string(one_context) + one_cluster + "users: [{name: u, user: admin}]",
           "entry 'u' in users is not a map");
    expect(std::string(one_context) + one_cluster +
               "users: [{name: u, user: {token: a}}, {name: u, user: {token: b}}]",
           "has several entries 'u' in users");
    expect(one_cluster, "there is no current-context");
    EXPECT_TRUE(kube::load_kubeconfig(folder_.string()).error().text.contains("cannot be read"));
}

TEST_F(kubeconfig, reads_the_service_account_of_a_pod) {
    const auto account_folder = folder_ / "var/run/secrets/kubernetes.io/serviceaccount";
    std::filesystem::create_directories(account_folder);
    const auto load = [this](const char* host) {
        return kube::load_in_cluster(host, "443", folder_.string());
    };
    EXPECT_EQ(load("10.0.0.1").error().code, base::errc::not_found);  // no account is mounted
    std::ofstream(account_folder / "ca.crt") << "ca";
    std::ofstream(account_folder / "token") << "";
    std::ofstream(account_folder / "namespace") << "pods\n";
    EXPECT_NE(load("10.0.0.1").error().text.find("holds no token"), std::string::npos);
    std::ofstream(account_folder / "token") << "t\n";
    const auto result = load("fd00::1");
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(result->server.host, "fd00::1");
    EXPECT_EQ(result->server.port, 443);
    EXPECT_TRUE(result->server.secure);
    EXPECT_EQ(result->ns, "pods");
    EXPECT_EQ(result->token.reveal(), "t");
    EXPECT_EQ(result->token_file, (account_folder / "token").string());
    EXPECT_EQ(result->ca_pem, "ca");
    EXPECT_EQ(result->ca_file, (account_folder / "ca.crt").string());
    EXPECT_EQ(load("10.0.0.1")->server.host, "10.0.0.1");
    EXPECT_EQ(load("not a host").error().code, base::errc::invalid);
    for (const auto& [host, port] : {std::pair("", ""), std::pair("10.0.0.1", "")}) {
        const auto outside = kube::load_in_cluster(host, port);
        EXPECT_EQ(outside.error().code, base::errc::not_found);
        EXPECT_NE(outside.error().text.find("kubeconfig"), std::string::npos);
    }
}

}  // namespace
