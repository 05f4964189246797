#include "devcluster/runtime/local_ports.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/random_id.hpp"

namespace runtime {
namespace {

class port_registry : public testing::Test {
  public:
    port_registry() { std::filesystem::create_directory(folder_); }
    ~port_registry() override {
        std::filesystem::remove_all(folder_);
        if (used_port_ >= 0) ::close(used_port_);
    }

  protected:
    // A port on which another socket listens during the test.
    int port_in_use() {
        used_port_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const plain = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(used_port_, plain, size), 0);
        EXPECT_EQ(::listen(used_port_, 1), 0);
        EXPECT_EQ(::getsockname(used_port_, plain, &size), 0);
        return ntohs(address.sin_port);
    }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / base::random_id("runtime-");
    runtime::port_registry registry_;
    int used_port_ = -1;
};

TEST_F(port_registry, new_ports_differ) {
    for (int turn = 0; turn < 50; ++turn) {
        const auto ports = new_ports();
        EXPECT_GT(ports.server, 0);
        EXPECT_GT(ports.exporter, 0);
        EXPECT_NE(ports.server, ports.exporter);
    }
}

TEST_F(port_registry, stores_settled_ports) {
    const auto first = registry_.settle(folder_.string());
    EXPECT_GT(first.server, 0);
    EXPECT_EQ(remembered_ports(folder_.string()), first);
    EXPECT_EQ(registry_.settle(folder_.string()), first);
}

TEST_F(port_registry, replaces_only_the_port_in_use) {
    const int used_port = port_in_use();
    const auto free = new_ports().server;
    ASSERT_TRUE(remember_ports(folder_.string(), {.server = used_port, .exporter = free}));
    const auto settled = registry_.settle(folder_.string());
    EXPECT_NE(settled.server, used_port);
    EXPECT_EQ(settled.exporter, free);
    EXPECT_EQ(remembered_ports(folder_.string()), settled);
}

TEST_F(port_registry, a_port_in_use_is_not_free) {
    EXPECT_FALSE(is_port_free(port_in_use()));
    EXPECT_FALSE(is_port_free(0));
    EXPECT_FALSE(is_port_free(70000));
}

TEST_F(port_registry, ignores_invalid_stored_ports) {
    for (const auto* text : {"", "x y", "99999999999 5", "-4 70000"}) {
        std::ofstream(folder_ / "ports") << text;
        const auto ports = remembered_ports(folder_.string());
        EXPECT_EQ(ports.server, 0) << text;
    }
}

TEST_F(port_registry, replaces_one_of_two_equal_ports) {
    const auto free = new_ports().server;
    ASSERT_TRUE(remember_ports(folder_.string(), {.server = free, .exporter = free}));
    const auto settled = registry_.settle(folder_.string());
    EXPECT_EQ(settled.server, free);
    EXPECT_NE(settled.exporter, free);
}

TEST_F(port_registry, does_not_assign_a_port_twice) {
    const auto first = new_ports();
    const auto second = new_ports();
    int offers = 0;
    runtime::port_registry registry([&] { return ++offers < 3 ? first : second; });
    EXPECT_EQ(registry.settle(folder_.string()), first);
    const auto other = folder_ / "other";
    std::filesystem::create_directory(other);
    EXPECT_EQ(registry.settle(other.string()), second);
}

TEST_F(port_registry, settle_gives_a_shared_port_to_the_first_caller_until_release) {
    const auto other = folder_ / "other";
    std::filesystem::create_directory(other);
    const auto first = registry_.settle(folder_.string());
    ASSERT_TRUE(remember_ports(other.string(), first));
    const auto second = registry_.settle(other.string());
    EXPECT_NE(second.server, first.server);
    EXPECT_NE(second.exporter, first.exporter);
    registry_.release(folder_.string());
    ASSERT_TRUE(remember_ports(other.string(), first));
    EXPECT_EQ(registry_.settle(other.string()), first);
}

TEST_F(port_registry, moves_the_exporter_port_alone) {
    const auto used = port_in_use();  // the server uses its port already
    ASSERT_TRUE(remember_ports(folder_.string(), {.server = used, .exporter = used}));
    const auto settled = registry_.settle_exporter(folder_.string());
    EXPECT_EQ(settled.server, used);
    EXPECT_NE(settled.exporter, used);
    EXPECT_EQ(remembered_ports(folder_.string()), settled);
    EXPECT_EQ(registry_.settle_exporter(folder_.string()), settled);
}

TEST_F(port_registry, settles_nothing_if_every_port_is_assigned) {
    const auto only = new_ports();
    runtime::port_registry registry([&] { return only; });
    EXPECT_EQ(registry.settle(folder_.string()), only);
    const auto other = folder_ / "other";
    std::filesystem::create_directory(other);
    EXPECT_EQ(registry.settle(other.string()), member_ports{});
}

TEST_F(port_registry, fails_to_store_ports_in_a_missing_folder) {
    EXPECT_FALSE(remember_ports((folder_ / "missing").string(), {.server = 1, .exporter = 2}));
}

}  // namespace
}  // namespace runtime
