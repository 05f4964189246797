#include "mongo/driver.hpp"

#include <mongoc/mongoc.h>

#include <algorithm>

#include "mongo/driver_library.hpp"
#include "mongo/mongo_url.hpp"

namespace mongo {
namespace {

using base::errc;
using base::fail;

template <class T, void (*Destroy)(T*)>
struct destroyer {
    void operator()(T* object) const noexcept { Destroy(object); }
};
using uri_owner = std::unique_ptr<mongoc_uri_t, destroyer<mongoc_uri_t, mongoc_uri_destroy>>;
using pool_owner = std::unique_ptr<mongoc_client_pool_t,
                                   destroyer<mongoc_client_pool_t, mongoc_client_pool_destroy>>;
using collection_owner =
    std::unique_ptr<mongoc_collection_t, destroyer<mongoc_collection_t, mongoc_collection_destroy>>;
using database_owner =
    std::unique_ptr<mongoc_database_t, destroyer<mongoc_database_t, mongoc_database_destroy>>;
using cursor_owner =
    std::unique_ptr<mongoc_cursor_t, destroyer<mongoc_cursor_t, mongoc_cursor_destroy>>;
using bulk_owner =
    std::unique_ptr<mongoc_bulk_operation_t,
                    destroyer<mongoc_bulk_operation_t, mongoc_bulk_operation_destroy>>;
using write_concern_owner =
    std::unique_ptr<mongoc_write_concern_t,
                    destroyer<mongoc_write_concern_t, mongoc_write_concern_destroy>>;
using read_concern_owner =
    std::unique_ptr<mongoc_read_concern_t,
                    destroyer<mongoc_read_concern_t, mongoc_read_concern_destroy>>;

// A response that the driver fills. The driver initializes it in every case.
class response {
  public:
    response() { bson_init(&bson_); }
    ~response() { bson_destroy(&bson_); }
    response(const response&) = delete;
    response& operator=(const response&) = delete;
    bson_t* out() noexcept {
        bson_destroy(&bson_);
        return &bson_;
    }
    [[nodiscard]] const bson_t* get() const noexcept { return &bson_; }
    [[nodiscard]] std::int64_t number(const char* key) const {
        bson_iter_t element;
        return bson_iter_init_find(&element, &bson_, key) ? bson_iter_as_int64(&element) : 0;
    }

  private:
    bson_t bson_{};
};

// A view of bytes that this module wrote.
class bson_view {
  public:
    explicit bson_view(std::string_view bytes) {
        const bool is_bson = bson_init_static(
            &bson_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        if (!is_bson) bson_init(&bson_);
    }
    [[nodiscard]] const bson_t* get() const noexcept { return &bson_; }

  private:
    bson_t bson_{};
};

std::string bytes_of(const bson_t* document) {
    return {reinterpret_cast<const char*>(bson_get_data(document)), document->len};
}

call_error error_of(const bson_error_t& error, const bson_t* reply) {
    return translate(
        {.is_from_server = error.domain == MONGOC_ERROR_SERVER,
         .domain = error.domain,
         .code = error.code,
         .text = error.message,
         .is_retryable = reply != nullptr && mongoc_error_has_label(reply, "RetryableWriteError")});
}

// Returns the errors in `writeErrors` of a bulk's response.
std::vector<std::pair<std::size_t, call_error>> write_errors_of(const bson_t* reply) {
    std::vector<std::pair<std::size_t, call_error>> errors;
    bson_iter_t array;
    bson_iter_t item;
    if (!bson_iter_init_find(&array, reply, "writeErrors") || !BSON_ITER_HOLDS_ARRAY(&array) ||
        !bson_iter_recurse(&array, &item)) {
        return errors;
    }
    while (bson_iter_next(&item)) {
        bson_iter_t field;
        if (!BSON_ITER_HOLDS_DOCUMENT(&item) || !bson_iter_recurse(&item, &field)) continue;
        std::int64_t index = 0;
        driver_error error{.is_from_server = true};
        while (bson_iter_next(&field)) {
            const std::string_view key = bson_iter_key(&field);
            if (key == "index") index = bson_iter_as_int64(&field);
            if (key == "code") error.code = static_cast<std::uint32_t>(bson_iter_as_int64(&field));
            if (key == "errmsg" && BSON_ITER_HOLDS_UTF8(&field)) {
                error.text = bson_iter_utf8(&field, nullptr);
            }
        }
        errors.emplace_back(static_cast<std::size_t>(index), translate(error));
    }
    return errors;
}

void set_default(mongoc_uri_t* uri, const char* option, std::int64_t value) {
    if (!mongoc_uri_has_option(uri, option)) {
        mongoc_uri_set_option_as_int32(uri, option, static_cast<std::int32_t>(value));
    }
}

// Adds the defaults to the URL and sets what the store relies on.
void complete(mongoc_uri_t* uri, const driver_options& options) {
    set_default(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, options.selection_timeout.count());
    set_default(uri, MONGOC_URI_CONNECTTIMEOUTMS, options.connect_timeout.count());
    set_default(uri, MONGOC_URI_SOCKETTIMEOUTMS, options.socket_timeout.count());
    set_default(uri, MONGOC_URI_MAXPOOLSIZE, options.connections_max);
    set_default(uri, MONGOC_URI_WAITQUEUETIMEOUTMS, options.selection_timeout.count());
    if (mongoc_uri_get_appname(uri) == nullptr) mongoc_uri_set_appname(uri, "kubedb-dbaas");
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, true);
    // The store repeats reads, because the driver repeats them after a timeout too.
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYREADS, false);
    const write_concern_owner writes(mongoc_write_concern_new());
    mongoc_write_concern_set_w(writes.get(), MONGOC_WRITE_CONCERN_W_MAJORITY);
    mongoc_write_concern_set_journal(writes.get(), true);
    // Shorter than the socket timeout, so that the server reports it first.
    const auto socket_timeout =
        mongoc_uri_get_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, 10'000);
    mongoc_write_concern_set_wtimeout_int64(writes.get(),
                                            std::max<std::int64_t>(1, socket_timeout / 5 * 4));
    mongoc_uri_set_write_concern(uri, writes.get());
    const read_concern_owner reads(mongoc_read_concern_new());
    mongoc_read_concern_set_level(reads.get(), MONGOC_READ_CONCERN_LEVEL_MAJORITY);
    mongoc_uri_set_read_concern(uri, reads.get());
    mongoc_read_prefs_t* primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
    mongoc_uri_set_read_prefs_t(uri, primary);
    mongoc_read_prefs_destroy(primary);
}

class pooled_driver final : public driver {
  public:
    pooled_driver(driver_options options, std::string database, pool_owner pool,
                  std::size_t connections_max)
        : options_(std::move(options)),
          database_(std::move(database)),
          connections_max_(connections_max),
          pool_(std::move(pool)) {}

    call_result<void> insert(const std::string& collection, std::string_view document) override {
        return timed<void>("insert", [&](mongoc_client_t* client) -> call_result<void> {
            const auto target = collection_of(client, collection);
            response reply;
            bson_error_t error{};
            if (!mongoc_collection_insert_one(target.get(), bson_view(document).get(), nullptr,
                                              reply.out(), &error)) {
                return std::unexpected(error_of(error, reply.get()));
            }
            return {};
        });
    }

    call_result<write_counts> replace(const std::string& collection, std::string_view filter,
                                      std::string_view document) override {
        return timed<write_counts>(
            "update", [&](mongoc_client_t* client) -> call_result<write_counts> {
                const auto target = collection_of(client, collection);
                response reply;
                bson_error_t error{};
                if (!mongoc_collection_replace_one(target.get(), bson_view(filter).get(),
                                                   bson_view(document).get(), nullptr, reply.out(),
                                                   &error)) {
                    return std::unexpected(error_of(error, reply.get()));
                }
                return write_counts{.matched = reply.number("matchedCount")};
            });
    }

    call_result<write_counts> erase(const std::string& collection,
                                    std::string_view filter) override {
        return timed<write_counts>(
            "delete", [&](mongoc_client_t* client) -> call_result<write_counts> {
                const auto target = collection_of(client, collection);
                response reply;
                bson_error_t error{};
                if (!mongoc_collection_delete_one(target.get(), bson_view(filter).get(), nullptr,
                                                  reply.out(), &error)) {
                    return std::unexpected(error_of(error, reply.get()));
                }
                return write_counts{.deleted = reply.number("deletedCount")};
            });
    }

    bulk_result bulk(const std::string& collection,
                     std::span<const bulk_statement> statements) override {
        bulk_result result;
        const auto outcome = timed<void>("bulk", [&](mongoc_client_t* client) -> call_result<void> {
            const auto target = collection_of(client, collection);
            bson_t options;
            bson_init(&options);
            BSON_APPEND_BOOL(&options, "ordered", false);
            const bulk_owner bulk(
                mongoc_collection_create_bulk_operation_with_opts(target.get(), &options));
            bson_destroy(&options);
            for (const auto& statement : statements) {
                bson_error_t error{};
                const bson_view document(statement.document);
                const bool is_added = statement.filter.empty()
                                          ? mongoc_bulk_operation_insert_with_opts(
                                                bulk.get(), document.get(), nullptr, &error)
                                          : mongoc_bulk_operation_replace_one_with_opts(
                                                bulk.get(), bson_view(statement.filter).get(),
                                                document.get(), nullptr, &error);
                if (!is_added) return std::unexpected(error_of(error, nullptr));
            }
            response reply;
            bson_error_t error{};
            const auto server = mongoc_bulk_operation_execute(bulk.get(), reply.out(), &error);
            result.counts = {.inserted = reply.number("nInserted"),
                             .matched = reply.number("nMatched")};
            result.errors = write_errors_of(reply.get());
            if (server == 0 && result.errors.empty()) {
                return std::unexpected(error_of(error, reply.get()));
            }
            return {};
        });
        if (!outcome) result.failure = outcome.error();
        return result;
    }

    call_result<std::vector<std::string>> find(const std::string& collection,
                                               std::string_view filter,
                                               std::string_view options) override {
        using documents = std::vector<std::string>;
        return timed<documents>("find", [&](mongoc_client_t* client) -> call_result<documents> {
            const auto target = collection_of(client, collection);
            const cursor_owner cursor(mongoc_collection_find_with_opts(
                target.get(), bson_view(filter).get(), bson_view(options).get(), nullptr));
            return all_of(cursor.get());
        });
    }

    call_result<std::string> command(std::string_view command_name,
                                     std::string_view command) override {
        return timed<std::string>(
            command_name, [&](mongoc_client_t* client) -> call_result<std::string> {
                response reply;
                bson_error_t error{};
                if (!mongoc_client_command_simple(client, database_.c_str(),
                                                  bson_view(command).get(), nullptr, reply.out(),
                                                  &error)) {
                    return std::unexpected(error_of(error, reply.get()));
                }
                return bytes_of(reply.get());
            });
    }

    call_result<std::vector<std::string>> collection_names() override {
        using names = std::vector<std::string>;
        return timed<names>("listCollections", [&](mongoc_client_t* client) -> call_result<names> {
            const database_owner database(mongoc_client_get_database(client, database_.c_str()));
            bson_error_t error{};
            char** list =
                mongoc_database_get_collection_names_with_opts(database.get(), nullptr, &error);
            if (list == nullptr) return std::unexpected(error_of(error, nullptr));
            names result;
            for (char** entry = list; *entry != nullptr; ++entry) result.emplace_back(*entry);
            bson_strfreev(list);
            return result;
        });
    }

    [[nodiscard]] std::size_t connections_max() const noexcept override { return connections_max_; }

  private:
    static call_result<std::vector<std::string>> all_of(mongoc_cursor_t* cursor) {
        std::vector<std::string> result;
        const bson_t* document = nullptr;
        while (mongoc_cursor_next(cursor, &document)) result.push_back(bytes_of(document));
        bson_error_t error{};
        if (mongoc_cursor_error(cursor, &error)) return std::unexpected(error_of(error, nullptr));
        return result;
    }

    collection_owner collection_of(mongoc_client_t* client, const std::string& name) const {
        return collection_owner(
            mongoc_client_get_collection(client, database_.c_str(), name.c_str()));
    }

    // Takes a connection from the pool and calls `work` with it.
    template <class T, class Work>
    call_result<T> timed(std::string_view command_name, Work&& work) {
        const auto start = std::chrono::steady_clock::now();
        mongoc_client_t* client = mongoc_client_pool_pop(pool_.get());
        auto result = [&]() -> call_result<T> {
            if (client == nullptr) {
                return std::unexpected(
                    call_error{.kind = error_kind::not_sent,
                               .text = "all connections of the pool are in use"});
            }
            auto value = std::forward<Work>(work)(client);
            mongoc_client_pool_push(pool_.get(), client);
            return value;
        }();
        if (!result) {
            result.error().text = without_credentials(std::move(result.error().text), options_.url);
        }
        if (options_.observe) {
            options_.observe(command_name, std::chrono::steady_clock::now() - start,
                             result ? std::nullopt : std::optional(result.error().kind));
        }
        return result;
    }

    driver_options options_;
    std::string database_;
    std::size_t connections_max_;
    pool_owner pool_;
};

}  // namespace

base::outcome<std::unique_ptr<driver>> make_driver(driver_options options) {
    start_driver_library();
    const auto facts = check_url(options.url);
    if (!facts) return base::pass(facts);
    bson_error_t error{};
    const uri_owner uri(mongoc_uri_new_with_error(options.url.reveal().c_str(), &error));
    complete(uri.get(), options);
    const auto connections_max =
        mongoc_uri_get_option_as_int32(uri.get(), MONGOC_URI_MAXPOOLSIZE, options.connections_max);
    pool_owner pool(mongoc_client_pool_new_with_error(uri.get(), &error));
    if (pool == nullptr) {
        const bool is_dns = error.domain == MONGOC_ERROR_STREAM;
        return fail(is_dns ? errc::unavailable : errc::unsupported,
                    without_credentials(error.message, options.url));
    }
    mongoc_client_pool_set_error_api(pool.get(), MONGOC_ERROR_API_VERSION_2);
    return std::make_unique<pooled_driver>(std::move(options), facts->database, std::move(pool),
                                           static_cast<std::size_t>(connections_max));
}

}  // namespace mongo
