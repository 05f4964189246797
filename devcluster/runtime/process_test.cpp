#include "devcluster/runtime/process.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "aio/block_on.hpp"
#include "base/random_id.hpp"

namespace runtime {
namespace {

using namespace std::chrono_literals;
using base::errc;

class process_test : public testing::Test {
  protected:
    process_test() { std::filesystem::create_directory(folder_); }
    ~process_test() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] command shell(const std::string& script) const {
        return {.program = "/bin/sh",
                .arguments = {"-c", script},
                .folder = folder_.string(),
                .log_path = log()};
    }
    [[nodiscard]] std::string log() const { return (folder_ / "log").string(); }
    [[nodiscard]] std::string logged() const {
        std::stringstream text;
        text << std::ifstream(log()).rdbuf();
        return text.str();
    }
    base::outcome<void> run_shell(const std::string& script,
                                  std::chrono::milliseconds patience = 20s) {
        return aio::block_on(run(shell(script), {}, patience, never_));
    }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / base::random_id("runtime-");
    bool never_ = false;
};

// Whether a process is there and not just waiting to be buried.
bool is_running(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string word;
    for (int at = 0; at < 3 && file >> word; ++at) {
    }
    return file && word != "Z";
}

TEST_F(process_test, a_program_runs_to_its_end) {
    const auto done = run_shell("echo hello");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(logged(), "hello\n");
}

TEST_F(process_test, a_failure_is_told_with_its_status_and_last_words) {
    const auto failed = run_shell("echo first; echo the disk is full >&2; exit 3");
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, errc::unavailable);
    EXPECT_EQ(failed.error().text, "/bin/sh ended with 3: the disk is full");
}

TEST_F(process_test, a_program_that_is_not_there_is_not_found) {
    const auto made = spawn({.program = "/nonexistent/engine"}, {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, errc::not_found);
}

TEST_F(process_test, patience_ends_and_so_does_the_program) {
    const auto late = run_shell("echo $$ > pid; exec sleep 100", 150ms);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, errc::timed_out);
    pid_t pid = 0;
    std::ifstream(folder_ / "pid") >> pid;
    ASSERT_GT(pid, 0);
    EXPECT_FALSE(is_running(pid));
}

TEST_F(process_test, a_stop_cuts_a_long_preparation_short) {
    const bool is_stopping = true;
    const auto cut = aio::block_on(run(shell("exec sleep 100"), {}, 100s, is_stopping));
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, errc::cancelled);
}

TEST_F(process_test, the_environment_holds_what_was_given_and_nothing_of_ours) {
    setenv("SECRET_OF_THE_PARENT", "x", 1);
    auto what = shell("env | sort");
    what.environment = {{"GIVEN", "yes"}};
    ASSERT_TRUE(aio::block_on(run(what, {}, 20s, never_)));
    unsetenv("SECRET_OF_THE_PARENT");
    const auto text = logged();
    EXPECT_NE(text.find("GIVEN=yes\n"), std::string::npos);
    EXPECT_NE(text.find("HOME=" + folder_.string()), std::string::npos);
    EXPECT_EQ(text.find("SECRET_OF_THE_PARENT"), std::string::npos);
}

TEST_F(process_test, no_file_of_ours_is_handed_on) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);  // as Asio opens its sockets: not marked to be closed
    // The list is made by a child: its own folder handle must not be in it.
    EXPECT_TRUE(run_shell("ls /proc/$$/fd; true"));
    EXPECT_EQ(logged(), "0\n1\n2\n");
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_F(process_test, a_death_by_signal_is_a_negative_status) {
    auto made = spawn(shell("kill -9 $$"), {});
    ASSERT_TRUE(made);
    const auto status = aio::block_on((*made)->ended());
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, -SIGKILL);
    EXPECT_FALSE((*made)->is_alive());
    EXPECT_FALSE((*made)->signal(SIGTERM));
}

TEST_F(process_test, one_that_ignores_a_polite_stop_is_killed) {
    auto made = spawn(shell("trap '' TERM; echo ready; while :; do sleep 0.05; done"), {});
    ASSERT_TRUE(made);
    const auto pid = (*made)->pid();
    ASSERT_TRUE(aio::block_on((*made)->stop(SIGTERM, 100ms)));
    EXPECT_FALSE(is_running(pid));
}

TEST_F(process_test, its_own_children_go_with_it) {
    auto made = spawn(shell("sleep 100 & echo $! > child; exit 0"), {});
    ASSERT_TRUE(made);
    ASSERT_TRUE(aio::block_on((*made)->ended()));
    pid_t child = 0;
    std::ifstream(folder_ / "child") >> child;
    ASSERT_GT(child, 0);
    for (int turn = 0; turn < 200 && is_running(child); ++turn) {
        ASSERT_TRUE(aio::block_on(aio::sleep_for(10ms)));
    }
    EXPECT_FALSE(is_running(child));
}

TEST_F(process_test, a_program_at_work_in_a_folder_is_killed_and_nobody_else) {
    const auto data = folder_ / "data";
    std::filesystem::create_directories(data / "base");
    auto sleeper = shell("exec sleep 100");
    auto beside = spawn(sleeper, {});
    sleeper.folder = (data / "base").string();
    auto inside = spawn(sleeper, {});
    ASSERT_TRUE(beside && inside);
    // Both have changed their folder once they are no longer us.
    while (std::filesystem::read_symlink(fmt::format("/proc/{}/exe", (*inside)->pid())) ==
           std::filesystem::read_symlink("/proc/self/exe")) {
        ASSERT_TRUE(aio::block_on(aio::sleep_for(1ms)));
    }
    const place_of_work sleepers{.program = "/bin/sleep", .folder = data.string()};
    EXPECT_EQ(kill_processes({"/bin/cat", data.string()}, {}), 0U);
    EXPECT_EQ(kill_processes(sleepers, {.is_other = true, .uid = geteuid() + 1}), 0U);
    EXPECT_EQ(kill_processes(sleepers, {}), 1U);
    const auto status = aio::block_on((*inside)->ended());
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, -SIGKILL);
    EXPECT_EQ(kill_processes(sleepers, {}), 0U);
    EXPECT_TRUE((*beside)->is_alive());
    EXPECT_EQ(kill_processes({"/bin/sleep", (folder_ / "missing").string()}, {}), 0U);
}

TEST_F(process_test, a_log_over_its_limit_is_emptied_and_kept_once) {
    std::ofstream(log()) << std::string(1000, 'x');
    bound_log(log(), 2000);
    EXPECT_EQ(std::filesystem::file_size(log()), 1000U);
    bound_log(log(), 999);
    EXPECT_EQ(std::filesystem::file_size(log()), 0U);
    EXPECT_EQ(std::filesystem::file_size(log() + ".old"), 1000U);
}

TEST_F(process_test, root_does_not_run_engines_itself) {
    const auto user = choose_user(folder_.string());
    EXPECT_EQ(user.is_other, geteuid() == 0);
    if (!user.is_other) GTEST_SKIP() << "only root can become somebody else";
    ASSERT_TRUE(hand_over(user, folder_.string()));
    ASSERT_TRUE(aio::block_on(run(shell("id -u; id -G"), user, 20s, never_)));
    EXPECT_EQ(logged(), "65534\n65534\n");
}

TEST_F(process_test, behind_a_closed_folder_an_engine_may_read_and_not_write) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
    if (prctl(PR_CAPBSET_READ, CAP_DAC_READ_SEARCH) != 1) GTEST_SKIP() << "no such right to give";
    std::filesystem::permissions(folder_, std::filesystem::perms(0700));
    const auto home = folder_ / "home";
    std::filesystem::create_directory(home);
    std::ofstream(folder_ / "others") << "kept";
    const auto user = choose_user(home.string());
    EXPECT_TRUE(user.needs_search_right);
    ASSERT_TRUE(hand_over(user, home.string()));
    auto what = shell("cat ../others; echo > mine; echo broken > ../others; true");
    what.folder = home.string();
    ASSERT_TRUE(aio::block_on(run(what, user, 20s, never_)));
    EXPECT_TRUE(std::filesystem::exists(home / "mine"));
    std::string kept;
    std::ifstream(folder_ / "others") >> kept;
    EXPECT_EQ(kept, "kept");
    EXPECT_TRUE(logged().starts_with("kept")) << logged();
}

}  // namespace
}  // namespace runtime
