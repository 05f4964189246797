#pragma once
// The C interface of SQLite with owning types and outcomes. Private to sqlite. One thread per
// connection.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/failure.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace sqlite {

class statement {
  public:
    statement() = default;
    explicit statement(sqlite3_stmt* handle) : handle_(handle) {}

    // Parameters are numbered from 1. Bound text must stay valid until reset().
    void bind(int index, std::string_view text);
    void bind(int index, std::int64_t value);
    // Returns true if there is a row. Errors: conflict (constraint), corrupt, limit, unavailable
    // (/"busy": another connection has a lock).
    base::outcome<bool> step();
    // Executes a statement without rows. Errors: as step().
    base::outcome<void> run();
    void reset() noexcept;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] std::int64_t integer(int column) const;

  private:
    struct finalizer {
        void operator()(sqlite3_stmt* handle) const noexcept;
    };
    std::unique_ptr<sqlite3_stmt, finalizer> handle_;
};

class database {
  public:
    // Opens or creates the file. Errors: as open_store.
    static base::outcome<database> open(const std::string& path, bool read_only);

    base::outcome<void> execute(const char* sql);
    base::outcome<statement> prepare(std::string_view sql);
    [[nodiscard]] int changes() const noexcept;

  private:
    struct closer {
        void operator()(sqlite3* handle) const noexcept;
    };
    std::unique_ptr<sqlite3, closer> handle_;
};

}  // namespace sqlite
