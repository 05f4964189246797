#include "kubedb/object_deletion.hpp"

#include "test/support/simulated_api_server.hpp"

namespace kubedb {
namespace {

using fakes::simulated_server;

class object_deletion : public fakes::kube_client {
  protected:
    // Deletes two requests, one after the other; the server responds to the first with the failure.
    base::outcome<void> delete_two(unsigned status, std::string reason) {
        start();
        simulated_.respond_first({[status, reason](const http::request&) {
            return simulated_server::failure(status, reason);
        }});
        return run(
            [](kube::client& client) -> aio::task<> {
                served_resources served;
                served.replace({{.group = "ops.kubedb.com",
                                 .version = "v1alpha1",
                                 .plural = "redisopsrequests",
                                 .kind = "RedisOpsRequest"}});
                std::vector<old_request> all{{"redis", "shop", {"first", "uid-1"}},
                                             {"redis", "shop", {"second", "uid-2"}}};
                co_return co_await delete_requests(client, served, std::move(all));
            },
            0);
    }
};

TEST_F(object_deletion, continues_after_a_rejected_deletion) {
    const auto swept = delete_two(403, "Forbidden");
    ASSERT_FALSE(swept);
    EXPECT_EQ(swept.error().code, base::errc::denied);
    ASSERT_EQ(simulated_.requests().size(), 2U);
    EXPECT_TRUE(simulated_.requests()[1].target.ends_with("/second"))
        << simulated_.requests()[1].target;
}

TEST_F(object_deletion, stops_if_the_server_is_unavailable) {
    const auto swept = delete_two(503, "ServiceUnavailable");
    EXPECT_EQ(swept.error().code, base::errc::unavailable);
    EXPECT_EQ(simulated_.requests().size(), 1U);
}

}  // namespace
}  // namespace kubedb
