#include "kube/resource.hpp"

#include <gtest/gtest.h>

namespace kube {
namespace {

const resource postgreses{"kubedb.com", "v1", "postgreses", "Postgres", true};
const resource secrets{"", "v1", "secrets", "Secret", true};

TEST(resource, path_names_group_version_namespace_object_and_subresource) {
    EXPECT_EQ(postgreses.path("shop", "orders", "status"),
              "/apis/kubedb.com/v1/namespaces/shop/postgreses/orders/status");
}

TEST(resource, path_leaves_out_empty_parts) {
    EXPECT_EQ(postgreses.path(), "/apis/kubedb.com/v1/postgreses");
    EXPECT_EQ(postgreses.path("shop"), "/apis/kubedb.com/v1/namespaces/shop/postgreses");
    EXPECT_EQ(postgreses.path("", "orders"), "/apis/kubedb.com/v1/postgreses/orders");
}

TEST(resource, core_group_lives_under_api) {
    EXPECT_EQ(secrets.path("shop", "a"), "/api/v1/namespaces/shop/secrets/a");
    EXPECT_EQ(secrets.api_version(), "v1");
    EXPECT_EQ(postgreses.api_version(), "kubedb.com/v1");
}

TEST(resource, path_cannot_be_escaped_by_a_name) {
    EXPECT_EQ(secrets.path("shop", "../nodes?x=1"),
              "/api/v1/namespaces/shop/secrets/..%2Fnodes%3Fx%3D1");
}

}  // namespace
}  // namespace kube
