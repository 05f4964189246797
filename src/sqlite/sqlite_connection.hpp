#pragma once
// SQLite's C interface with owners and outcomes. Inside sqlite only; one connection, one thread.

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
    explicit statement(sqlite3_stmt* owned) : handle_(owned) {}

    // Parameters are numbered from 1; bound text must live until reset().
    void bind(int index, std::string_view text);
    void bind(int index, std::int64_t value);
    // True: a row is there. Failures as failure_of().
    base::outcome<bool> step();
    // For statements without rows.
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
    // Failures: see open_store.
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
