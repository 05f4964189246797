#include "sqlite/store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "sqlite/sqlite_connection.hpp"
#include "test/support/document_archive_contract.hpp"
#include "test/support/document_store_contract_load.hpp"

namespace {

class temporary_folder {
  public:
    temporary_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "dbaas-store-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~temporary_folder() { std::filesystem::remove_all(path_); }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    [[nodiscard]] std::string file() const { return (path_ / "store.db").string(); }

  private:
    std::filesystem::path path_;
};

obs::registry& registry() {
    static obs::registry all;
    return all;
}

base::outcome<std::unique_ptr<ports::document_archive>> open(const std::string& path) {
    return sqlite::open_store({.path = path}, obs::null_log(), registry());
}

// A store with its own folder, for the contract suite.
class store_in_folder final : public ports::document_archive {
  public:
    store_in_folder() : store_(std::move(*open(folder_.file()))) {}
    aio::task<ports::revision> put(ports::put_request request) override {
        return store_->put(std::move(request));
    }
    aio::task<std::vector<base::outcome<ports::revision>>> put_bulk(
        std::vector<ports::put_request> requests) override {
        return store_->put_bulk(std::move(requests));
    }
    aio::task<ports::document> get(std::string collection, std::string id) override {
        return store_->get(std::move(collection), std::move(id));
    }
    aio::task<ports::page> find(ports::page_request request) override {
        return store_->find(std::move(request));
    }
    aio::task<ports::revision_page> revisions(std::string collection, std::string after,
                                              std::size_t limit) override {
        return store_->revisions(std::move(collection), std::move(after), limit);
    }
    aio::task<void> remove(ports::delete_request request) override {
        return store_->remove(std::move(request));
    }
    aio::task<std::vector<std::string>> collections() override { return store_->collections(); }
    aio::task<void> restore(std::string collection,
                            std::vector<ports::document> documents) override {
        return store_->restore(std::move(collection), std::move(documents));
    }
    [[nodiscard]] bool is_connected() const noexcept override { return store_->is_connected(); }
    aio::task<void> close() override { return store_->close(); }

  private:
    temporary_folder folder_;
    std::unique_ptr<ports::document_archive> store_;
};

ports::put_request put_of(std::string id, std::string body) {
    return {.collection = "things", .content = {.id = std::move(id), .body = std::move(body)}};
}

TEST(sqlite_store, keeps_acknowledged_writes_after_kill_9) {
    const temporary_folder folder;
    for (int round = 0; round < 5; ++round) {
        int channel[2];
        ASSERT_EQ(pipe(channel), 0);
        const pid_t child = fork();
        if (child == 0) {  // prints each id after its write was acknowledged
            auto store = open(folder.file());
            if (!store) _exit(1);
            for (int number = 0;; ++number) {
                const auto id = std::to_string(round) + "-" + std::to_string(number);
                if (!aio::block_on((*store)->put(put_of(id, std::string(500, 'x'))))) _exit(2);
                const auto line = id + "\n";
                if (write(channel[1], line.data(), line.size()) < 0) _exit(3);
            }
        }
        close(channel[1]);
        std::string acknowledged;
        char bytes[256];
        while (std::ranges::count(acknowledged, '\n') < 20 + round * 13) {
            const auto size = read(channel[0], bytes, sizeof bytes);
            ASSERT_GT(size, 0);
            acknowledged.append(bytes, static_cast<std::size_t>(size));
        }
        kill(child, SIGKILL);
        ssize_t size = 0;
        while ((size = read(channel[0], bytes, sizeof bytes)) > 0) {
            acknowledged.append(bytes, static_cast<std::size_t>(size));
        }
        close(channel[0]);
        waitpid(child, nullptr, 0);
        auto store = open(folder.file());
        ASSERT_TRUE(store) << store.error().text;
        std::size_t start = 0;
        while (true) {
            const auto end = acknowledged.find('\n', start);
            if (end == std::string::npos) break;
            const auto id = acknowledged.substr(start, end - start);
            EXPECT_TRUE(aio::block_on((*store)->get("things", id))) << id;
            start = end + 1;
        }
    }
}

TEST(sqlite_store, keeps_documents_after_a_restart_and_restricts_file_access) {
    const temporary_folder folder;
    {
        auto store = open(folder.file());
        ASSERT_TRUE(store);
        auto request = put_of("a", std::string("with\0zero", 9));
        request.content.index = {{"project", "shop"}};
        request.content.unique = {{"name", "shop/a"}};
        EXPECT_EQ(aio::block_on((*store)->put(request)).value(), 1);
        EXPECT_TRUE(aio::block_on((*store)->close()));
    }
    struct stat info{};
    ASSERT_EQ(stat(folder.file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    auto store = open(folder.file());
    const auto document = aio::block_on((*store)->get("things", "a"));
    EXPECT_EQ(document->body, std::string("with\0zero", 9));
    EXPECT_EQ(document->index.at("project"), "shop");
    EXPECT_EQ(document->unique.at("name"), "shop/a");
    EXPECT_EQ(document->revision, 1);
}

TEST(sqlite_store, rejects_a_second_store_on_the_same_file) {
    const temporary_folder folder;
    const auto first = open(folder.file());
    ASSERT_TRUE(first);
    const auto second = open(folder.file());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::errc::conflict);
    EXPECT_EQ(second.error().reason, "locked");
    EXPECT_NE(second.error().text.find(folder.file()), std::string::npos);
}

TEST(sqlite_store, rejects_a_second_process_until_the_first_is_killed) {
    const temporary_folder folder;
    int channel[2];
    ASSERT_EQ(pipe(channel), 0);
    const pid_t child = fork();
    if (child == 0) {
        const auto store = open(folder.file());
        if (!store || write(channel[1], "1", 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    close(channel[1]);
    char byte = 0;
    ASSERT_EQ(read(channel[0], &byte, 1), 1) << "the child must open the store";
    close(channel[0]);
    const auto second = open(folder.file());
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::errc::conflict);
    EXPECT_NE(second.error().text.find("is locked by another process"), std::string::npos);
    EXPECT_TRUE(open(folder.file())) << "the kernel releases the lock of a killed process";
}

// Changes the file on another connection, without the lock.
base::outcome<void> execute_outside(const std::string& path, const char* sql) {
    auto file = sqlite::database::open(path, false);
    if (!file) return base::pass(std::move(file));
    return file->execute(sql);
}

std::unique_ptr<ports::document_store> open_with_short_probe_period(const std::string& path) {
    auto store = sqlite::open_store({.path = path, .probe_period = std::chrono::milliseconds(1)},
                                    obs::null_log(), registry());
    EXPECT_TRUE(store) << store.error().text;
    return store ? std::move(*store) : nullptr;
}

void wait_until_connected(const ports::document_store& store) {
    while (!store.is_connected()) std::this_thread::yield();
}

TEST(sqlite_store, recovers_from_a_failed_read_without_a_write) {
    const temporary_folder folder;
    const auto store = open_with_short_probe_period(folder.file());
    ASSERT_TRUE(aio::block_on(store->put(put_of("a", "1"))));
    for (const std::string table : {"document", "unique_value"}) {
        ASSERT_TRUE(
            execute_outside(folder.file(), ("ALTER TABLE " + table + " RENAME TO away").c_str()));
        const auto failed = aio::block_on(store->get("things", "a"));
        ASSERT_FALSE(failed) << table;
        EXPECT_EQ(failed.error().code, base::errc::unavailable);
        EXPECT_FALSE(store->is_connected())
            << "a successful write alone must not end a read failure";
        ASSERT_TRUE(
            execute_outside(folder.file(), ("ALTER TABLE away RENAME TO " + table).c_str()));
        wait_until_connected(*store);
        EXPECT_TRUE(aio::block_on(store->get("things", "a")));
    }
}

TEST(sqlite_store, recovers_from_a_failed_write) {
    const temporary_folder folder;
    const auto store = open_with_short_probe_period(folder.file());
    ASSERT_TRUE(execute_outside(folder.file(), "ALTER TABLE document RENAME TO away"));
    EXPECT_EQ(aio::block_on(store->put(put_of("a", "1"))).error().code, base::errc::unavailable);
    ASSERT_TRUE(execute_outside(folder.file(), "ALTER TABLE away RENAME TO document"));
    wait_until_connected(*store);
    EXPECT_TRUE(aio::block_on(store->put(put_of("a", "1"))));
}

TEST(sqlite_store, reports_a_corrupt_file_as_unavailable) {
    const temporary_folder folder;
    {
        const auto store = open_with_short_probe_period(folder.file());
        ASSERT_TRUE(aio::block_on(store->put(put_of("a", "1"))));
    }
    {
        constexpr std::size_t first_page = 4096;  // with the schema
        std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(first_page);
        file << std::string(std::filesystem::file_size(folder.file()) - first_page, 'z');
    }
    const auto store = open_with_short_probe_period(folder.file());
    const auto unread = aio::block_on(store->get("things", "a"));
    EXPECT_EQ(unread.error().code, base::errc::unavailable) << unread.error().text;
    EXPECT_EQ(unread.error().reason, "corrupt");
    const auto unwritten = aio::block_on(store->put(put_of("b", "1")));
    EXPECT_EQ(unwritten.error().code, base::errc::unavailable) << unwritten.error().text;
    EXPECT_EQ(unwritten.error().reason, "corrupt");
    EXPECT_FALSE(store->is_connected());
}

TEST(sqlite_store, stays_connected_when_its_queue_is_full) {
    const temporary_folder folder;
    const auto store =
        sqlite::open_store({.path = folder.file(), .queue_max = 0}, obs::null_log(), registry());
    ASSERT_TRUE(store);
    for (const auto& error : {aio::block_on((*store)->get("things", "a")).error(),
                              aio::block_on((*store)->put(put_of("a", "1"))).error()}) {
        EXPECT_EQ(error.code, base::errc::unavailable);
        EXPECT_EQ(error.cause, ports::store_cause::queue_full);
    }
    EXPECT_TRUE((*store)->is_connected());
}

TEST(sqlite_store, rejects_files_with_an_unknown_schema_version) {
    const temporary_folder folder;
    ASSERT_TRUE(open(folder.file()));
    ASSERT_TRUE(open(folder.file())) << "the current version";
    for (const auto* version : {"PRAGMA user_version = 999", "PRAGMA user_version = -1"}) {
        ASSERT_TRUE(execute_outside(folder.file(), version));
        EXPECT_EQ(open(folder.file()).error().code, base::errc::unsupported) << version;
    }
    ASSERT_TRUE(execute_outside(folder.file(), "PRAGMA user_version = 0"));
    EXPECT_FALSE(open(folder.file())) << "the tables already exist";
    EXPECT_FALSE(open(folder.file())) << "the failed migration changed nothing";
}

TEST(sqlite_store, rejects_files_that_are_not_databases) {
    const temporary_folder folder;
    EXPECT_EQ(open("/nonexistent/folder/store.db").error().code, base::errc::unavailable);
    {
        auto* file = std::fopen(folder.file().c_str(), "w");
        std::fputs(std::string(4096, 'z').c_str(), file);
        std::fclose(file);
    }
    EXPECT_EQ(open(folder.file()).error().code, base::errc::corrupt);
}

}  // namespace

namespace fakes {
INSTANTIATE_TEST_SUITE_P(sqlite, document_archive_contract,
                         ::testing::Values([] { return std::make_unique<store_in_folder>(); }));
INSTANTIATE_TEST_SUITE_P(sqlite, document_store_contract,
                         ::testing::Values([] { return std::make_unique<store_in_folder>(); }));
}  // namespace fakes
