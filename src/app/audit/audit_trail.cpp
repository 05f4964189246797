#include "app/audit/audit_trail.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "app/document_walk.hpp"
#include "app/store_failure.hpp"
#include "base/random_id.hpp"
#include "base/time_text.hpp"
#include "json/json_access.hpp"

namespace app {
namespace {

using base::errc;
using namespace std::chrono_literals;

const std::string blocks = "audit";
const std::string heads = "audit_heads";
constexpr std::size_t blocks_per_page = 100;
constexpr std::size_t pages_max = 20;  // of one find()

std::string new_chain_name() {
    return base::random_id("", 10);
}

// Ids ascend with the time. The chain makes them unique.
std::string block_id(base::instant time, std::string_view chain, std::int64_t seq) {
    return fmt::format("{:016}-{}-{:08}", time.time_since_epoch().count(), chain, seq);
}
std::string id_before(base::instant time) {
    return fmt::format("{:016}", time.time_since_epoch().count());
}

std::vector<std::string_view> lines_of(std::string_view body) {
    std::vector<std::string_view> lines;
    while (!body.empty()) {
        const auto end = body.find('\n');
        lines.push_back(body.substr(0, end));
        if (end == std::string_view::npos) break;
        body.remove_prefix(end + 1);
    }
    return lines;
}

// One stored row. A row that does not parse has no members; audit_verifier reports it.
struct stored_row {
    explicit stored_row(std::string_view line)
        : value(json::try_parse(line).value_or(json::value(json::object()))) {}
    [[nodiscard]] std::string_view text(std::string_view member) const {
        return value.is_object() ? json::text_at(value.get_object(), member) : std::string_view();
    }
    json::value value;
};

bool matches(const audit_query& query, const stored_row& row) {
    const auto fits = [&row](const std::string& wanted, std::string_view member) {
        return wanted.empty() || row.text(member) == wanted;
    };
    if (!fits(query.actor, "actor") || !fits(query.action, "action") ||
        !fits(query.project, "project") || !fits(query.object, "object") ||
        !fits(query.outcome, "outcome")) {
        return false;
    }
    if (!query.begin && !query.end) return true;
    const auto time = base::from_rfc3339(row.text("at"));
    return time && (!query.begin || *time >= *query.begin) && (!query.end || *time < *query.end);
}

audit_event event_of(const stored_row& row) {
    return {.id = std::string(row.text("id")),
            .action = std::string(row.text("action")),
            .actor = std::string(row.text("actor")),
            .via = std::string(row.text("via")),
            .kind = std::string(row.text("kind")),
            .project = std::string(row.text("project")),
            .object = std::string(row.text("object")),
            .request_id = std::string(row.text("request_id")),
            .address = std::string(row.text("address")),
            .user_agent = std::string(row.text("user_agent")),
            .request_digest = std::string(row.text("request_digest"))};
}

}  // namespace

audit_trail::audit_trail(deps deps, audit_options options)
    : deps_(deps),
      options_(std::move(options)),
      chain_(new_chain_name(), options_.sealer),
      wake_(deps.executor, deps.clock),
      turns_(deps.executor, 1),
      rows_(deps.registry.make_counter("dbaas_audit_rows_total", "Rows written to the audit log.")),
      failures_(deps.registry.make_counter("dbaas_audit_write_failures_total",
                                           "Failed writes of the audit log.")),
      dropped_(deps.registry.make_counter(
          "dbaas_audit_rows_dropped_total",
          "Rows about denied requests that were dropped because the queue was full.")) {}

aio::task<> audit_trail::load() {
    co_return co_await visit_documents(
        deps_.store, heads, [this](const ports::document& document) -> base::outcome<void> {
            auto head = decode_head(document.body);
            if (!head) return base::pass(std::move(head), document.id);
            heads_[document.id] = std::move(*head);
            return base::ok();
        });
}

void audit_trail::enqueue(audit_event event) {
    queue_.push_back({.event = std::move(event), .waiter = nullptr});
    wake_.notify();
}

aio::task<audited> audit_trail::begin(audit_event event) {
    if (queue_.size() >= queue_max) {
        co_return base::fail(errc::unavailable, "the audit log has too many rows to write");
    }
    event.id = base::random_id("au-");
    event.outcome = audit_outcome::started;
    const auto waiter = std::make_shared<waiting_row>(deps_.executor);  // shared with the queue
    own_.insert(event.id);
    queue_.push_back({.event = event, .waiter = waiter});
    wake_.notify();
    const auto waited = co_await waiter->written.wait();
    if (!waiter->result || !*waiter->result) {
        own_.erase(event.id);
        if (!waited) co_return base::pass(waited);
        co_return base::fail(errc::unavailable,
                             "the audit log cannot be written, so the request was not run");
    }
    co_return audited(std::move(event));
}

void audit_trail::finish(audited act, audit_result result) {
    auto event = std::move(act.event_);
    event.outcome = outcome_of(result.status);
    event.status = result.status;
    if (event.project.empty()) event.project = std::move(result.project);
    const bool is_part = result.object.starts_with(event.object + "/");
    if (event.object.empty() || is_part) event.object = std::move(result.object);
    if (event.actor.empty()) event.actor = std::move(result.actor);
    if (event.via.empty()) event.via = std::move(result.via);
    event.etag = std::move(result.etag);
    aio::post(deps_.executor, [this, event = std::move(event)]() mutable {
        own_.erase(event.id);
        enqueue(std::move(event));
    });
}

void audit_trail::note(audit_event event) {
    {
        const std::lock_guard lock(mutex_);
        if (notes_.size() >= notes_max) return dropped_.add();
        notes_.push_back(std::move(event));
        if (notes_.size() > 1) return;
    }
    aio::post(deps_.executor, [this] { take_notes(); });
}

void audit_trail::take_notes() {
    std::vector<audit_event> taken_notes;
    {
        const std::lock_guard lock(mutex_);
        taken_notes.swap(notes_);
    }
    for (auto& event : taken_notes) {
        if (queue_.size() >= queue_max) {
            dropped_.add();
            continue;
        }
        event.id = base::random_id("au-");
        event.outcome = outcome_of(event.status);
        enqueue(std::move(event));
    }
}

aio::task<> audit_trail::write_row(std::string id) {
    const auto has_id = [&id](const queued_row& row) { return row.event.id == id; };
    do {
        // Waits for a block that run() is writing and that may have the row.
        auto written = co_await write_block();
        if (!written) {
            std::erase_if(queue_, has_id);
            co_return written;
        }
    } while (std::ranges::any_of(queue_, has_id));
    co_return base::ok();
}

aio::task<> audit_trail::run_audited(audit_event event, std::function<aio::task<>()> act) {
    event.id = base::random_id("au-");
    event.outcome = audit_outcome::started;
    own_.insert(event.id);
    enqueue(event);
    auto written = co_await write_row(event.id);
    if (!written) {
        own_.erase(event.id);
        co_return base::fail(errc::unavailable,
                             "the audit log cannot be written: " + written.error().text);
    }
    auto result = co_await act();
    event.outcome = result ? audit_outcome::success : outcome_of(result.error().code);
    own_.erase(event.id);
    enqueue(std::move(event));  // run() or close() writes the row again after a failure
    (void)co_await write_block();
    co_return result;
}

bool audit_trail::has_waiter() const noexcept {
    const auto waits = [](const queued_row& row) { return row.waiter != nullptr; };
    return std::ranges::any_of(queue_, waits);
}

aio::task<> audit_trail::run() {
    while (true) {
        if (queue_.empty() && !is_head_stale_) {
            auto woken = co_await wake_.wait();
            if (!woken) co_return woken;
            continue;
        }
        if (queue_.empty()) {
            const auto woken = co_await wake_.wait_for(options_.head_interval);
            if (!woken) co_return base::pass(woken);
            if (!*woken && queue_.empty()) (void)co_await lock_and_write_head();
            continue;
        }
        if (!has_waiter() && queue_.size() < rows_max) {
            const auto end = deps_.clock.now() + options_.delay;
            while (!has_waiter() && deps_.clock.now() < end) {
                const auto woken = co_await wake_.wait_until(end);
                if (!woken) co_return base::pass(woken);
            }
        }
        auto written = co_await write_block();
        if (written) continue;
        if (written.error().code == errc::cancelled) co_return written;
        if (has_waiter()) continue;
        const auto woken = co_await wake_.wait_for(options_.retry);
        if (!woken) co_return base::pass(woken);
    }
}

aio::task<> audit_trail::close() {
    take_notes();
    while (!queue_.empty()) {
        auto written = co_await write_block();
        if (!written) co_return written;
    }
    if (is_head_stale_) co_return co_await lock_and_write_head();
    co_return base::ok();
}

aio::task<> audit_trail::lock_and_write_head() {
    const auto turn = co_await turns_.acquire();
    if (!turn) co_return base::pass(turn);
    co_return co_await write_head();
}

void audit_trail::begin_chain(const audit_head& confirmed) {
    if (confirmed.seq > 0) heads_[chain_.name()] = confirmed;
    chain_ = audit_chain(new_chain_name(), options_.sealer);
    head_revision_ = 0;
    is_head_stale_ = false;
}

base::instant audit_trail::next_time() {
    last_time_ = std::max(last_time_ + 1us, deps_.clock.utc_now());
    return last_time_;
}

aio::task<> audit_trail::write_block() {
    const auto turn = co_await turns_.acquire();
    if (!turn) co_return base::pass(turn);
    if (queue_.empty()) co_return base::ok();
    std::vector<queued_row> rows;
    while (!queue_.empty() && rows.size() < rows_max) {
        rows.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    const auto before = chain_.head();
    const auto first = before.seq + 1;
    const auto time = next_time();
    std::string body;
    if (first == 1 && !heads_.empty()) body = chain_.append(audit_checkpoint, heads_, time) + "\n";
    std::vector<audit_head> places;  // of the rows
    places.reserve(rows.size());
    for (const auto& row : rows) {
        body.append(chain_.append(row.event, time)).append("\n");
        places.push_back(chain_.head());
    }
    const auto count = chain_.head().seq - before.seq;
    auto written = co_await put_block(std::move(body), first);
    if (written) {
        if (const auto failures = std::exchange(failed_blocks_, 0); failures > 0) {
            deps_.log.info("audit_write_recovered", {{"failures", failures}});
        }
        rows_.add(static_cast<std::uint64_t>(count));
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const auto& row = rows[i];
            log_row(row.event, places[i]);
            if (!row.waiter) continue;
            row.waiter->result.emplace();
            row.waiter->written.notify();
        }
        if (deps_.clock.now() - head_written_at_ < options_.head_interval) co_return base::ok();
        // A failure begins a new chain, whose checkpoint names the rows of this one.
        if (const auto head = co_await write_head(); !head) {
            deps_.log.warning("audit_head_not_written", {{"detail", head.error().text}});
        }
        co_return base::ok();
    }
    failures_.add();
    // The block may be in the store, so its positions must not be used again.
    begin_chain(before);
    for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
        if (!row->waiter) {
            queue_.push_front(std::move(*row));
            continue;
        }
        row->waiter->result.emplace(std::unexpected(written.error()));
        row->waiter->written.notify();
    }
    if (++failed_blocks_ == 1) {
        deps_.log.warning("audit_not_written", {{"detail", written.error().text}});
    }
    co_return written;
}

aio::task<> audit_trail::put_block(std::string body, std::int64_t first) {
    auto result = co_await deps_.store.put(
        {.collection = blocks,
         .content = {.id = block_id(last_time_, chain_.name(), first), .body = std::move(body)}});
    if (!result) co_return base::pass(std::move(result));
    is_head_stale_ = true;
    co_return base::ok();
}

aio::task<> audit_trail::write_head() {
    is_head_stale_ = false;
    head_written_at_ = deps_.clock.now();
    auto result = co_await deps_.store.put(
        {.collection = heads,
         .content = {.id = chain_.name(), .body = encode_head(chain_.head())},
         .expected = head_revision_});
    if (result) {
        head_revision_ = *result;
        co_return base::ok();
    }
    failures_.add();
    begin_chain(chain_.head());
    co_return base::pass(std::move(result));
}

void audit_trail::log_row(const audit_event& event, const audit_head& place) const {
    const auto write = [&](obs::log& target) {
        target.info("audit", {{"id", event.id},
                              {"outcome", app::name(event.outcome)},
                              {"action", event.action},
                              {"actor", event.actor},
                              {"via", event.via},
                              {"kind", event.kind},
                              {"project", event.project},
                              {"object", event.object},
                              {"request_id", event.request_id},
                              {"address", event.address},
                              {"chain", chain_.name()},
                              {"seq", place.seq},
                              {"hash", place.hash}});
    };
    write(deps_.log);
    write(deps_.export_log);
}

aio::task<audit_page> audit_trail::find(audit_query query) {
    audit_page page;
    ports::page_request request{.collection = blocks, .limit = blocks_per_page};
    std::size_t skipped = 0;  // rows of the first block that earlier pages have
    if (const auto dot = query.cursor.find('.'); dot != std::string::npos) {
        // The block of the cursor is read again, so the search starts just before its id.
        request.after = query.cursor.substr(0, dot);
        request.after.back() = static_cast<char>(request.after.back() - 1);
        const auto digits = query.cursor.substr(dot + 1);
        std::from_chars(digits.data(), digits.data() + digits.size(), skipped);
    } else if (!query.cursor.empty()) {
        request.after = query.cursor;
    } else if (query.begin) {
        request.after = id_before(*query.begin);
    }
    for (std::size_t count = 0; count < pages_max; ++count) {
        auto found_page = co_await deps_.store.find(request);
        if (!found_page) co_return pass_store(std::move(found_page), blocks);
        for (const auto& document : found_page->items) {
            if (query.end && document.id >= id_before(*query.end)) co_return page;
            std::size_t index = 0;
            const bool is_first = query.cursor.starts_with(document.id + ".");
            for (const auto line : lines_of(document.body)) {
                if (is_first && index < skipped) {
                    ++index;
                    continue;
                }
                if (page.rows.size() == query.limit) {
                    page.next = fmt::format("{}.{}", document.id, index);
                    co_return page;
                }
                if (matches(query, stored_row(line))) page.rows.emplace_back(line);
                ++index;
            }
        }
        if (found_page->next.empty()) co_return page;
        request.after = found_page->next;
    }
    page.next = request.after;
    co_return page;
}

aio::task<> audit_trail::sweep() {
    const auto now = deps_.clock.utc_now();
    if (swept_until_.empty()) swept_until_ = id_before(now - std::chrono::hours(24));
    // Blocks of other processes may arrive late.
    const auto end = options_.store_is_shared ? id_before(now - 60s) : std::string("~");
    while (true) {
        const auto page = co_await deps_.store.find(
            {.collection = blocks, .after = swept_until_, .limit = blocks_per_page});
        if (!page) co_return base::pass(page);
        bool has_reached_end = page->next.empty();
        for (const auto& document : page->items) {
            if (document.id >= end) {
                has_reached_end = true;
                break;
            }
            swept_until_ = document.id;
            for (const auto line : lines_of(document.body)) {
                const stored_row row(line);
                auto event = event_of(row);
                if (event.id.empty()) continue;
                if (row.text("outcome") == app::name(audit_outcome::started)) {
                    open_since_[event.id] = base::from_rfc3339(row.text("at")).value_or(now);
                    open_[event.id] = std::move(event);
                } else {
                    open_.erase(event.id);
                    open_since_.erase(event.id);
                }
            }
        }
        if (has_reached_end) break;
    }
    const bool is_restart = !std::exchange(has_swept_, true) && !options_.store_is_shared;
    for (auto it = open_.begin(); it != open_.end();) {
        const bool is_over = is_restart || now - open_since_[it->first] > options_.open_max;
        if (!is_over || own_.contains(it->first)) {
            ++it;
            continue;
        }
        it->second.outcome = audit_outcome::unknown;
        enqueue(std::move(it->second));
        open_since_.erase(it->first);
        it = open_.erase(it);
    }
    co_return base::ok();
}

aio::task<> audit_trail::purge() {
    const auto end = id_before(deps_.clock.utc_now() - options_.retention);
    while (true) {
        const auto page =
            co_await deps_.store.find({.collection = blocks, .limit = blocks_per_page});
        if (!page) co_return base::pass(page);
        audit_heads cuts;
        std::vector<std::string> expired;
        for (const auto& document : page->items) {
            if (document.id >= end) break;
            audit_verifier reader;
            for (const auto line : lines_of(document.body)) reader.add(line);
            for (auto& [name, head] : reader.finish().heads) cuts[name] = head;
            expired.push_back(document.id);
        }
        if (expired.empty()) co_return base::ok();
        const auto turn = co_await turns_.acquire();
        if (!turn) co_return base::pass(turn);
        const auto first = chain_.head().seq + 1;
        const auto before = chain_.head();
        next_time();
        auto written =
            co_await put_block(chain_.append(audit_retention, cuts, last_time_) + "\n", first);
        if (!written) {
            begin_chain(before);
            co_return written;
        }
        for (auto& id : expired) {
            auto removed = co_await deps_.store.remove({.collection = blocks, .id = std::move(id)});
            if (!removed) co_return removed;
        }
    }
}

aio::task<> export_audit(ports::document_store& store,
                         std::function<void(const std::string& line)> use) {
    // The heads are read first, so that rows written during the export are no problem.
    audit_heads all;
    auto walked = co_await visit_documents(
        store, heads, [&all](const ports::document& document) -> base::outcome<void> {
            auto head = decode_head(document.body);
            if (!head) return base::pass(std::move(head), document.id);
            all[document.id] = std::move(*head);
            return base::ok();
        });
    if (!walked) co_return walked;
    walked = co_await visit_documents(
        store, blocks, [&use](const ports::document& document) -> base::outcome<void> {
            for (const auto line : lines_of(document.body)) use(std::string(line));
            return base::ok();
        });
    if (!walked) co_return walked;
    use(encode_export_end(all));
    co_return base::ok();
}

}  // namespace app
