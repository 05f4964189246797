#pragma once
// The documents of one collection in memory, as records of one type. Writes are revision-checked
// and admitted one after the other per document. A write whose response was lost is read again. The
// registry joins record_feed, so that the writes of other replicas arrive. Owned by the class that
// publishes the records to other threads. Lives on the control loop.
//
// A record has a member `revision` and is comparable with ==.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/document_walk.hpp"
#include "app/replicated_collection.hpp"
#include "app/store_failure.hpp"
#include "app/write_queue.hpp"

namespace app {

template <class Record>
class document_registry final : public replicated_collection {
  public:
    using shared_record = std::shared_ptr<const Record>;
    // Returns the record to write for the newest one, which is null if there is none. An equal
    // record means that nothing is written, if it is equal to the one in the store. The function is
    // called again if another replica has written the document in the meantime.
    using change = std::function<base::outcome<Record>(const Record* newest)>;
    using condition = std::function<bool(const Record& newest)>;
    using change_observer = std::function<void(const std::vector<std::string>& ids)>;
    struct format {
        std::string collection;
        // Returns the document of a record: id, body, index and unique values.
        std::function<ports::document(const Record&)> encode;
        // Errors: corrupt. The registry sets the revision.
        std::function<base::outcome<Record>(const ports::document&)> decode;
    };
    struct result {
        shared_record record;
        bool is_new = false;
        bool is_changed = false;
    };

    document_registry(ports::document_store& store, format form)
        : store_(store), form_(std::move(form)) {}

    // Calls `observer` after each change in memory. The ids of deleted records are not in records()
    // any more.
    void on_change(change_observer observer) { change_observer_ = std::move(observer); }

    // Reads every document. Errors: unavailable, corrupt.
    aio::task<> load() {
        std::vector<std::string> ids;
        auto visited = co_await visit_documents(
            store_, form_.collection,
            [this, &ids](const ports::document& document) -> base::outcome<void> {
                auto record = decode(document);
                if (!record) return base::pass(std::move(record), form_.collection);
                records_.insert_or_assign(document.id, std::move(*record));
                write_ids_[document.id] = document.write_id;
                ids.push_back(document.id);
                return base::ok();
            });
        if (!ids.empty()) change_observer_(ids);
        co_return visited;
    }

    // Compares the collection with the store once and adopts what differs, as record_feed does
    // periodically. Errors: unavailable, corrupt, cancelled.
    aio::task<> refresh() {
        auto visited =
            co_await visit_differing(store_, form_.collection, known_versions(),
                                     [this](std::string id) { return adopt(std::move(id)); });
        if (!visited) co_return base::pass(std::move(visited), form_.collection);
        co_return base::ok();
    }

    [[nodiscard]] const std::map<std::string, shared_record>& records() const noexcept {
        return records_;
    }
    // Adds, replaces or erases the records of the ids in a map by id.
    template <class Map>
    void copy_to(Map& target, const std::vector<std::string>& ids) const {
        for (const auto& id : ids) {
            if (auto record = find(id)) {
                target.insert_or_assign(id, std::move(record));
            } else {
                target.erase(id);
            }
        }
    }
    // Returns null if there is none.
    [[nodiscard]] shared_record find(const std::string& id) const {
        const auto it = records_.find(id);
        return it == records_.end() ? nullptr : it->second;
    }

    // Applies `change` to the newest record and writes the result. Errors: those of `change`,
    // unavailable, timed_out, cancelled, conflict (another document has the unique value).
    aio::task<result> put(std::string id, change edit) {
        const auto turn = co_await queue_.enter(id);
        if (!turn) co_return std::unexpected(turn.error());
        bool is_read = false;  // from the store, by this call
        for (int round = 0; round < rounds_max; ++round) {
            const auto present = find(id);
            auto wanted = edit(present.get());
            if (!wanted) co_return base::pass(std::move(wanted));
            wanted->revision = present ? present->revision : 0;
            if (present && *wanted == *present) {
                if (is_read) co_return result{.record = present};
                auto reloaded = co_await reload(id);
                if (!reloaded) co_return base::pass(std::move(reloaded));
                is_read = true;
                if (find(id) == present) co_return result{.record = present};
                continue;
            }
            const auto document = form_.encode(*wanted);
            auto write_id = ports::new_write_id();
            auto replaced_write_id = present ? write_ids_.at(id) : std::string();
            auto stored = co_await store_.put({.collection = form_.collection,
                                               .content = document,
                                               .expected = wanted->revision,
                                               .expected_write_id = std::move(replaced_write_id),
                                               .write_id = write_id});
            const bool has_moved = !stored && stored.error().code == base::errc::precondition;
            if (stored) {
                wanted->revision = *stored;
                set(id, std::make_shared<const Record>(std::move(*wanted)), std::move(write_id));
            } else {
                // Another replica has written, or the write may have happened.
                auto reloaded = co_await reload(id);
                const auto newest = find(id);
                is_read = reloaded.has_value();
                if (reloaded && has_moved) continue;
                if (has_moved)
                    co_return pass_store(std::move(reloaded), "write " + form_.collection);
                if (!reloaded || !newest || form_.encode(*newest).body != document.body) {
                    co_return pass_store(std::move(stored), "write " + form_.collection);
                }
            }
            auto record = find(id);
            write_observer_(id, record->revision);
            co_return result{.record = std::move(record), .is_new = !present, .is_changed = true};
        }
        co_return changes_too_fast();
    }

    // Deletes the record. Succeeds if it does not exist. Errors: unavailable, timed_out, cancelled.
    aio::task<void> remove(std::string id) {
        const auto turn = co_await queue_.enter(id);
        if (!turn) co_return std::unexpected(turn.error());
        auto removed = co_await store_.remove({.collection = form_.collection, .id = id});
        if (!removed) {
            const auto reloaded = co_await reload(id);
            if (!reloaded || find(id)) {
                co_return pass_store(std::move(removed), "delete from " + form_.collection);
            }
        }
        erase(id);
        write_observer_(id, 0);
        co_return base::ok();
    }

    // Deletes the newest record if `may_end` accepts it. Returns whether there is none afterwards.
    // Errors: unavailable, timed_out, cancelled.
    aio::task<bool> remove_if(std::string id, condition may_end) {
        const auto turn = co_await queue_.enter(id);
        if (!turn) co_return std::unexpected(turn.error());
        for (int round = 0; round < rounds_max; ++round) {
            const auto present = find(id);
            if (!present) co_return true;
            if (!may_end(*present)) co_return false;
            auto expected_write = write_ids_.at(id);
            auto removed = co_await store_.remove({.collection = form_.collection,
                                                   .id = id,
                                                   .expected = present->revision,
                                                   .expected_write_id = std::move(expected_write)});
            if (!removed) {
                // Another replica has written, or the deletion may have happened.
                const auto reloaded = co_await reload(id);
                const bool has_moved = removed.error().code == base::errc::precondition;
                if (reloaded && has_moved) continue;
                if (!reloaded || find(id)) {
                    co_return pass_store(std::move(removed), "delete from " + form_.collection);
                }
            }
            erase(id);
            write_observer_(id, 0);
            co_return true;
        }
        co_return changes_too_fast();
    }

    [[nodiscard]] const std::string& collection() const noexcept override {
        return form_.collection;
    }
    [[nodiscard]] std::map<std::string, ports::document_version> known_versions() const override {
        std::map<std::string, ports::document_version> result;
        for (const auto& [id, record] : records_) result.emplace(id, known_version(id));
        return result;
    }
    [[nodiscard]] ports::document_version known_version(const std::string& id) const override {
        const auto record = find(id);
        if (!record) return {};
        return {.revision = record->revision, .write_id = write_ids_.at(id)};
    }
    aio::task<> adopt(std::string id) override {
        const auto turn = co_await queue_.enter(id);
        if (!turn) co_return std::unexpected(turn.error());
        co_return co_await reload(std::move(id));
    }
    void on_write(write_observer observer) override { write_observer_ = std::move(observer); }

  private:
    // Writers of this process queue, so a round is lost only to another replica.
    static constexpr int rounds_max = 16;

    static std::unexpected<base::failure> changes_too_fast() {
        return base::fail(base::errc::unavailable,
                          "the record changes faster than it can be written");
    }
    base::outcome<shared_record> decode(const ports::document& document) const {
        auto record = form_.decode(document);
        if (!record) return base::pass(std::move(record), document.id);
        record->revision = document.revision;
        return std::make_shared<const Record>(std::move(*record));
    }
    // The caller must hold the turn of the document.
    aio::task<> reload(std::string id) {
        auto document = co_await store_.get(form_.collection, id);
        if (!document && document.error().code == base::errc::not_found) {
            erase(id);
            co_return base::ok();
        }
        if (!document) co_return pass_store(std::move(document), "read " + form_.collection);
        auto record = decode(*document);
        if (!record) co_return base::pass(std::move(record), form_.collection);
        const auto present = find(id);
        const bool is_same =
            present && present->revision == document->revision && *present == **record;
        if (is_same) {
            write_ids_[id] = std::move(document->write_id);
        } else {
            set(id, std::move(*record), std::move(document->write_id));
        }
        co_return base::ok();
    }
    void set(const std::string& id, shared_record record, std::string write_id) {
        records_.insert_or_assign(id, std::move(record));
        write_ids_.insert_or_assign(id, std::move(write_id));
        change_observer_({id});
    }
    void erase(const std::string& id) {
        write_ids_.erase(id);
        if (records_.erase(id) > 0) change_observer_({id});
    }

    ports::document_store& store_;
    format form_;
    std::map<std::string, shared_record> records_;
    std::map<std::string, std::string> write_ids_;  // of the last write of each record
    write_queue queue_;
    change_observer change_observer_ = [](const std::vector<std::string>&) {};
    write_observer write_observer_ = [](const std::string&, ports::revision) {};
};

}  // namespace app
