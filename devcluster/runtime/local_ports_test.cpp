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

class ports_test : public testing::Test {
  protected:
    ports_test() { std::filesystem::create_directory(folder_); }
    ~ports_test() override {
        std::filesystem::remove_all(folder_);
        if (taken_ >= 0) ::close(taken_);
    }
    // A port that somebody else listens on for the time of the test.
    int taken_port() {
        taken_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const plain = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(taken_, plain, size), 0);
        EXPECT_EQ(::listen(taken_, 1), 0);
        EXPECT_EQ(::getsockname(taken_, plain, &size), 0);
        return ntohs(address.sin_port);
    }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / base::random_id("runtime-");
    port_registry book_;
    int taken_ = -1;
};

TEST_F(ports_test, new_ports_differ) {
    for (int turn = 0; turn < 50; ++turn) {
        const auto made = new_ports();
        EXPECT_GT(made.server, 0);
        EXPECT_GT(made.exporter, 0);
        EXPECT_NE(made.server, made.exporter);
    }
}

TEST_F(ports_test, settled_ports_are_remembered) {
    const auto first = book_.settle(folder_.string());
    EXPECT_GT(first.server, 0);
    EXPECT_EQ(remembered_ports(folder_.string()), first);
    EXPECT_EQ(book_.settle(folder_.string()), first);
}

TEST_F(ports_test, a_port_that_others_took_is_replaced_and_the_other_kept) {
    const int taken = taken_port();
    const auto free = new_ports().server;
    ASSERT_TRUE(remember_ports(folder_.string(), {.server = taken, .exporter = free}));
    const auto settled = book_.settle(folder_.string());
    EXPECT_NE(settled.server, taken);
    EXPECT_EQ(settled.exporter, free);
    EXPECT_EQ(remembered_ports(folder_.string()), settled);
}

TEST_F(ports_test, a_taken_port_is_not_free) {
    EXPECT_FALSE(is_port_free(taken_port()));
    EXPECT_FALSE(is_port_free(0));
    EXPECT_FALSE(is_port_free(70000));
}

TEST_F(ports_test, nonsense_is_not_remembered) {
    for (const auto* text : {"", "x y", "99999999999 5", "-4 70000"}) {
        std::ofstream(folder_ / "ports") << text;
        const auto found = remembered_ports(folder_.string());
        EXPECT_EQ(found.server, 0) << text;
    }
}

TEST_F(ports_test, one_number_twice_becomes_two_ports) {
    const auto free = new_ports().server;
    ASSERT_TRUE(remember_ports(folder_.string(), {.server = free, .exporter = free}));
    const auto settled = book_.settle(folder_.string());
    EXPECT_EQ(settled.server, free);
    EXPECT_NE(settled.exporter, free);
}

TEST_F(ports_test, a_promised_port_is_not_given_to_another) {
    const auto first = new_ports();
    const auto second = new_ports();
    int offers = 0;
    port_registry book([&] { return ++offers < 3 ? first : second; });
    EXPECT_EQ(book.settle(folder_.string()), first);
    const auto other = folder_ / "other";
    std::filesystem::create_directory(other);
    EXPECT_EQ(book.settle(other.string()), second);
}

TEST_F(ports_test, what_two_remember_belongs_to_the_first_that_asks_until_it_is_released) {
    const auto other = folder_ / "other";
    std::filesystem::create_directory(other);
    const auto first = book_.settle(folder_.string());
    ASSERT_TRUE(remember_ports(other.string(), first));
    const auto second = book_.settle(other.string());
    EXPECT_NE(second.server, first.server);
    EXPECT_NE(second.exporter, first.exporter);
    book_.release(folder_.string());
    ASSERT_TRUE(remember_ports(other.string(), first));
    EXPECT_EQ(book_.settle(other.string()), first);
}

TEST_F(ports_test, an_exporter_moves_alone) {
    const auto used = taken_port();  // the server listens there by now
    ASSERT_TRUE(remember_ports(folder_.string(), {.server = used, .exporter = used}));
    const auto settled = book_.settle_exporter(folder_.string());
    EXPECT_EQ(settled.server, used);
    EXPECT_NE(settled.exporter, used);
    EXPECT_EQ(remembered_ports(folder_.string()), settled);
    EXPECT_EQ(book_.settle_exporter(folder_.string()), settled);
}

TEST_F(ports_test, nothing_is_settled_where_every_port_is_promised) {
    const auto only = new_ports();
    port_registry book([&] { return only; });
    EXPECT_EQ(book.settle(folder_.string()), only);
    const auto other = folder_ / "other";
    std::filesystem::create_directory(other);
    EXPECT_EQ(book.settle(other.string()), member_ports{});
}

TEST_F(ports_test, a_folder_that_is_not_there_cannot_remember) {
    EXPECT_FALSE(remember_ports((folder_ / "missing").string(), {.server = 1, .exporter = 2}));
}

}  // namespace
}  // namespace runtime
