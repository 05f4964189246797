#include "sqlite/sqlite_connection.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

namespace sqlite {
namespace {

using base::errc;

base::failure failure_of(sqlite3* handle) {
    const int code = sqlite3_extended_errcode(handle);
    const auto text = fmt::format("SQLite: {} ({})", sqlite3_errmsg(handle), code);
    switch (code & 0xff) {
        case SQLITE_CONSTRAINT:
            return {errc::conflict, text};
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return {errc::corrupt, text};
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return {errc::unavailable, text, "busy"};
        case SQLITE_TOOBIG:
            return {errc::limit, text};
        default:
            return {errc::unavailable, text};
    }
}

}  // namespace

void statement::finalizer::operator()(sqlite3_stmt* handle) const noexcept {
    sqlite3_finalize(handle);
}

void statement::bind(int index, std::string_view text) {
    // A blob keeps every byte. An empty blob must not become NULL.
    sqlite3_bind_blob64(handle_.get(), index, text.empty() ? "" : text.data(), text.size(),
                        SQLITE_STATIC);
}

void statement::bind(int index, std::int64_t value) {
    sqlite3_bind_int64(handle_.get(), index, value);
}

base::outcome<bool> statement::step() {
    const int status = sqlite3_step(handle_.get());
    if (status == SQLITE_ROW) return true;
    if (status == SQLITE_DONE) return false;
    return std::unexpected(failure_of(sqlite3_db_handle(handle_.get())));
}

base::outcome<void> statement::run() {
    auto stepped = step();
    reset();
    if (!stepped) return base::pass(std::move(stepped));
    return {};
}

void statement::reset() noexcept {
    sqlite3_reset(handle_.get());
    sqlite3_clear_bindings(handle_.get());
}

std::string statement::text(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column));
    return bytes == nullptr ? std::string() : std::string(bytes, size);
}

std::int64_t statement::integer(int column) const {
    return sqlite3_column_int64(handle_.get(), column);
}

void database::closer::operator()(sqlite3* handle) const noexcept {
    sqlite3_close_v2(handle);
}

base::outcome<database> database::open(const std::string& path, bool read_only) {
    sqlite3* handle = nullptr;
    const int flags =
        (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
        SQLITE_OPEN_NOMUTEX;
    const int status = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    database connection;
    connection.handle_.reset(handle);
    if (status != SQLITE_OK) {
        auto error = handle == nullptr ? base::failure{errc::unavailable, "SQLite: out of memory"}
                                       : failure_of(handle);
        return std::unexpected(std::move(error).in(fmt::format("'{}'", path)));
    }
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, 5000);
    return connection;
}

base::outcome<void> database::execute(const char* sql) {
    if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
    return std::unexpected(failure_of(handle_.get()));
}

base::outcome<statement> database::prepare(std::string_view sql) {
    sqlite3_stmt* prepared = nullptr;
    const int status = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (status != SQLITE_OK) return std::unexpected(failure_of(handle_.get()));
    return statement(prepared);
}

int database::changes() const noexcept {
    return sqlite3_changes(handle_.get());
}

}  // namespace sqlite
