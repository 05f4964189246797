#pragma once
// The schema and the prepared statements that implement the contract of the port. Private to
// sqlite. One connection and one thread per object.

#include <optional>
#include <string>

#include "ports/document_store.hpp"
#include "sqlite/sqlite_connection.hpp"

namespace sqlite {

// Migrates the schema to the version of this program. Errors: unsupported (the schema is newer).
base::outcome<void> migrate(database& file);

// Checks that the file can be written, by a write that changes nothing.
base::outcome<void> probe(database& file);

class reading_tables {
  public:
    static base::outcome<reading_tables> prepare(database& file);
    base::outcome<ports::document> get(const std::string& collection, const std::string& id);
    base::outcome<ports::page> find(const ports::page_request& request);
    base::outcome<ports::revision_page> revisions(const std::string& collection,
                                                  const std::string& after, std::size_t limit);
    base::outcome<std::vector<std::string>> collections();
    // Checks that each table can be read.
    base::outcome<void> probe();

  private:
    base::outcome<void> complete(const std::string& collection, ports::document& document);
    statement get_, page_, page_by_index_, revisions_, collections_, index_, unique_, probe_;
};

class writing_tables {
  public:
    static base::outcome<writing_tables> prepare(database& file);
    // The caller must have begun a transaction. A rejected request changes nothing.
    base::outcome<ports::revision> put(const ports::put_request& request);
    base::outcome<void> remove(const ports::delete_request& request);
    // Writes a document that does not exist yet, with its revision.
    base::outcome<void> restore(const std::string& collection, const ports::document& document);
    base::outcome<void> begin() { return begin_.run(); }
    base::outcome<void> commit() { return commit_.run(); }
    void roll_back() { (void)rollback_.run(); }

  private:
    base::outcome<ports::revision> current_revision(const std::string& collection,
                                                    const std::string& id);
    base::outcome<void> check_unique(const ports::put_request& request);
    // Writes the document and its values. The caller has checked every rule.
    base::outcome<void> write(const ports::put_request& request, ports::revision revision);
    base::outcome<void> write_values(const ports::put_request& request);
    base::outcome<void> delete_values(const std::string& collection, const std::string& id);
    statement begin_, commit_, rollback_, revision_, upsert_, delete_, owner_, add_unique_,
        drop_unique_, add_index_, drop_index_;
};

}  // namespace sqlite
