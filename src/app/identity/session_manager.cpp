#include "app/identity/session_manager.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/document_walk.hpp"
#include "app/store_failure.hpp"
#include "base/random_id.hpp"

namespace app {
namespace {

using base::errc;

const std::string collection = "sessions";
constexpr int rounds_max = 4;

std::unexpected<base::failure> invalid_login() {
    return base::fail(errc::denied,
                      "the user name or the password is wrong, or the user is disabled",
                      "invalid_login");
}

std::unexpected<base::failure> invalid_refresh_token() {
    return base::fail(errc::denied, "the refresh token is not valid; log in again",
                      "invalid_refresh_token");
}

base::outcome<session_record> record_of(const ports::document& document) {
    auto record = decode_session(document.body);
    if (!record) return base::pass(std::move(record), document.id);
    record->revision = document.revision;
    return record;
}

ports::put_request put_of(const session_record& session) {
    return {.collection = collection,
            .content = {.id = session.id,
                        .body = encode(session),
                        .index = {{"subject", session.subject}}},
            .expected = session.revision};
}

}  // namespace

std::string csrf_token_of(std::string_view access_token) {
    return token::to_hex(token::sha256(fmt::format("csrf {}", access_token)));
}

issued_tokens session_manager::tokens_of(const session_record& session,
                                         const token::refresh_token& refresh) const {
    const auto now = deps_.clock.utc_now();
    const auto set = deps_.keys.keys();
    const auto& issuer = deps_.keys.issuer();
    const auto end = std::min(now + access_lifetime, session.created_at + session_lifetime_max);
    return {.subject = session.subject,
            .session = session.id,
            .access_token = base::secret(token::sign_jwt(
                set->keys[set->signer], {.issuer = issuer,
                                         .audience = issuer,
                                         .subject = session.subject,
                                         .id = base::random_id("", access_token_id_length),
                                         .session = session.id,
                                         .epoch = session.epoch,
                                         .issued_at = now,
                                         .expires_at = end})),
            .expires_in = std::chrono::floor<std::chrono::seconds>(end - now),
            .refresh_token = token::text_of(refresh)};
}

aio::task<issued_tokens> session_manager::log_in(std::string username, base::secret password) {
    const auto user = deps_.users.find(username);
    // An empty hash costs the same time and never matches.
    auto hash = user ? user->password_hash : std::string();
    auto is_match = co_await deps_.passwords.verify(password, hash);
    const bool is_too_long = !is_match && is_match.error().code == errc::invalid;
    if (!is_match && !is_too_long) co_return base::pass(std::move(is_match));
    const bool is_accepted =
        is_match && *is_match && user && user->state == domain::user_state::active;
    if (!is_accepted) {
        // The name may be a password that was typed into the wrong field.
        deps_.log.info("login_rejected", {{"user", user ? user->name : std::string()}});
        co_return invalid_login();
    }
    if (deps_.passwords.needs_rehash(hash)) {
        auto renewed = co_await deps_.users.renew_hash(username, hash, std::move(password));
        if (!renewed) deps_.log.warning("password_not_rehashed", {{"user", username}});
    }
    co_return co_await start(user, "password");
}

aio::task<issued_tokens> session_manager::start_session(external_identity identity) {
    const auto user = deps_.users.find(identity.subject);
    if (!user || user->state != domain::user_state::active) co_return invalid_login();
    co_return co_await start(user, std::move(identity.method));
}

aio::task<issued_tokens> session_manager::start(shared_user user, std::string method) {
    auto has_room = co_await make_room(user->name);
    if (!has_room) co_return base::pass(std::move(has_room));
    const auto now = deps_.clock.utc_now();
    const auto id = base::random_id("", session_id_length);
    const auto refresh = token::make_refresh_token(id);
    const session_record session{.id = id,
                                 .subject = user->name,
                                 .method = std::move(method),
                                 .epoch = user->session_epoch,
                                 .created_at = now,
                                 .used_at = now,
                                 .digest = token::to_hex(token::digest_of(refresh)),
                                 .seed = base::random_id("", 32)};
    auto stored = co_await deps_.store.put(put_of(session));
    if (!stored) co_return pass_store(std::move(stored), "store the session");
    deps_.log.info("session_started",
                   {{"user", user->name}, {"method", session.method}, {"session", id}});
    co_return tokens_of(session, refresh);
}

aio::task<> session_manager::make_room(std::string subject) {
    auto page = co_await deps_.store.find({.collection = collection,
                                           .index_name = "subject",
                                           .index_value = subject,
                                           .limit = sessions_max});
    if (!page) co_return pass_store(std::move(page), "read the sessions of the user");
    if (page->items.size() < sessions_max) co_return base::ok();
    std::vector<session_record> sessions;
    for (const auto& document : page->items) {
        auto record = record_of(document);
        if (record) sessions.push_back(std::move(*record));
    }
    if (sessions.empty()) co_return base::ok();
    const auto oldest = std::ranges::min_element(sessions, {}, &session_record::used_at);
    co_return co_await end_session(oldest->id);
}

aio::task<session_record> session_manager::read(std::string id) {
    auto document = co_await deps_.store.get(collection, id);
    if (!document && document.error().code == errc::not_found) co_return invalid_refresh_token();
    if (!document) co_return pass_store(std::move(document), "read the session");
    auto record = record_of(*document);
    if (!record) co_return base::pass(std::move(record));
    const auto user = deps_.users.find(record->subject);
    const bool is_valid = user && user->state == domain::user_state::active &&
                          user->session_epoch == record->epoch &&
                          !has_expired(*record, deps_.clock.utc_now()) && !deps_.ended.contains(id);
    if (!is_valid) co_return invalid_refresh_token();
    co_return record;
}

aio::task<issued_tokens> session_manager::rotate(session_record session,
                                                 token::refresh_token presented) {
    const auto next = token::successor_of(presented, session.seed);
    session.generation = next.generation;
    session.digest = token::to_hex(token::digest_of(next));
    session.used_at = deps_.clock.utc_now();
    auto stored = co_await deps_.store.put(put_of(session));
    if (!stored) co_return pass_store(std::move(stored), "store the session");
    co_return tokens_of(session, next);
}

aio::task<issued_tokens> session_manager::refresh(base::secret refresh_token,
                                                  session_owner& owner) {
    const auto presented = token::parse_refresh_token(refresh_token.reveal());
    if (!presented) co_return invalid_refresh_token();
    for (int round = 0; round < rounds_max; ++round) {
        auto session = co_await read(presented->session);
        if (!session) co_return base::pass(std::move(session));
        const auto verdict = judge(*presented, *session, deps_.clock.utc_now());
        if (verdict == refresh_verdict::unknown) co_return invalid_refresh_token();
        owner = {.subject = session->subject, .session = session->id};
        switch (verdict) {
            case refresh_verdict::previous:
                co_return tokens_of(*session, token::successor_of(*presented, session->seed));
            case refresh_verdict::reused: {
                deps_.log.warning("refresh_token_reused",
                                  {{"user", session->subject}, {"session", session->id}});
                auto ended = co_await end_session(session->id);
                if (!ended) co_return base::pass(std::move(ended));
                co_return invalid_refresh_token();
            }
            case refresh_verdict::current:
            case refresh_verdict::unknown:
                break;
        }
        auto tokens = co_await rotate(std::move(*session), *presented);
        // Another request with the same token was first: this one gets the same successor.
        if (!tokens && tokens.error().code == errc::precondition) continue;
        co_return tokens;
    }
    co_return base::fail(errc::unavailable, "the session changes faster than it can be written");
}

aio::task<void> session_manager::end_session(std::string session) {
    // First, because the access tokens of a deleted session would stay valid after a failure.
    auto added = co_await deps_.ended.add(session);
    if (!added) co_return added;
    auto removed = co_await deps_.store.remove({.collection = collection, .id = session});
    if (!removed) co_return pass_store(std::move(removed), "delete the session");
    deps_.log.info("session_ended", {{"session", session}});
    co_return base::ok();
}

aio::task<void> session_manager::end_sessions(std::string user, shared_principal client) {
    auto ended = co_await deps_.users.end_sessions(user);
    if (!ended) co_return ended;
    deps_.log.info(
        "sessions_ended",
        {{"user", user}, {"subject", client->subject}, {"credential", client->credential}});
    co_return base::ok();
}

aio::task<> session_manager::purge() {
    std::vector<std::string> expired;
    auto visited = co_await visit_documents(
        deps_.store, collection, [&](const ports::document& document) -> base::outcome<void> {
            const auto record = record_of(document);
            const auto user = record ? deps_.users.find(record->subject) : nullptr;
            const bool is_valid = user && user->session_epoch == record->epoch &&
                                  !has_expired(*record, deps_.clock.utc_now());
            if (!is_valid) expired.push_back(document.id);
            return base::ok();
        });
    if (!visited) co_return visited;
    for (const auto& id : expired) {
        auto removed = co_await deps_.store.remove({.collection = collection, .id = id});
        if (!removed) co_return pass_store(std::move(removed), "delete an expired session");
    }
    co_return co_await deps_.ended.purge();
}

}  // namespace app
