#include "devcluster/controller/object_writer.hpp"

#include <gtest/gtest.h>

#include "aio/block_on.hpp"
#include "devcluster/apiserver/api_server.hpp"
#include "json/json.hpp"

namespace controller {
namespace {

const std::string ns = "default";

json::object secret() {
    return {{"apiVersion", "v1"},
            {"kind", "Secret"},
            {"metadata", {{"name", "it"}, {"namespace", ns}}}};
}

// Runs `scene` with an API server in this process.
void run(std::move_only_function<aio::task<>(kube::client&)> scene) {
    auto scenario = [](std::move_only_function<aio::task<>(kube::client&)> act) -> aio::task<> {
        auto server = apiserver::start({});
        if (!server) co_return base::pass(std::move(server));
        auto client = kube::make_client(
            co_await aio::this_executor(),
            {.config = {.server = {.host = "127.0.0.1", .port = (*server)->port()}}});
        if (!client) co_return base::pass(std::move(client));
        co_return co_await act(**client);
    };
    const auto ended = aio::block_on(scenario(std::move(scene)));
    EXPECT_TRUE(ended) << ended.error().text;
}

TEST(object_writer, writes_an_unchanged_object_once) {
    run([](kube::client& client) -> aio::task<> {
        const auto secrets = core("secrets", "Secret");
        object_writer writer(client);
        auto written = co_await writer.write(secrets, secret());
        if (!written) co_return written;
        auto deleted = co_await client.remove(secrets, ns, "it");
        if (!deleted) co_return base::pass(std::move(deleted));
        written = co_await writer.write(secrets, secret());
        if (!written) co_return written;
        const auto stored = co_await client.get(secrets, ns, "it");
        EXPECT_EQ(stored.error().code, base::errc::not_found);
        co_return base::ok();
    });
}

TEST(object_writer, creates_an_object_again_after_its_status_was_not_found) {
    run([](kube::client& client) -> aio::task<> {
        const auto pods = core("pods", "Pod");
        auto pod = secret();
        pod["kind"] = "Pod";
        pod["spec"] = json::parse(R"({"containers":[{"name":"it","image":"process"}]})");
        object_writer writer(client);
        auto written = co_await writer.write(pods, pod);
        if (!written) co_return written;
        written = co_await writer.write_status(pods, ns, "it", "up", {{"phase", "Running"}});
        if (!written) co_return written;
        auto deleted = co_await client.remove(pods, ns, "it", {.at_once = true});
        if (!deleted) co_return base::pass(std::move(deleted));
        written = co_await writer.write_status(pods, ns, "it", "down", {{"phase", "Pending"}});
        EXPECT_EQ(written.error().code, base::errc::not_found);
        written = co_await writer.write(pods, pod);
        if (!written) co_return written;
        written = co_await writer.write_status(pods, ns, "it", "up", {{"phase", "Running"}});
        if (!written) co_return written;
        const auto stored = co_await client.get(pods, ns, "it");
        EXPECT_EQ(stored->at("status").at("phase"), "Running");
        co_return base::ok();
    });
}

TEST(object_writer, ignores_the_result_of_a_write_that_forget_overlaps) {
    run([](kube::client& client) -> aio::task<> {
        const auto secrets = core("secrets", "Secret");
        object_writer writer(client);
        client.on_call([&writer, &secrets](const kube::call_record& call) {
            if (call.verb == "create") writer.forget(secrets, "it");
        });
        auto written = co_await writer.write(secrets, secret());
        client.on_call({});
        if (!written) co_return written;
        auto deleted = co_await client.remove(secrets, ns, "it");
        if (!deleted) co_return base::pass(std::move(deleted));
        written = co_await writer.write(secrets, secret());
        if (!written) co_return written;
        EXPECT_TRUE(co_await client.get(secrets, ns, "it"));
        co_return base::ok();
    });
}

// Objects of an API group that the cluster does not serve count as deleted.
TEST(object_writer, removes_objects_of_an_unserved_group) {
    run([](kube::client& client) -> aio::task<> {
        const kube::resource unknown{
            .group = "unserved.example", .version = "v1", .plural = "things", .kind = "Thing"};
        object_writer writer(client);
        co_return co_await writer.remove(unknown, ns, "it");
    });
}

}  // namespace
}  // namespace controller
