#include "devcluster/controller/kubedb_objects.hpp"
#include "json/json.hpp"

#include <gtest/gtest.h>

namespace controller {
namespace {

json::object object(std::string_view text) {
    return json::parse(text).as_object();
}

const engine_kind& kind(std::string_view engine) {
    for (const auto& each : engine_kinds()) {
        if (each.engine == engine) return each;
    }
    ADD_FAILURE() << "no such kind: " << engine;
    return engine_kinds()[0];
}

wanted_database orders(std::string_view engine = "postgres") {
    return read_database(
        kind(engine),
        object(
            R"({"metadata":{"name":"orders","namespace":"shop","uid":"0123456789"},"spec":{}})"));
}

TEST(read_database, reads_the_members_in_use) {
    const auto read = read_database(kind("postgres"), object(R"({
        "metadata":{"name":"orders","namespace":"shop","uid":"u","generation":4,
                    "finalizers":["other","kubedb.com"]},
        "spec":{"version":"15.18","replicas":3,"deletionPolicy":"WipeOut","halted":true,
                "monitor":{},"authSecret":{"name":"login","externallyManaged":true},
                "storage":{"resources":{"requests":{"storage":"5Gi"}}},
                "podTemplate":{"spec":{"containers":[
                    {"name":"pg-coordinator","resources":{"requests":{"memory":"1Gi"}}},
                    {"name":"postgres","resources":{"requests":{"memory":"512Mi"}}}]}}},
        "status":{"conditions":[{"type":"Provisioned","status":"True"}]}})"));
    EXPECT_EQ(read.version, "15.18");
    EXPECT_EQ(read.replicas, 3);
    EXPECT_EQ(read.memory_bytes, 512 * 1024 * 1024);
    EXPECT_EQ(read.storage, "5Gi");
    EXPECT_EQ(read.auth_secret, "login");
    EXPECT_EQ(read.generation, 4);
    EXPECT_TRUE(read.is_auth_external);
    EXPECT_TRUE(read.is_halted);
    EXPECT_TRUE(read.has_finalizer);
    EXPECT_TRUE(read.has_monitor);
    EXPECT_TRUE(read.was_provisioned);
    EXPECT_FALSE(read.is_deleting);
}

TEST(ordinal_in, reads_names_of_members_and_claims) {
    EXPECT_EQ(ordinal_in(orders(), "orders-0"), 0);
    EXPECT_EQ(ordinal_in(orders(), "data-orders-12"), 12);
    for (const auto* other : {"", "orders", "orders-", "orders-x", "orders-01", "orders--1",
                              "orders-1.new", "orders-99999999999", "other-1", "data-1"}) {
        EXPECT_EQ(ordinal_in(orders(), other), std::nullopt) << other;
    }
}

TEST(read_database, sets_defaults) {
    const auto read = orders();
    EXPECT_EQ(read.replicas, 1);
    EXPECT_EQ(read.deletion_policy, "Delete");
    EXPECT_EQ(read.auth_secret, "orders-auth");
    EXPECT_FALSE(read.was_provisioned);
}

TEST(read_database, accepts_invalid_members) {
    const auto read = read_database(kind("redis"), object(R"({
        "metadata":{"name":"x","finalizers":"kubedb.com"},
        "spec":{"replicas":1000000,"storage":[],"podTemplate":{"spec":{"containers":[3,{}]}}},
        "status":{"conditions":{"type":"Provisioned"}}})"));
    EXPECT_EQ(read.replicas, 32);
    EXPECT_EQ(read.memory_bytes, 0);
    EXPECT_FALSE(read.has_finalizer);
    EXPECT_FALSE(read.was_provisioned);
}

TEST(rejection_of, names_unsupported_settings) {
    EXPECT_EQ(rejection_of(orders(), true), "");
    EXPECT_NE(rejection_of(orders("mysql"), false).find("MySQL"), std::string::npos);
    auto sharded = orders("redis");
    sharded.mode = "Cluster";
    EXPECT_NE(rejection_of(sharded, true), "");
    sharded.mode = "Sentinel";
    EXPECT_EQ(rejection_of(sharded, true), "");
}

TEST(finalizers, keep_foreign_ones) {
    const auto both = object(R"({"metadata":{"finalizers":["a","kubedb.com","b"]}})");
    EXPECT_EQ(without_finalizer(both), (json::array{"a", "b"}));
    EXPECT_EQ(with_finalizer(both), (json::array{"a", "b", "kubedb.com"}));
    EXPECT_EQ(with_finalizer(object("{}")), json::array{"kubedb.com"});
}

TEST(secrets, contain_the_keys_of_the_engine) {
    const auto secret = secret_object(orders(), "postgres", "pw");
    EXPECT_EQ(secret.at("type"), "kubernetes.io/basic-auth");
    EXPECT_EQ(secret.at("stringData"), object(R"({"username":"postgres","password":"pw"})"));
    const auto lines = secret_object(orders("memcached"), "user", "pw");
    EXPECT_EQ(lines.at("stringData"), object(R"({"authData":"user:pw\n"})"));
}

TEST(secrets, and_claims_have_no_owner_reference) {
    EXPECT_FALSE(claim_object(orders(), 0).at("metadata").as_object().contains("ownerReferences"));
    EXPECT_FALSE(secret_object(orders(), "postgres", "pw")
                     .at("metadata")
                     .as_object()
                     .contains("ownerReferences"));
    EXPECT_TRUE(owns_secret(orders(), secret_object(orders(), "postgres", "pw")));
    EXPECT_FALSE(owns_secret(orders("redis"), secret_object(orders(), "postgres", "pw")));
    EXPECT_FALSE(owns_secret(orders(), object(R"({"metadata":{"name":"orders-auth"}})")));
}

TEST(secrets, read_passwords_in_both_forms) {
    EXPECT_EQ(password_in(object(R"({"data":{"password":"czNjcmV0"}})")), "s3cret");
    EXPECT_EQ(password_in(object(R"({"data":{"authData":"dXNlcjpzM2NyZXQK"}})")), "s3cret");
    EXPECT_EQ(password_in(object(R"({"data":{}})")), "");
    EXPECT_EQ(password_in(object(R"({"data":{"authData":"bm90aGluZw=="}})")), "");
}

TEST(endpoints, have_a_subset_per_member) {
    const auto endpoints = endpoints_object(
        orders(), "-stats", {{"orders-0", "127.0.0.1", 4001}, {"orders-1", "198.18.0.9", 4002}},
        "metrics");
    EXPECT_EQ(endpoints.at("metadata").at("name"), "orders-stats");
    const auto& subsets = endpoints.at("subsets").as_array();
    ASSERT_EQ(subsets.size(), 2U);
    EXPECT_EQ(subsets[1].at("ports").as_array()[0],
              json::value(object(R"({"name":"metrics","port":4002})")));
    EXPECT_EQ(subsets[1].at("addresses").as_array()[0].at("targetRef").at("name"), "orders-1");
}

TEST(pods, have_the_role_label_of_the_engine) {
    const auto role = [](const wanted_database& wanted, int ordinal) {
        return pod_object(wanted, ordinal).at("metadata").at("labels").at("kubedb.com/role");
    };
    EXPECT_EQ(role(orders(), 0), "primary");
    EXPECT_EQ(role(orders(), 1), "standby");
    EXPECT_EQ(role(orders("mariadb"), 0), "Master");
    EXPECT_EQ(role(orders("mariadb"), 1), "Slave");
}

TEST(pods, report_why_they_are_not_ready) {
    const auto status =
        pod_status(orders(), false, 3, "killed by signal 9", "2026-01-01T00:00:00Z");
    EXPECT_EQ(status.at("phase"), "Pending");
    const auto& container = status.at("containerStatuses").as_array()[0];
    EXPECT_EQ(container.at("restartCount"), 3);
    EXPECT_EQ(container.at("state").at("waiting").at("message"), "killed by signal 9");
    EXPECT_EQ(pod_status(orders(), true, 3, "", "now").at("phase"), "Running");
}

TEST(events, share_an_object_per_reason) {
    const auto first = event_object(orders(), {"Warning", "BackOff", "a"}, 1, "t1");
    const auto again = event_object(orders(), {"Warning", "BackOff", "b"}, 2, "t2");
    EXPECT_EQ(first.at("metadata").at("name"), "orders.01234567.backoff");
    EXPECT_EQ(again.at("metadata").at("name"), first.at("metadata").at("name"));
    EXPECT_EQ(first.at("firstTimestamp"), "t1");
    EXPECT_FALSE(again.contains("firstTimestamp"));
    EXPECT_EQ(again.at("count"), 2);
}

TEST(selectors, select_one_database_of_one_kind) {
    EXPECT_EQ(selector_of(orders()),
              "app.kubernetes.io/name=postgreses.kubedb.com,app.kubernetes.io/instance=orders,"
              "app.kubernetes.io/managed-by=kubedb.com");
}

TEST(objects, have_owner_references) {
    for (const auto& each : {pod_object(orders(), 0), service_object(orders(), "-pods", 5432, "db"),
                             set_object(orders()), binding_object(orders(), "url")}) {
        const auto& owners = each.at("metadata").at("ownerReferences").as_array();
        ASSERT_EQ(owners.size(), 1U) << json::serialize(each);
        EXPECT_EQ(owners[0].at("uid"), "0123456789");
    }
}

}  // namespace
}  // namespace controller
