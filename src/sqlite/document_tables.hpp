#pragma once
// Documents in tables: the statements, prepared once, and what they mean for the port's promises.
// Inside sqlite only; one connection, one thread.

#include <optional>
#include <string>

#include "ports/document_store.hpp"
#include "sqlite/sqlite_connection.hpp"

namespace sqlite {

// Brings the file to this version's tables, step by step. Failure: unsupported (it is newer).
base::outcome<void> migrate(database& file);

// Writes one page of the file and leaves it as it was: whether it can be written.
base::outcome<void> probe(database& file);

class reading_tables {
  public:
    static base::outcome<reading_tables> prepare(database& file);
    base::outcome<ports::document> get(const std::string& collection, const std::string& id);
    base::outcome<ports::page> find(const ports::page_request& request);
    base::outcome<ports::revision_page> revisions(const std::string& collection,
                                                  const std::string& after, std::size_t limit);
    // A look at each table: whether they can be read.
    base::outcome<void> probe();

  private:
    base::outcome<void> complete(const std::string& collection, ports::document& document);
    statement get_, page_, page_by_index_, revisions_, index_, unique_, probe_;
};

class writing_tables {
  public:
    static base::outcome<writing_tables> prepare(database& file);
    // Inside a transaction of the caller's. A refused request changes nothing.
    base::outcome<ports::revision> put(const ports::put_request& request);
    base::outcome<void> remove(const ports::delete_request& request);
    base::outcome<void> begin() { return begin_.run(); }
    base::outcome<void> commit() { return commit_.run(); }
    void roll_back() { (void)rollback_.run(); }

  private:
    base::outcome<ports::revision> present_revision(const std::string& collection,
                                                    const std::string& id);
    base::outcome<void> check_unique(const ports::put_request& request);
    base::outcome<void> write_values(const ports::put_request& request);
    base::outcome<void> forget_values(const std::string& collection, const std::string& id);
    statement begin_, commit_, rollback_, revision_, upsert_, delete_, holder_, add_unique_,
        drop_unique_, add_index_, drop_index_;
};

}  // namespace sqlite
