// dbaas_bench_follow PORT OBJECTS EVENTS: follows Postgres objects with the informer and reads the
// fields that the platform reads. Prints the cost of the list and of the following events as JSON.
// bench/peers/reflector does the same with client-go.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_map>

#include "aio/block_on.hpp"
#include "json/json_access.hpp"
#include "kube/informer.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_dialect.hpp"
#include "kubedb/observe.hpp"

namespace {

struct moment {
    double wall = 0;
    double cpu = 0;
};

double seconds(const timeval& time) {
    return double(time.tv_sec) + double(time.tv_usec) / 1e6;
}

rusage used() {
    rusage all{};
    getrusage(RUSAGE_SELF, &all);
    return all;
}

moment now() {
    const auto all = used();
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return {.wall = std::chrono::duration<double>(since).count(),
            .cpu = seconds(all.ru_utime) + seconds(all.ru_stime)};
}

class follower final : public kube::informer_listener {
  public:
    follower(std::size_t events, aio::notification& progress)
        : left_(events), progress_(progress) {}

    void on_upsert(const kube::object_meta& meta, std::string_view text) override {
        const auto parsed = json::try_parse(text);
        if (!parsed || !parsed->is_object()) return;
        auto seen = kubedb::observe_database(dialect_, parsed->get_object());
        known_.insert_or_assign(meta.ns + '/' + meta.name, std::move(seen));
        if (!is_synced || --left_ > 0) return;
        done = now();
        is_done = true;
        progress_.notify();
    }
    void on_delete(const kube::object_meta& meta) override {
        known_.erase(meta.ns + '/' + meta.name);
    }
    void on_synced() override {
        listed = now();
        is_synced = true;
    }
    void on_sync_state(bool /*connected*/, const std::string& reason) override {
        if (!reason.empty()) fmt::print(stderr, "follow: {}\n", reason);
    }
    [[nodiscard]] std::size_t objects() const noexcept { return known_.size(); }

    bool is_synced = false;
    bool is_done = false;
    moment listed;
    moment done;

  private:
    const kubedb::engine_dialect& dialect_ = *kubedb::find_dialect("postgres");
    std::unordered_map<std::string, domain::observed_database> known_;
    std::size_t left_;
    aio::notification& progress_;
};

struct task_size {
    std::uint16_t port;
    std::size_t objects;
    std::size_t events;
};

aio::task<> follow(task_size size) {
    const auto executor = co_await aio::this_executor();
    auto client = kube::make_client(
        executor,
        {.config = {.server = {.host = "127.0.0.1", .port = size.port}}, .retries_max = 0});
    if (!client) co_return base::pass(std::move(client));
    aio::notification progress(executor);
    follower seen(size.events, progress);
    const kube::resource postgreses{
        .group = "kubedb.com", .version = "v1", .plural = "postgreses", .kind = "Postgres"};
    const auto informer =
        kube::make_informer(**client, {.kind = postgreses, .ns = ""}, seen, base::system_clock());
    const auto begun = now();
    aio::task_group watching(executor);
    watching.spawn(informer->run());
    while (!seen.is_done) {
        const auto woken = co_await progress.wait();
        if (!woken) break;
    }
    watching.cancel();
    co_await watching.join();
    if (seen.objects() != size.objects) {
        co_return base::fail(base::errc::internal,
                             fmt::format("{} objects are known", seen.objects()));
    }
    fmt::print(
        "{{\"list_seconds\":{},\"list_cpu\":{},\"watch_seconds\":{},\"watch_cpu\":{},"
        "\"rss_mib\":{}}}\n",
        seen.listed.wall - begun.wall, seen.listed.cpu - begun.cpu,
        seen.done.wall - seen.listed.wall, seen.done.cpu - seen.listed.cpu,
        double(used().ru_maxrss) / 1024);
    co_return base::ok();
}

}  // namespace

int main(int count, char** words) {
    if (count != 4) {
        std::fputs("usage: dbaas_bench_follow PORT OBJECTS EVENTS\n", stderr);
        return 2;
    }
    const auto number = [&](int index) { return std::size_t(std::atoll(words[index])); };
    const auto ended = aio::block_on(
        follow({.port = std::uint16_t(number(1)), .objects = number(2), .events = number(3)}));
    if (!ended) fmt::print(stderr, "follow: {}\n", ended.error().text);
    return ended ? 0 : 1;
}
