#include "api/endpoints/service_account_endpoints.hpp"

#include "aio/run_on.hpp"
#include "api/endpoints/key_endpoints.hpp"
#include "api/endpoints/list_response.hpp"
#include "api/endpoints/write_endpoints.hpp"
#include "api/etag.hpp"
#include "api/json/identity_json.hpp"
#include "api/json/request_json.hpp"
#include "api/middleware/middleware.hpp"
#include "api/problem.hpp"

namespace api {
namespace {

using boost::asio::awaitable;

http::response problem_of(const base::failure& failure, const request_context& context) {
    return problem(failure, context.request_id, context.api.deps.log);
}

// Returns the names of the account's roles by project. An account of a project has a role there
// alone.
std::map<std::string, std::string> roles_of(const domain::service_account& account,
                                            const app::member_index& members) {
    const auto subject = domain::subject_of_account(account.name);
    std::map<std::string, std::string> roles;
    const auto add = [&](const auto& project) {
        const auto member = project.second.find(subject);
        if (member != project.second.end()) roles[project.first] = member->second->role;
    };
    if (account.project.empty()) {
        for (const auto& project : members) add(project);
    } else if (const auto project = members.find(account.project); project != members.end()) {
        add(*project);
    }
    return roles;
}

std::string document_of(const domain::service_account& account, const request_context& context) {
    return encode(account, roles_of(account, *context.api.deps.platform.members.members()));
}

app::shared_account find_account(const request_context& context) {
    const auto index = context.api.deps.platform.service_accounts.accounts();
    const auto entry = index->find(context.parameter);
    return entry == index->end() ? nullptr : entry->second;
}

http::response list_accounts(const request_context& context, const http::request& request) {
    const auto query = read_project_page_query(request.query());
    if (!query) return problem_of(query.error(), context);
    const auto visible = context.visible(domain::permission::read_service_accounts);
    const auto index = context.api.deps.platform.service_accounts.accounts();
    std::vector<page_item> items;
    for (const auto& [name, account] : *index) {
        const bool is_wanted = !query->project || account->project == *query->project;
        if (is_wanted && visible.contains(account->project)) {
            items.push_back({.position = name, .text = document_of(*account, context)});
        }
    }
    return page_response("service_accounts", items, position_order::ascending, *query, context,
                         request);
}

http::response get_account(const request_context& context, const http::request& request) {
    const auto account = find_account(context);
    if (account == nullptr) return no_such_target(context);
    auto document = document_of(*account, context);
    auto etag = etag_of_content(document);
    return document_response(std::move(document), std::move(etag), request);
}

http::response list_keys(const request_context& context, const http::request& request) {
    if (find_account(context) == nullptr) return no_such_target(context);
    const auto subject = domain::subject_of_account(context.parameter);
    const auto index = context.api.deps.platform.api_keys.keys();
    std::vector<page_item> items;
    for (const auto& [id, key] : *index) {
        if (key.record->subject != subject || key.record->revoked_at) continue;
        items.push_back(key_item(id, key, context));
    }
    return page_response("service_account_keys", items, position_order::ascending, context,
                         request);
}

awaitable<http::response> create_account(const request_context& context, std::string_view body) {
    const auto wanted = read_service_account(body);
    if (!wanted) co_return problem_of(wanted.error(), context);
    auto& accounts = context.api.deps.platform.service_accounts;
    const auto created = co_await aio::run_on<app::shared_account>(context.api.deps.control, [&] {
        return accounts.create_account(*wanted, context.principal);
    });
    if (!created) co_return problem_of(created.error(), context);
    auto response = json_response(http::body(document_of(**created, context)), 201);
    response.headers.add("Location", "/api/v1/service-accounts/" + (*created)->name);
    co_return response;
}

awaitable<http::response> patch_account(const request_context& context, std::string_view body) {
    const auto wanted = read_service_account_patch(body);
    if (!wanted) co_return problem_of(wanted.error(), context);
    auto& accounts = context.api.deps.platform.service_accounts;
    const auto changed = co_await aio::run_on<app::shared_account>(context.api.deps.control, [&] {
        return accounts.patch_account(context.parameter, *wanted, context.principal);
    });
    if (!changed) co_return problem_of(changed.error(), context);
    co_return json_response(http::body(document_of(**changed, context)));
}

awaitable<http::response> create_key(const request_context& context, std::string_view body) {
    const auto wanted = read_service_account_key(body);
    if (!wanted) co_return problem_of(wanted.error(), context);
    auto& accounts = context.api.deps.platform.service_accounts;
    const auto created = co_await aio::run_on<app::created_key>(context.api.deps.control, [&] {
        return accounts.create_account_key(context.parameter, *wanted, context.principal);
    });
    if (!created) co_return problem_of(created.error(), context);
    co_return created_key_response(*created, context);
}

awaitable<http::response> delete_account_or_key(const request_context& context) {
    auto& accounts = context.api.deps.platform.service_accounts;
    const bool is_key = context.route->id == endpoint::revoke_service_account_key;
    const auto deleted = co_await aio::run_on<void>(context.api.deps.control, [&] {
        return is_key ? accounts.revoke_account_key(context.parameter, context.second_parameter)
                      : accounts.delete_account(context.parameter, context.principal);
    });
    if (!deleted) co_return problem_of(deleted.error(), context);
    if (is_key) co_return revoked_key_response(context.second_parameter, context);
    co_return http::response{.status = 204};
}

}  // namespace

std::optional<http::response> respond_from_service_accounts(const request_context& context,
                                                            const http::request& request) {
    switch (context.route->id) {
        case endpoint::list_service_accounts:
            return list_accounts(context, request);
        case endpoint::get_service_account:
            return get_account(context, request);
        case endpoint::list_service_account_keys:
            return list_keys(context, request);
        default:
            return std::nullopt;
    }
}

bool is_service_account_write(endpoint id) noexcept {
    return id == endpoint::create_service_account || id == endpoint::patch_service_account ||
           id == endpoint::delete_service_account || id == endpoint::create_service_account_key ||
           id == endpoint::revoke_service_account_key;
}

awaitable<http::response> respond_to_service_account_write(const request_context& context,
                                                           const http::request& request,
                                                           const app::audited& /*act*/) {
    const auto id = context.route->id;
    if (request.verb == http::method::del) co_return co_await delete_account_or_key(context);
    if (id == endpoint::create_service_account_key) {
        if (auto response = reject_idempotency(context, request)) co_return std::move(*response);
    }
    std::string decompressed;
    if (auto response = decompress(context, request, decompressed)) co_return std::move(*response);
    const std::string_view body = decompressed.empty() ? request.body : decompressed;
    if (id == endpoint::create_service_account) co_return co_await create_account(context, body);
    if (id == endpoint::patch_service_account) co_return co_await patch_account(context, body);
    co_return co_await create_key(context, body);
}

}  // namespace api
