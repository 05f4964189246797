#include "app/audit/audit_chain.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/time_text.hpp"
#include "json/json_access.hpp"
#include "json/json_writer.hpp"
#include "token/digest.hpp"

namespace app {
namespace {

constexpr std::string_view previous_member = R"(,"previous_hash":")";
constexpr std::string_view hash_member = R"(","hash":")";
constexpr std::size_t digest_size = 64;
constexpr std::string_view signature_member = R"(","signature":")";
constexpr std::string_view row_end = "\"}";
constexpr std::string_view signature_purpose = "audit row";
constexpr std::size_t problems_max = 100;
constexpr std::size_t text_bytes_max = 256;

std::string hash_of(std::string_view previous, std::string_view row) {
    return token::to_hex(token::sha256(fmt::format("{}\n{}", previous, row)));
}

// Texts of clients are printable and short, so that no row can look like another one.
std::string printable(std::string_view text) {
    std::string result;
    for (const char c : text.substr(0, text_bytes_max)) {
        const auto byte = static_cast<unsigned char>(c);
        result += byte < 0x20 || byte >= 0x7f ? '?' : c;
    }
    return result;
}

void write_heads(json::writer& out, const audit_heads& heads) {
    out.key("heads").begin_object();
    for (const auto& [chain, head] : heads) {
        out.key(chain).begin_object().member("seq", head.seq).member("hash", head.hash);
        out.end_object();
    }
    out.end_object();
}

audit_heads read_heads(const json::object& row) {
    audit_heads result;
    for (const auto& [chain, value] : json::object_or_empty(row, "heads")) {
        auto head = decode_head(json::serialize(value));
        if (head) result.emplace(std::string(chain), std::move(*head));
    }
    return result;
}

std::string text_of(const json::object& row, std::string_view member) {
    return std::string(json::text_at(row, member));
}

// Removes `size` characters and the member name before them from the end of the text. Returns the
// characters, or nothing if the text has no such end.
std::optional<std::string_view> take_last_member(std::string_view& text, std::string_view member,
                                                 std::size_t size) {
    if (text.size() < member.size() + size) return std::nullopt;
    const auto tail = text.substr(text.size() - member.size() - size);
    if (!tail.starts_with(member)) return std::nullopt;
    text.remove_suffix(tail.size());
    return tail.substr(member.size());
}

}  // namespace

struct audit_verifier::row_parts {
    std::string row;  // without its last members
    std::string_view previous_hash;
    std::string_view hash;
    std::string_view signature;  // empty if the row has none

    static std::optional<row_parts> of(std::string_view line) {
        if (!line.ends_with(row_end)) return std::nullopt;
        line.remove_suffix(row_end.size());
        const auto signature = take_last_member(line, signature_member, token::signature_length);
        const auto hash = take_last_member(line, hash_member, digest_size);
        if (!hash) return std::nullopt;
        const auto previous = take_last_member(line, previous_member, digest_size);
        if (!previous) return std::nullopt;
        return row_parts{.row = std::string(line) + "}",
                         .previous_hash = *previous,
                         .hash = *hash,
                         .signature = signature.value_or("")};
    }
};

std::string_view name(audit_outcome outcome) noexcept {
    switch (outcome) {
        case audit_outcome::started:
            return "started";
        case audit_outcome::success:
            return "success";
        case audit_outcome::rejected:
            return "rejected";
        case audit_outcome::denied:
            return "denied";
        case audit_outcome::failed:
            return "failed";
        case audit_outcome::unknown:
            return "unknown";
    }
    return "";
}

audit_outcome outcome_of(unsigned status) noexcept {
    if (status < 400) return audit_outcome::success;
    if (status == 401 || status == 403 || status == 429) return audit_outcome::denied;
    return status < 500 ? audit_outcome::rejected : audit_outcome::failed;
}

audit_outcome outcome_of(base::errc code) noexcept {
    using enum base::errc;
    switch (code) {
        case denied:
            return audit_outcome::denied;
        case invalid:
        case not_found:
        case conflict:
        case precondition:
        case limit:
        case unsupported:
        case gone:
            return audit_outcome::rejected;
        case unavailable:
        case timed_out:
        case cancelled:
        case corrupt:
        case internal:
            return audit_outcome::failed;
    }
    return audit_outcome::failed;
}

std::string audit_chain::link(std::string text) {
    const auto previous = head_.hash;
    ++head_.seq;
    head_.hash = hash_of(previous, text);
    text.pop_back();
    text.append(previous_member).append(previous).append(hash_member).append(head_.hash);
    if (sealer_) {
        text.append(signature_member).append(sealer_->sign(head_.hash, signature_purpose));
    }
    return text.append(row_end);
}

std::string audit_chain::append(const audit_event& event, base::instant time) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("id", event.id).member("at", base::to_rfc3339(time));
    out.member("chain", name_).member("seq", head_.seq + 1);
    out.member("outcome", app::name(event.outcome)).member("action", event.action);
    out.member("actor", printable(event.actor)).member("via", printable(event.via));
    out.member("kind", printable(event.kind));
    out.member("project", printable(event.project)).member("object", printable(event.object));
    out.member("request_id", printable(event.request_id));
    out.member("address", printable(event.address));
    out.member("user_agent", printable(event.user_agent));
    if (event.status != 0) out.member("status", static_cast<std::int64_t>(event.status));
    if (!event.request_digest.empty()) out.member("request_digest", event.request_digest);
    if (!event.etag.empty()) out.member("etag", printable(event.etag));
    out.end_object();
    return link(std::move(text));
}

std::string audit_chain::append(std::string_view action, const audit_heads& heads,
                                base::instant time) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("id", "").member("at", base::to_rfc3339(time));
    out.member("chain", name_).member("seq", head_.seq + 1);
    out.member("outcome", "success").member("action", action);
    write_heads(out, heads);
    out.end_object();
    return link(std::move(text));
}

std::string digest_of_body(std::string_view body) {
    return token::to_hex(token::sha256(body));
}

std::string encode_export_end(const audit_heads& heads) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("end", true);
    write_heads(out, heads);
    out.end_object();
    return text;
}

std::string encode_head(const audit_head& head) {
    std::string text;
    json::writer out(text);
    out.begin_object().member("seq", head.seq).member("hash", head.hash).end_object();
    return text;
}

base::outcome<audit_head> decode_head(std::string_view text) {
    const auto value = json::try_parse(text);
    const auto* head = value && value->is_object() ? &value->get_object() : nullptr;
    const auto* seq = head == nullptr ? nullptr : head->if_contains("seq");
    if (seq == nullptr || !seq->is_int64()) {
        return base::fail(base::errc::corrupt, "the head of an audit chain does not parse");
    }
    return audit_head{.seq = seq->get_int64(), .hash = text_of(*head, "hash")};
}

void audit_verifier::add_problem(std::string text) {
    if (report_.problems.size() < problems_max) report_.problems.push_back(std::move(text));
}

void audit_verifier::add(std::string_view line) {
    if (line.empty()) return;
    if (has_end_) return add_problem("there are lines after the end of the export");
    if (const auto parts = row_parts::of(line)) return add_row(*parts);
    const auto value = json::try_parse(line);
    if (!value || !value->is_object() || !value->get_object().contains("end")) {
        return add_problem(fmt::format("line {} is no row", report_.rows + 1));
    }
    has_end_ = true;
    for (auto& [chain, head] : read_heads(value->get_object())) {
        end_names_chains_ = true;
        claims_.emplace_back(chain, head);
    }
}

void audit_verifier::add_row(const row_parts& parts) {
    ++report_.rows;
    const auto& [row, previous, hash, signature] = parts;
    const auto value = json::try_parse(row);
    const auto* members = value && value->is_object() ? &value->get_object() : nullptr;
    const auto* seq_value = members == nullptr ? nullptr : members->if_contains("seq");
    if (seq_value == nullptr || !seq_value->is_int64()) {
        return add_problem(fmt::format("line {} is no row", report_.rows));
    }
    const auto seq = seq_value->get_int64();
    const auto chain_name = text_of(*members, "chain");
    const auto place = fmt::format("row {} of chain {}", seq, chain_name);
    if (hash_of(previous, row) != hash) add_problem(place + " was changed");
    auto& chain = chains_[chain_name];
    if (chain.first == 0) {
        chain.first = seq;
        chain.before_first = previous;
    } else if (seq <= chain.head.seq) {
        add_problem(place + " is at another position than it was written");
    } else if (seq > chain.head.seq + 1) {
        add_problem(fmt::format("rows {} to {} of chain {} are missing", chain.head.seq + 1,
                                seq - 1, chain_name));
    } else if (previous != chain.head.hash) {
        add_problem(place + " does not continue the row before it");
    }
    if (sealer_ && signature.empty()) ++chain.unsigned_rows;
    if (sealer_ && !signature.empty()) {
        const auto verified = sealer_->verify(hash, signature, signature_purpose);
        if (!verified) add_problem(fmt::format("{}: {}", place, verified.error().text));
    }
    chain.head = {.seq = seq, .hash = std::string(hash)};
    chain.hashes[seq] = hash;
    const auto action = text_of(*members, "action");
    for (auto& [name, head] : read_heads(*members)) {
        if (action == audit_retention) {
            auto& cut = cuts_[name];
            if (head.seq > cut.seq) cut = head;
        } else if (action == audit_checkpoint) {
            claims_.emplace_back(name, head);
        }
    }
}

audit_report audit_verifier::finish() {
    if (!has_end_) add_problem("the export has no last line, so that rows may be missing");
    if (has_end_ && !end_names_chains_ && report_.rows > 0) {
        add_problem("the store does not have the ends of the chains, so that rows may be missing");
    }
    for (const auto& [name, chain] : chains_) {
        report_.heads[name] = chain.head;
        if (chain.unsigned_rows > 0) {
            add_problem(
                fmt::format("{} rows of chain {} have no signature", chain.unsigned_rows, name));
        }
        const auto cut = cuts_.find(name);
        const auto deleted = cut == cuts_.end() ? audit_head{} : cut->second;
        if (chain.first == deleted.seq + 1 && chain.before_first == deleted.hash) continue;
        if (chain.first <= deleted.seq) continue;  // deleted soon
        add_problem(fmt::format("rows {} to {} of chain {} are missing", deleted.seq + 1,
                                chain.first - 1, name));
    }
    for (const auto& [name, head] : claims_) {
        if (head.seq == 0) continue;
        const auto cut = cuts_.find(name);
        if (cut != cuts_.end() && head.seq <= cut->second.seq) continue;
        const auto chain = chains_.find(name);
        const auto last = chain == chains_.end() ? 0 : chain->second.head.seq;
        if (head.seq > last) {
            add_problem(
                fmt::format("rows {} to {} of chain {} are missing", last + 1, head.seq, name));
            continue;
        }
        const auto row = chain->second.hashes.find(head.seq);
        if (row != chain->second.hashes.end() && row->second != head.hash) {
            add_problem(
                fmt::format("row {} of chain {} differs from a checkpoint", head.seq, name));
        }
    }
    std::ranges::sort(report_.problems);
    const auto repeated = std::ranges::unique(report_.problems);
    report_.problems.erase(repeated.begin(), repeated.end());
    return std::move(report_);
}

}  // namespace app
