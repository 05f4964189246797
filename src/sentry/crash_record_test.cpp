#include "sentry/crash_record.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace {

class crash_record : public testing::Test {
  public:
    crash_record() {
        folder_ = std::filesystem::path(testing::TempDir()) /
                  ("dbaas-crash-" + std::to_string(getpid()) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder_);
        path_ = sentry::crash_record_path(folder_.string());
    }
    ~crash_record() override { std::filesystem::remove_all(folder_); }

  protected:
    std::filesystem::path folder_;
    std::string path_;
};

TEST_F(crash_record, holds_the_address_of_a_fault_and_the_callers) {
    constexpr std::size_t page_bytes = 4096;
    void* const page = ::mmap(nullptr, page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(page, MAP_FAILED);
    const auto crash = [this, page] {
        sentry::install_crash_handler(path_, "1.2.3");
        *static_cast<volatile int*>(page) = 1;
    };
    EXPECT_EXIT(crash(), testing::KilledBySignal(SIGSEGV), "");
    const auto record = sentry::take_crash_record(path_);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->signal_name, "SIGSEGV");
    EXPECT_EQ(record->version, "1.2.3");
    EXPECT_EQ(record->fault_address, reinterpret_cast<std::uintptr_t>(page));
    EXPECT_GT(record->frames.size(), 2U);
    EXPECT_TRUE(sentry::frames_text(*record).starts_with("0x"));
    EXPECT_GT(record->time.time_since_epoch().count(), 0);
    EXPECT_FALSE(std::filesystem::exists(path_));
    EXPECT_FALSE(sentry::take_crash_record(path_));
}

TEST_F(crash_record, is_written_for_each_signal_and_ends_the_process_with_it) {
    for (const int signal : {SIGABRT, SIGBUS, SIGILL, SIGFPE}) {
        const auto crash = [&] {
            sentry::install_crash_handler(path_, "1");
            std::raise(signal);
        };
        EXPECT_EXIT(crash(), testing::KilledBySignal(signal), "");
        const auto record = sentry::take_crash_record(path_);
        ASSERT_TRUE(record) << signal;
        EXPECT_EQ(record->signal, signal);
        EXPECT_EQ(record->fault_address, 0U);
    }
}

TEST_F(crash_record, keeps_the_first_of_two_crashes) {
    const auto crash = [this](int signal) {
        sentry::install_crash_handler(path_, "1");
        std::raise(signal);
    };
    EXPECT_EXIT(crash(SIGBUS), testing::KilledBySignal(SIGBUS), "");
    EXPECT_EXIT(crash(SIGFPE), testing::KilledBySignal(SIGFPE), "");
    EXPECT_EQ(sentry::take_crash_record(path_)->signal_name, "SIGBUS");
    struct stat status{};
    EXPECT_NE(::stat(path_.c_str(), &status), 0);
}

TEST_F(crash_record, is_read_from_an_own_regular_file_alone) {
    std::ofstream(folder_ / "other") << "dbaas-crash 1\nsignal 11\n";
    std::filesystem::create_symlink(folder_ / "other", path_);
    EXPECT_FALSE(sentry::take_crash_record(path_));
    EXPECT_TRUE(std::filesystem::exists(folder_ / "other"));
    std::filesystem::rename(folder_ / "other", path_);
    EXPECT_EQ(sentry::take_crash_record(path_)->signal_name, "SIGSEGV");
}

TEST_F(crash_record, is_in_the_temporary_folder_if_the_data_folder_is_not_writable) {
    const auto path = sentry::crash_record_path("/proc/none");
    EXPECT_FALSE(path.starts_with("/proc")) << path;
    EXPECT_TRUE(path.contains("dbaas-crash-record-"));
}

TEST_F(crash_record, rejects_other_texts) {
    for (const std::string_view text :
         {"", "dbaas-crash 1\n", "dbaas-crash 2\nsignal 11\n", "signal 11\n",
          "dbaas-crash 1\nsignal 9\n", "dbaas-crash 1\nsignal 11\nframe x\n",
          "dbaas-crash 1\nsignal 11\nversion a b\n"}) {
        EXPECT_FALSE(sentry::parse_crash_record(text)) << text;
    }
    EXPECT_TRUE(sentry::parse_crash_record("dbaas-crash 1\nsignal 11\nlater_member 1f\n"));
}

}  // namespace
