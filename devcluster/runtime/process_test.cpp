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
  public:
    process_test() { std::filesystem::create_directory(folder_); }
    ~process_test() override { std::filesystem::remove_all(folder_); }

  protected:
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
                                  std::chrono::milliseconds timeout = 20s) {
        return aio::block_on(run(shell(script), {}, timeout, never_));
    }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / base::random_id("runtime-");
    bool never_ = false;
};

// True if the process exists and is not a zombie.
bool is_running(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string word;
    for (int index = 0; index < 3 && file >> word; ++index) {
    }
    return file && word != "Z";
}

TEST_F(process_test, runs_a_program_to_its_end) {
    const auto done = run_shell("echo hello");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(logged(), "hello\n");
}

TEST_F(process_test, reports_status_and_last_line_of_a_failure) {
    const auto failed = run_shell("echo first; echo the disk is full >&2; exit 3");
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, errc::unavailable);
    EXPECT_EQ(failed.error().text, "/bin/sh ended with 3: the disk is full");
}

TEST_F(process_test, reports_a_missing_program_as_not_found) {
    const auto started = spawn({.program = "/nonexistent/engine"}, {});
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, errc::not_found);
}

TEST_F(process_test, kills_a_program_after_the_timeout) {
    const auto late = run_shell("echo $$ > pid; exec sleep 100", 150ms);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, errc::timed_out);
    pid_t pid = 0;
    std::ifstream(folder_ / "pid") >> pid;
    ASSERT_GT(pid, 0);
    EXPECT_FALSE(is_running(pid));
}

TEST_F(process_test, cancels_a_program_when_stopping) {
    const bool is_stopping = true;
    const auto cut = aio::block_on(run(shell("exec sleep 100"), {}, 100s, is_stopping));
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, errc::cancelled);
}

TEST_F(process_test, passes_the_given_environment_only) {
    // NOLINTBEGIN(concurrency-mt-unsafe): the test has one thread
    setenv("SECRET_OF_THE_PARENT", "x", 1);
    auto spec = shell("env | sort");
    spec.environment = {{"GIVEN", "yes"}};
    ASSERT_TRUE(aio::block_on(run(spec, {}, 20s, never_)));
    unsetenv("SECRET_OF_THE_PARENT");
    // NOLINTEND(concurrency-mt-unsafe)
    const auto text = logged();
    EXPECT_NE(text.find("GIVEN=yes\n"), std::string::npos);
    EXPECT_NE(text.find("HOME=" + folder_.string()), std::string::npos);
    EXPECT_EQ(text.find("SECRET_OF_THE_PARENT"), std::string::npos);
}

TEST_F(process_test, passes_no_open_files) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);  // without close-on-exec, as Asio opens its sockets
    // A child lists the files, so that its folder handle is not in the list.
    EXPECT_TRUE(run_shell("ls /proc/$$/fd; true"));
    EXPECT_EQ(logged(), "0\n1\n2\n");
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_F(process_test, reports_a_signal_as_a_negative_status) {
    auto started = spawn(shell("kill -9 $$"), {});
    ASSERT_TRUE(started);
    const auto status = aio::block_on((*started)->ended());
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, -SIGKILL);
    EXPECT_FALSE((*started)->is_alive());
    EXPECT_FALSE((*started)->signal(SIGTERM));
}

TEST_F(process_test, kills_a_program_that_ignores_the_stop_signal) {
    auto started = spawn(shell("trap '' TERM; echo ready; while :; do sleep 0.05; done"), {});
    ASSERT_TRUE(started);
    const auto pid = (*started)->pid();
    ASSERT_TRUE(aio::block_on((*started)->stop(SIGTERM, 100ms)));
    EXPECT_FALSE(is_running(pid));
}

TEST_F(process_test, kills_the_children_of_a_program) {
    auto started = spawn(shell("sleep 100 & echo $! > child; exit 0"), {});
    ASSERT_TRUE(started);
    ASSERT_TRUE(aio::block_on((*started)->ended()));
    pid_t child = 0;
    std::ifstream(folder_ / "child") >> child;
    ASSERT_GT(child, 0);
    for (int turn = 0; turn < 200 && is_running(child); ++turn) {
        ASSERT_TRUE(aio::block_on(aio::sleep_for(10ms)));
    }
    EXPECT_FALSE(is_running(child));
}

TEST_F(process_test, kills_the_programs_of_a_folder_only) {
    const auto data = folder_ / "data";
    std::filesystem::create_directories(data / "base");
    auto sleeper = shell("exec sleep 100");
    auto neighbor = spawn(sleeper, {});
    sleeper.folder = (data / "base").string();
    auto engine = spawn(sleeper, {});
    ASSERT_TRUE(neighbor && engine);
    // The shell runs first: waits until both have executed the program of the folder.
    const auto program = std::filesystem::canonical("/bin/sleep");
    const auto runs = [&](process& each) {
        return std::filesystem::read_symlink(fmt::format("/proc/{}/exe", each.pid())) == program;
    };
    for (int turn = 0; turn < 20'000 && !(runs(**neighbor) && runs(**engine)); ++turn) {
        ASSERT_TRUE(aio::block_on(aio::sleep_for(1ms)));
    }
    ASSERT_TRUE(runs(**neighbor) && runs(**engine));
    const work_folder sleepers{.program = "/bin/sleep", .folder = data.string()};
    EXPECT_EQ(kill_processes({"/bin/cat", data.string()}, {}), 0U);
    EXPECT_EQ(kill_processes(sleepers, {.is_other = true, .uid = geteuid() + 1}), 0U);
    EXPECT_EQ(kill_processes(sleepers, {}), 1U);
    const auto status = aio::block_on((*engine)->ended());
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, -SIGKILL);
    EXPECT_EQ(kill_processes(sleepers, {}), 0U);
    EXPECT_TRUE((*neighbor)->is_alive());
    EXPECT_EQ(kill_processes({"/bin/sleep", (folder_ / "missing").string()}, {}), 0U);
}

TEST_F(process_test, truncates_a_large_log_and_keeps_one_copy) {
    std::ofstream(log()) << std::string(1000, 'x');
    bound_log(log(), 2000);
    EXPECT_EQ(std::filesystem::file_size(log()), 1000U);
    bound_log(log(), 999);
    EXPECT_EQ(std::filesystem::file_size(log()), 0U);
    EXPECT_EQ(std::filesystem::file_size(log() + ".old"), 1000U);
}

TEST_F(process_test, root_runs_engines_as_another_user) {
    const auto user = choose_user(folder_.string());
    EXPECT_EQ(user.is_other, geteuid() == 0);
    if (!user.is_other) GTEST_SKIP() << "only root can change the user";
    ASSERT_TRUE(change_owner(user, folder_.string()));
    ASSERT_TRUE(aio::block_on(run(shell("id -u; id -G"), user, 20s, never_)));
    EXPECT_EQ(logged(), "65534\n65534\n");
}

TEST_F(process_test, an_engine_may_enter_a_closed_folder_but_not_write) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can change the user";
    if (prctl(PR_CAPBSET_READ, CAP_DAC_READ_SEARCH) != 1) GTEST_SKIP() << "no such right to give";
    std::filesystem::permissions(folder_, std::filesystem::perms(0700));
    const auto home_folder = folder_ / "home";
    std::filesystem::create_directory(home_folder);
    std::ofstream(folder_ / "others") << "kept";
    const auto user = choose_user(home_folder.string());
    EXPECT_TRUE(user.needs_search_capability);
    ASSERT_TRUE(change_owner(user, home_folder.string()));
    auto spec = shell("cat ../others; echo > mine; echo broken > ../others; true");
    spec.folder = home_folder.string();
    ASSERT_TRUE(aio::block_on(run(spec, user, 20s, never_)));
    EXPECT_TRUE(std::filesystem::exists(home_folder / "mine"));
    std::string content;
    std::ifstream(folder_ / "others") >> content;
    EXPECT_EQ(content, "kept");
    EXPECT_TRUE(logged().starts_with("kept")) << logged();
}

}  // namespace
}  // namespace runtime
