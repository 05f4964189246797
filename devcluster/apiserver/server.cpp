#include "devcluster/apiserver/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "devcluster/apiserver/core.hpp"
#include "devcluster/apiserver/definitions.hpp"
#include "devcluster/apiserver/faults.hpp"
#include "devcluster/apiserver/journal.hpp"
#include "devcluster/apiserver/text.hpp"
#include "http/client.hpp"
#include "http/server.hpp"

namespace apiserver {
namespace {

using namespace std::chrono_literals;

constexpr auto bookmark_period = 30s;
constexpr auto proxy_timeout = 60s;
constexpr std::size_t proxy_bytes_max = 32 * 1024 * 1024;
constexpr std::size_t watch_chunk_bytes = 256 * 1024;

std::string_view word(change_type type) {
    switch (type) {
        case change_type::added:
            return "ADDED";
        case change_type::modified:
            return "MODIFIED";
        case change_type::deleted:
            return "DELETED";
    }
    return "";
}

// Everything of the server that lives on its one loop.
class serving final : public http::handler {
  public:
    serving(aio::executor on, object_store& objects, type_table& types, std::string token,
            const base::clock& clock)
        : on_(std::move(on)),
          objects_(objects),
          core_(objects, types, clock),
          token_(std::move(token)) {
        objects_.on_change([this](const change_event& event) {
            for (auto* each : watchers_) {
                if (each->type_key == event.type_key) each->news.notify();
            }
        });
        add_definitions();
    }
    ~serving() override { objects_.on_change({}); }

    std::optional<http::answer> handle_now(http::request& incoming) override {
        if (incoming.path().starts_with("/devcluster/")) return control(incoming);
        if (!token_.empty() && incoming.headers.get("Authorization") != "Bearer " + token_) {
            return answer_of(to_response({401, "Unauthorized", "Unauthorized"}));
        }
        const auto path = http::decode_percent(incoming.path(), false);
        const auto to = path ? core_.find_route(*path) : std::nullopt;
        const auto verb = to ? core::verb_of(incoming, *to) : std::string("discovery");
        const auto resource =
            to ? to->type->plural + (to->subresource.empty() ? "" : "/" + to->subresource) : "";
        ++calls_[verb + " " + resource];
        if (auto refused = faults_.refuse(verb)) return answer_of(std::move(*refused));
        if (faults_.delay(verb) > 0ms) return std::nullopt;
        auto reply = core_.handle(incoming);
        if (auto* response = std::get_if<http::response>(&reply)) {
            return answer_of(std::move(*response));
        }
        if (auto* order = std::get_if<watch_order>(&reply)) return start_watch(std::move(*order));
        return std::nullopt;  // the proxy needs a coroutine
    }

    boost::asio::awaitable<http::answer> handle(http::request incoming) override {
        const auto path = http::decode_percent(incoming.path(), false);
        const auto to = path ? core_.find_route(*path) : std::nullopt;
        const auto wait = faults_.delay(to ? core::verb_of(incoming, *to) : "");
        if (wait > 0ms) co_await aio::sleep_for(wait);
        auto reply = core_.handle(incoming);
        if (auto* response = std::get_if<http::response>(&reply)) {
            co_return answer_of(std::move(*response));
        }
        if (auto* order = std::get_if<watch_order>(&reply)) {
            co_return start_watch(std::move(*order));
        }
        co_return co_await forward(std::move(std::get<proxy_order>(reply)));
    }

    http::answer refuse(unsigned status, std::string_view detail) override {
        return answer_of(to_response({status, "BadRequest", std::string(detail)}));
    }

    core& content() { return core_; }

  private:
    struct watcher {
        watcher(std::string key, const aio::executor& on) : type_key(std::move(key)), news(on) {}
        std::string type_key;
        aio::wakeup news;
    };

    static http::answer answer_of(http::response response) {
        return {.response = std::move(response)};
    }

    void add_definitions() {
        for (auto& definition : kubedb_definitions()) {
            core_.ensure("apiextensions.k8s.io", "v1", "customresourcedefinitions",
                         std::move(definition));
        }
        for (const auto* name : {"default", "kube-system"}) {
            core_.ensure("", "v1", "namespaces",
                         {{"metadata", {{"name", name}}}, {"status", {{"phase", "Active"}}}});
        }
        core_.ensure("storage.k8s.io", "v1", "storageclasses",
                     {{"metadata", {{"name", "local"}}},
                      {"provisioner", "kubedb-dbaas.io/local"},
                      {"allowVolumeExpansion", true}});
    }

    // ---- watches -----------------------------------------------------------------------

    http::answer start_watch(watch_order order) {
        http::answer result{
            .response = {.status = 200, .headers = {{"Content-Type", "application/json"}}}};
        auto shared = std::make_shared<watch_order>(std::move(order));
        result.stream = [this, shared](http::stream_writer& out) { return run_watch(shared, out); };
        return result;
    }

    static void append_event(std::string& into, std::string_view type, std::string_view object) {
        fmt::format_to(std::back_inserter(into), "{{\"type\":\"{}\",\"object\":{}}}\n", type,
                       object);
    }

    static std::string bookmark(const watch_order& order, std::uint64_t revision, bool is_end) {
        json::object metadata{{"resourceVersion", std::to_string(revision)}};
        if (is_end) metadata["annotations"] = {{"k8s.io/initial-events-end", "true"}};
        return json::serialize(json::object{{"kind", order.type->kind},
                                            {"apiVersion", order.type->api_version()},
                                            {"metadata", std::move(metadata)}});
    }

    std::string initial_events(const watch_order& order) const {
        std::string text;
        for (const auto& [key, object] : objects_.all(order.type->key())) {
            if (!order.name_space.empty() && key.first != order.name_space) continue;
            if (order.wanted.matches(object->content)) append_event(text, "ADDED", *object->text);
        }
        if (order.bookmarks) {
            append_event(text, "BOOKMARK", bookmark(order, order.after, true));
        }
        return text;
    }

    // What one watcher sees of a change: an object may move into or out of its selection.
    static void append_change(std::string& into, const watch_order& order,
                              const change_event& event) {
        if (event.type_key != order.type->key()) return;
        if (!order.name_space.empty() && event.name_space != order.name_space) return;
        const bool was = event.before && order.wanted.matches(event.before->content);
        const bool is =
            event.type != change_type::deleted && order.wanted.matches(event.now->content);
        if (!was && !is) return;
        const auto type = !was ? change_type::added : !is ? change_type::deleted : event.type;
        append_event(into, word(type), *event.now->text);
    }

    // Changes after `order.after`, up to a bound; false when the window begins later.
    bool collect(watch_order& order, std::string& text) const {
        if (order.after < objects_.forgotten()) return false;
        const auto& window = objects_.window();
        auto at = std::ranges::upper_bound(window, order.after, {}, &change_event::revision);
        for (; at != window.end() && text.size() < watch_chunk_bytes; ++at) {
            append_change(text, order, *at);
            order.after = at->revision;
        }
        return true;
    }

    aio::task<> run_watch(std::shared_ptr<watch_order> order, http::stream_writer& out) {
        watcher mine(order->type->key(), on_);
        const auto place = watchers_.insert(&mine).first;
        auto ended = co_await feed(*order, out, mine);
        watchers_.erase(place);
        co_return ended;
    }

    aio::task<> feed(watch_order& order, http::stream_writer& out, watcher& mine) {
        const auto end = std::chrono::steady_clock::now() + order.timeout;
        auto next_bookmark = std::chrono::steady_clock::now() + bookmark_period;
        const auto cuts = faults_.watch_cuts();
        std::string text;
        if (order.initial_events) text = initial_events(order);
        while (!out.is_draining() && faults_.watch_cuts() == cuts) {
            if (!collect(order, text)) {
                append_event(text, "ERROR",
                             to_response(gone(fmt::format("too old resource version: {} ({})",
                                                          order.after, objects_.forgotten())))
                                 .body.to_string());
                co_return co_await out.write(std::make_shared<const std::string>(std::move(text)));
            }
            const auto now = std::chrono::steady_clock::now();
            if (now >= next_bookmark && order.bookmarks) {
                next_bookmark = now + bookmark_period;
                append_event(text, "BOOKMARK", bookmark(order, order.after, false));
            }
            if (!text.empty() && !faults_.silences_watches()) {
                auto sent = co_await out.write(
                    std::make_shared<const std::string>(std::exchange(text, {})));
                if (!sent) co_return sent;
                continue;
            }
            text.clear();
            if (now >= end) break;
            auto woken = co_await mine.news.wait_until(std::min({end, next_bookmark, now + 1s}));
            if (!woken) co_return base::pass(std::move(woken));
        }
        co_return base::outcome<void>{};
    }

    // ---- services/proxy ------------------------------------------------------------------

    boost::asio::awaitable<http::answer> forward(proxy_order order) {
        auto& client = backends_[fmt::format("{}:{}", order.host, order.port)];
        if (!client) {
            auto made = http::make_client(
                on_, {.origin = {.host = order.host, .port = order.port}, .connections_max = 8});
            if (made) client = std::shared_ptr<http::client>(std::move(*made));
        }
        if (backends_.size() > 20'000) backends_.clear();
        const auto held = client;
        auto got =
            co_await held->send({.target = std::move(order.target)},
                                {.deadline = std::chrono::steady_clock::now() + proxy_timeout,
                                 .body_bytes_max = proxy_bytes_max});
        if (!got) {
            co_return answer_of(
                to_response({503, "ServiceUnavailable",
                             fmt::format("error trying to reach service: {}", got.error().text)}));
        }
        http::response answer{.status = got->status, .body = std::move(got->body)};
        answer.headers.add("Content-Type", std::string(got->headers.get("Content-Type")));
        co_return answer_of(std::move(answer));
    }

    // ---- for proofs: what was asked, and trouble on demand ------------------------------

    http::answer control(const http::request& incoming) {
        if (incoming.path() == "/devcluster/stats" && incoming.verb == http::method::get) {
            json::object calls;
            for (const auto& [what, count] : calls_) calls[what] = count;
            return answer_of(json_response(200, json::object{{"calls", std::move(calls)},
                                                             {"watchers", watchers_.size()},
                                                             {"revision", objects_.revision()}}));
        }
        if (incoming.path() == "/devcluster/faults" && incoming.verb == http::method::post) {
            boost::system::error_code error;
            const auto wanted = json::parse(incoming.body, error);
            if (error || !wanted.is_object()) {
                return answer_of(to_response(bad_request("faults are a JSON object")));
            }
            auto set = faults_.set(wanted.get_object());
            if (!set) return answer_of(to_response(bad_request(set.error().text)));
            if (faults_.take_compaction()) objects_.forget_window();
            for (auto* each : watchers_) each->news.notify();
            return answer_of(json_response(200, json::object{{"faults", "set"}}));
        }
        return answer_of(to_response({404, "NotFound", "no such control"}));
    }

    aio::executor on_;
    object_store& objects_;
    core core_;
    std::string token_;
    std::set<watcher*> watchers_;
    std::map<std::string, std::shared_ptr<http::client>> backends_;
    std::map<std::string, std::uint64_t> calls_;
    fault_switches faults_;
};

class server_impl final : public api_server {
  public:
    explicit server_impl(server_options how)
        : how_(std::move(how)), objects_([this](std::string_view line) {
              if (journal_) journal_->append(line);
          }) {}

    ~server_impl() override {
        if (server_) server_->stop(std::chrono::steady_clock::now() + 2s);
    }

    base::outcome<void> start() {
        auto loaded = load();
        if (!loaded) return loaded;
        auto started =
            http::start_server({.address = how_.address,
                                .port = how_.port != 0 ? how_.port : last_port(),
                                .loops = 1,
                                .body_bytes_max = 3 * 1024 * 1024},
                               [this](aio::executor on) {
                                   return std::make_unique<serving>(std::move(on), objects_, types_,
                                                                    how_.token, *how_.clock);
                               });
        if (!started) return base::pass(std::move(started), "API server");
        server_ = std::move(*started);
        if (!how_.data_dir.empty()) std::ofstream(port_file()) << server_->port() << '\n';
        return {};
    }

    [[nodiscard]] std::uint16_t port() const noexcept override { return server_->port(); }

    [[nodiscard]] std::string kubeconfig() const override {
        return fmt::format(
            "apiVersion: v1\nkind: Config\ncurrent-context: devcluster\n"
            "clusters:\n- name: devcluster\n  cluster: {{server: 'http://{}:{}'}}\n"
            "users:\n- name: admin\n  user: {{token: '{}'}}\n"
            "contexts:\n- name: devcluster\n  context: {{cluster: devcluster, user: admin}}\n",
            how_.address, port(), how_.token);
    }

  private:
    [[nodiscard]] std::string port_file() const { return how_.data_dir + "/apiserver.port"; }

    // Clients find the server again where it was.
    std::uint16_t last_port() const {
        std::uint16_t port = 0;
        std::ifstream(port_file()) >> port;
        return port;
    }

    base::outcome<void> load() {
        if (how_.data_dir.empty()) return {};
        std::error_code error;
        std::filesystem::create_directories(how_.data_dir, error);
        std::filesystem::permissions(how_.data_dir, std::filesystem::perms::owner_all, error);
        auto opened = journal::open(
            how_.data_dir + "/objects.journal",
            [this](std::string_view line) { return objects_.replay(line); },
            [this](const auto& out) { objects_.write_snapshot(out); });
        if (!opened) return base::pass(std::move(opened), "API server");
        journal_ = std::move(*opened);
        return {};
    }

    server_options how_;
    std::unique_ptr<journal> journal_;
    object_store objects_;
    type_table types_;
    std::unique_ptr<http::server> server_;
};

}  // namespace

base::outcome<std::unique_ptr<api_server>> start(server_options how) {
    auto made = std::make_unique<server_impl>(std::move(how));
    auto started = made->start();
    if (!started) return base::pass(std::move(started));
    return made;
}

}  // namespace apiserver
