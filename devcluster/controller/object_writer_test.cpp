#include "devcluster/controller/object_writer.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "aio/block_on.hpp"
#include "devcluster/apiserver/api_server.hpp"

namespace controller {
namespace {

const std::string home = "default";

json::object secret() {
    return {{"apiVersion", "v1"},
            {"kind", "Secret"},
            {"metadata", {{"name", "it"}, {"namespace", home}}}};
}

// With an API server in this process.
void play(std::move_only_function<aio::task<>(kube::client&)> scene) {
    auto whole = [](std::move_only_function<aio::task<>(kube::client&)> act) -> aio::task<> {
        auto server = apiserver::start({});
        if (!server) co_return base::pass(std::move(server));
        auto client = kube::make_client(
            co_await aio::this_executor(),
            {.config = {.server = {.host = "127.0.0.1", .port = (*server)->port()}}});
        if (!client) co_return base::pass(std::move(client));
        co_return co_await act(**client);
    };
    const auto ended = aio::block_on(whole(std::move(scene)));
    EXPECT_TRUE(ended) << ended.error().text;
}

TEST(object_writer, says_the_same_thing_once) {
    play([](kube::client& client) -> aio::task<> {
        const auto secrets = core("secrets", "Secret");
        object_writer said(client);
        auto told = co_await said.tell(secrets, secret());
        if (!told) co_return told;
        auto gone = co_await client.remove(secrets, home, "it");
        if (!gone) co_return base::pass(std::move(gone));
        told = co_await said.tell(secrets, secret());
        if (!told) co_return told;
        const auto found = co_await client.get(secrets, home, "it");
        EXPECT_EQ(found.error().code, base::errc::not_found);
        co_return base::ok();
    });
}

TEST(object_writer, makes_an_object_again_whose_status_found_nothing) {
    play([](kube::client& client) -> aio::task<> {
        const auto pods = core("pods", "Pod");
        auto pod = secret();
        pod["kind"] = "Pod";
        pod["spec"] = json::parse(R"({"containers":[{"name":"it","image":"process"}]})");
        object_writer said(client);
        auto told = co_await said.tell(pods, pod);
        if (!told) co_return told;
        told = co_await said.write_status(pods, home, "it", "up", {{"phase", "Running"}});
        if (!told) co_return told;
        auto gone = co_await client.remove(pods, home, "it", {.at_once = true});
        if (!gone) co_return base::pass(std::move(gone));
        told = co_await said.write_status(pods, home, "it", "down", {{"phase", "Pending"}});
        EXPECT_EQ(told.error().code, base::errc::not_found);
        told = co_await said.tell(pods, pod);
        if (!told) co_return told;
        told = co_await said.write_status(pods, home, "it", "up", {{"phase", "Running"}});
        if (!told) co_return told;
        const auto found = co_await client.get(pods, home, "it");
        EXPECT_EQ(found->at("status").at("phase"), "Running");
        co_return base::ok();
    });
}

TEST(object_writer, does_not_remember_what_was_forgotten_while_it_was_said) {
    play([](kube::client& client) -> aio::task<> {
        const auto secrets = core("secrets", "Secret");
        object_writer said(client);
        client.on_call([&said, &secrets](const kube::call_record& call) {
            if (call.verb == "create") said.forget(secrets, "it");
        });
        auto told = co_await said.tell(secrets, secret());
        client.on_call({});
        if (!told) co_return told;
        auto gone = co_await client.remove(secrets, home, "it");
        if (!gone) co_return base::pass(std::move(gone));
        told = co_await said.tell(secrets, secret());
        if (!told) co_return told;
        EXPECT_TRUE(co_await client.get(secrets, home, "it"));
        co_return base::ok();
    });
}

// A cluster need not serve every group: what nobody serves is not there.
TEST(object_writer, removes_what_is_not_served) {
    play([](kube::client& client) -> aio::task<> {
        const kube::resource unknown{
            .group = "nobody.example", .version = "v1", .plural = "things", .kind = "Thing"};
        object_writer said(client);
        co_return co_await said.remove(unknown, home, "it");
    });
}

}  // namespace
}  // namespace controller
