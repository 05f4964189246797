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
#include "test/support/document_store_contract.hpp"

namespace {

class folder {
  public:
    folder() {
        std::string name = (std::filesystem::temp_directory_path() / "dbaas-store-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~folder() { std::filesystem::remove_all(path_); }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    [[nodiscard]] std::string file() const { return (path_ / "store.db").string(); }

  private:
    std::filesystem::path path_;
};

obs::registry& registry() {
    static obs::registry all;
    return all;
}

base::outcome<std::unique_ptr<ports::document_store>> open(const std::string& path) {
    return sqlite::open_store({.path = path}, obs::null_log(), registry());
}

// A store with a folder of its own, for the contract suite.
class housed_store final : public ports::document_store {
  public:
    housed_store() : store_(std::move(*open(folder_.file()))) {}
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
    [[nodiscard]] bool is_connected() const noexcept override { return store_->is_connected(); }
    aio::task<void> close() override { return store_->close(); }

  private:
    folder folder_;
    std::unique_ptr<ports::document_store> store_;
};

ports::put_request put_of(std::string id, std::string body) {
    return {.collection = "things", .content = {.id = std::move(id), .body = std::move(body)}};
}

TEST(sqlite_store, keeps_what_was_answered_when_it_is_killed) {
    const folder home;
    for (int round = 0; round < 5; ++round) {
        int channel[2];
        ASSERT_EQ(pipe(channel), 0);
        const pid_t child = fork();
        if (child == 0) {  // writes ids as they are answered until it is killed
            auto store = open(home.file());
            if (!store) _exit(1);
            for (int number = 0;; ++number) {
                const auto id = std::to_string(round) + "-" + std::to_string(number);
                if (!aio::block_on((*store)->put(put_of(id, std::string(500, 'x'))))) _exit(2);
                const auto line = id + "\n";
                if (write(channel[1], line.data(), line.size()) < 0) _exit(3);
            }
        }
        close(channel[1]);
        std::string answered;
        char bytes[256];
        while (std::ranges::count(answered, '\n') < 20 + round * 13) {
            const auto size = read(channel[0], bytes, sizeof bytes);
            ASSERT_GT(size, 0);
            answered.append(bytes, static_cast<std::size_t>(size));
        }
        kill(child, SIGKILL);
        ssize_t size = 0;
        while ((size = read(channel[0], bytes, sizeof bytes)) > 0) {
            answered.append(bytes, static_cast<std::size_t>(size));
        }
        close(channel[0]);
        waitpid(child, nullptr, 0);
        auto store = open(home.file());
        ASSERT_TRUE(store) << store.error().text;
        std::size_t at = 0;
        while (true) {
            const auto end = answered.find('\n', at);
            if (end == std::string::npos) break;
            const auto id = answered.substr(at, end - at);
            EXPECT_TRUE(aio::block_on((*store)->get("things", id))) << id;
            at = end + 1;
        }
    }
}

TEST(sqlite_store, outlives_a_restart_and_is_private) {
    const folder home;
    {
        auto store = open(home.file());
        ASSERT_TRUE(store);
        auto request = put_of("a", std::string("with\0zero", 9));
        request.content.index = {{"project", "shop"}};
        request.content.unique = {{"name", "shop/a"}};
        EXPECT_EQ(aio::block_on((*store)->put(request)).value(), 1);
        EXPECT_TRUE(aio::block_on((*store)->close()));
    }
    struct stat info{};
    ASSERT_EQ(stat(home.file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    auto store = open(home.file());
    const auto found = aio::block_on((*store)->get("things", "a"));
    EXPECT_EQ(found->body, std::string("with\0zero", 9));
    EXPECT_EQ(found->index.at("project"), "shop");
    EXPECT_EQ(found->unique.at("name"), "shop/a");
    EXPECT_EQ(found->revision, 1);
}

TEST(sqlite_store, belongs_to_one_process) {
    const folder home;
    const auto first = open(home.file());
    ASSERT_TRUE(first);
    const auto second = open(home.file());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::errc::conflict);
    EXPECT_NE(second.error().text.find(home.file()), std::string::npos);
}

// Somebody else at the same file, past our lock.
base::outcome<void> meddle(const std::string& path, const char* sql) {
    auto file = sqlite::database::open(path, false);
    if (!file) return base::pass(std::move(file));
    return file->execute(sql);
}

std::unique_ptr<ports::document_store> open_impatient(const std::string& path) {
    auto store = sqlite::open_store({.path = path, .probe_period = std::chrono::milliseconds(1)},
                                    obs::null_log(), registry());
    EXPECT_TRUE(store) << store.error().text;
    return store ? std::move(*store) : nullptr;
}

void wait_until_connected(const ports::document_store& store) {
    while (!store.is_connected()) std::this_thread::yield();
}

TEST(sqlite_store, is_connected_again_after_a_read_that_failed_without_any_write) {
    const folder home;
    const auto store = open_impatient(home.file());
    ASSERT_TRUE(aio::block_on(store->put(put_of("a", "1"))));
    for (const std::string table : {"document", "unique_value"}) {
        ASSERT_TRUE(meddle(home.file(), ("ALTER TABLE " + table + " RENAME TO away").c_str()));
        const auto failed = aio::block_on(store->get("things", "a"));
        ASSERT_FALSE(failed) << table;
        EXPECT_EQ(failed.error().code, base::errc::unavailable);
        EXPECT_FALSE(store->is_connected()) << "what cannot be read is not tried by writing alone";
        ASSERT_TRUE(meddle(home.file(), ("ALTER TABLE away RENAME TO " + table).c_str()));
        wait_until_connected(*store);
        EXPECT_TRUE(aio::block_on(store->get("things", "a")));
    }
}

TEST(sqlite_store, is_connected_again_after_a_write_that_failed) {
    const folder home;
    const auto store = open_impatient(home.file());
    ASSERT_TRUE(meddle(home.file(), "ALTER TABLE document RENAME TO away"));
    EXPECT_EQ(aio::block_on(store->put(put_of("a", "1"))).error().code, base::errc::unavailable);
    ASSERT_TRUE(meddle(home.file(), "ALTER TABLE away RENAME TO document"));
    wait_until_connected(*store);
    EXPECT_TRUE(aio::block_on(store->put(put_of("a", "1"))));
}

TEST(sqlite_store, says_unavailable_of_a_file_that_was_spoilt) {
    const folder home;
    {
        const auto store = open_impatient(home.file());
        ASSERT_TRUE(aio::block_on(store->put(put_of("a", "1"))));
    }
    {
        constexpr std::size_t first_page = 4096;  // with the schema
        std::fstream file(home.file(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(first_page);
        file << std::string(std::filesystem::file_size(home.file()) - first_page, 'z');
    }
    const auto store = open_impatient(home.file());
    const auto unread = aio::block_on(store->get("things", "a"));
    EXPECT_EQ(unread.error().code, base::errc::unavailable) << unread.error().text;
    EXPECT_EQ(unread.error().reason, "corrupt");
    const auto unwritten = aio::block_on(store->put(put_of("b", "1")));
    EXPECT_EQ(unwritten.error().code, base::errc::unavailable) << unwritten.error().text;
    EXPECT_EQ(unwritten.error().reason, "corrupt");
    EXPECT_FALSE(store->is_connected());
}

TEST(sqlite_store, that_is_asked_too_much_is_in_no_trouble) {
    const folder home;
    const auto store =
        sqlite::open_store({.path = home.file(), .queue_max = 0}, obs::null_log(), registry());
    ASSERT_TRUE(store);
    for (const auto& why : {aio::block_on((*store)->get("things", "a")).error(),
                            aio::block_on((*store)->put(put_of("a", "1"))).error()}) {
        EXPECT_EQ(why.code, base::errc::unavailable);
        EXPECT_EQ(why.reason, "queue_full");
    }
    EXPECT_TRUE((*store)->is_connected());
}

TEST(sqlite_store, refuses_files_of_other_versions_and_of_strangers) {
    const folder home;
    ASSERT_TRUE(open(home.file()));
    ASSERT_TRUE(open(home.file())) << "its own version";
    for (const auto* version : {"PRAGMA user_version = 999", "PRAGMA user_version = -1"}) {
        ASSERT_TRUE(meddle(home.file(), version));
        EXPECT_EQ(open(home.file()).error().code, base::errc::unsupported) << version;
    }
    ASSERT_TRUE(meddle(home.file(), "PRAGMA user_version = 0"));
    EXPECT_FALSE(open(home.file())) << "its tables are there already";
    EXPECT_FALSE(open(home.file())) << "the failed step left nothing behind";
}

TEST(sqlite_store, refuses_files_that_it_cannot_read) {
    const folder home;
    EXPECT_EQ(open("/nonexistent/folder/store.db").error().code, base::errc::unavailable);
    {
        auto* file = std::fopen(home.file().c_str(), "w");
        std::fputs(std::string(4096, 'z').c_str(), file);
        std::fclose(file);
    }
    EXPECT_EQ(open(home.file()).error().code, base::errc::corrupt);
}

}  // namespace

namespace fakes {
INSTANTIATE_TEST_SUITE_P(sqlite, document_store_contract,
                         ::testing::Values([] { return std::make_unique<housed_store>(); }));
}  // namespace fakes
