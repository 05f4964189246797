#include "main/pod_usage.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace {

json::object pod(std::string_view ns, std::string_view kind, std::string_view instance,
                 std::string_view containers) {
    return json::parse(fmt::format(R"({{"metadata":{{"namespace":"{}","labels":{{)"
                                   R"("app.kubernetes.io/name":"{}",)"
                                   R"("app.kubernetes.io/instance":"{}"}}}},"containers":[{}]}})",
                                   ns, kind, instance, containers))
        .get_object();
}

std::string container(std::string_view name, std::string_view cpu) {
    return fmt::format(R"({{"name":"{}","usage":{{"cpu":"{}","memory":"1Mi"}}}})", name, cpu);
}

TEST(sum_cpu, adds_the_engines_containers_of_all_members) {
    const auto exporter = "," + container("exporter", "900m");
    const auto cores = cost::sum_cpu(
        {pod("dbaas-shop", "redises.kubedb.com", "cache", container("redis", "250m") + exporter),
         pod("dbaas-shop", "redises.kubedb.com", "cache", container("redis", "12345678n")),
         pod("dbaas-shop", "postgreses.kubedb.com", "cache", container("postgres", "1")),
         pod("dbaas-bank", "redises.kubedb.com", "cache", container("redis", "0"))});
    ASSERT_EQ(cores.size(), 3U);
    const auto value = [&](const char* project, const char* engine) {
        return cores.at({.project = project, .engine = engine, .name = "cache"});
    };
    EXPECT_DOUBLE_EQ(value("shop", "redis"), 0.263);  // rounded up to thousandths
    EXPECT_DOUBLE_EQ(value("shop", "postgres"), 1);
    EXPECT_DOUBLE_EQ(value("bank", "redis"), 0);
}

TEST(sum_cpu, ignores_pods_that_belong_to_no_database) {
    EXPECT_TRUE(
        cost::sum_cpu(
            {pod("kube-system", "redises.kubedb.com", "a", container("redis", "1")),
             pod("dbaas-shop", "web", "a", container("redis", "1")),
             pod("dbaas-shop", "redises.kubedb.com", "a", ""),
             pod("dbaas-shop", "redises.kubedb.com", "a", container("redis", "not a quantity"))})
            .empty());
}

}  // namespace
