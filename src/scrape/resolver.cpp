#include "scrape/resolver.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>

#include <array>
#include <unordered_map>
#include <utility>
#include <vector>

namespace scrape {
namespace {

using base::errc;

// The cache entry of a name.
struct known_name {
    std::string address;  // empty: none
    base::steady_time fresh_until{};
    bool is_looked_up = false;   // a look-up is under way
    std::uint64_t look_ups = 0;  // ended
    base::failure error{};       // of the last look-up, if it failed
    std::vector<aio::notification*> waiters;
};

class caching_resolver final : public resolver,
                               public std::enable_shared_from_this<caching_resolver> {
  public:
    caching_resolver(aio::executor executor, aio::blocking_pool& pool, const base::clock& clock,
                     look_up_function look_up, resolver_options options)
        : executor_(std::move(executor)),
          pool_(pool),
          clock_(clock),
          look_up_(std::move(look_up)),
          options_(options) {}

    aio::task<std::string> resolve(std::string host, base::steady_time deadline) override {
        auto& known = name_of(host);
        if (clock_.now() >= known.fresh_until && !known.is_looked_up && !begin(host, known)) {
            co_return base::fail(errc::unavailable, "too many concurrent name look-ups");
        }
        if (!known.address.empty()) co_return known.address;
        const auto before = known.look_ups;
        aio::notification ended(executor_);
        const waiting waiter(known, ended);  // keeps the entry in the cache
        while (known.look_ups == before) {
            auto notified = co_await ended.wait_until(deadline);
            if (!notified) co_return base::pass(std::move(notified));
            if (!*notified) co_return base::fail(errc::timed_out, "looking up " + host);
        }
        if (known.address.empty()) co_return std::unexpected(known.error);
        co_return known.address;
    }

    void forget(const std::string& host) override {
        const auto it = names_.find(host);
        if (it == names_.end()) return;
        it->second.address.clear();
        it->second.fresh_until = {};
    }

  private:
    class waiting {
      public:
        waiting(known_name& name, aio::notification& ended) : name_(name), ended_(ended) {
            name_.waiters.push_back(&ended_);
        }
        ~waiting() { std::erase(name_.waiters, &ended_); }
        waiting(const waiting&) = delete;
        waiting& operator=(const waiting&) = delete;

      private:
        known_name& name_;
        aio::notification& ended_;
    };

    known_name& name_of(const std::string& host) {
        if (names_.size() >= options_.names_max && !names_.contains(host)) {
            const auto now = clock_.now();
            std::erase_if(names_, [now](const auto& each) {
                const auto& [name, known] = each;
                return known.waiters.empty() && !known.is_looked_up && now >= known.fresh_until;
            });
        }
        return names_[host];
    }

    // Starts a look-up. Returns false if there is no address and the pool is full.
    bool begin(const std::string& host, known_name& known) {
        known.is_looked_up = pool_.submit(
            [host, look_up = look_up_, executor = executor_, self = weak_from_this()]() mutable {
                if (self.expired()) return;  // the owner must not wait for queued look-ups
                auto address = look_up(host);
                aio::post(executor, [host, self, address = std::move(address)]() mutable {
                    if (const auto owner = self.lock()) owner->end(host, std::move(address));
                });
            });
        return known.is_looked_up || !known.address.empty();
    }

    void end(const std::string& host, base::outcome<std::string> address) {
        const auto it = names_.find(host);
        if (it == names_.end()) return;
        auto& known = it->second;
        known.is_looked_up = false;
        ++known.look_ups;
        if (address) {
            known.address = std::move(*address);
            known.fresh_until = clock_.now() + options_.fresh_for;
        } else {
            // The cached address may still be right: name servers fail more often than addresses
            // change.
            if (address.error().code == errc::not_found) known.address.clear();
            known.error = std::move(address).error();
        }
        for (auto* each : known.waiters) each->notify();
    }

    aio::executor executor_;
    aio::blocking_pool& pool_;
    const base::clock& clock_;
    look_up_function look_up_;
    resolver_options options_;
    std::unordered_map<std::string, known_name> names_;  // its elements do not move
};

// The resolver that the caller owns. A look-up that ends after its destruction has no effect.
class owned_resolver final : public resolver {
  public:
    explicit owned_resolver(std::shared_ptr<caching_resolver> inner) : inner_(std::move(inner)) {}
    aio::task<std::string> resolve(std::string host, base::steady_time deadline) override {
        return inner_->resolve(std::move(host), deadline);
    }
    void forget(const std::string& host) override { inner_->forget(host); }

  private:
    // A look-up that ends shares it during the call of end(), on the same loop.
    std::shared_ptr<caching_resolver> inner_;
};

}  // namespace

base::outcome<std::string> look_up_address(const std::string& host) {
    const addrinfo wanted{.ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM};
    addrinfo* list = nullptr;
    const int error = getaddrinfo(host.c_str(), nullptr, &wanted, &list);
    if (error != 0) {
        const bool is_none = error == EAI_NONAME || error == EAI_NODATA;
        return base::fail(is_none ? errc::not_found : errc::unavailable,
                          fmt::format("looking up {}: {}", host, gai_strerror(error)));
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
    std::array<char, NI_MAXHOST> text{};
    const int unreadable = getnameinfo(list->ai_addr, list->ai_addrlen, text.data(), text.size(),
                                       nullptr, 0, NI_NUMERICHOST);
    if (unreadable != 0) {
        return base::fail(errc::unavailable,
                          fmt::format("looking up {}: {}", host, gai_strerror(unreadable)));
    }
    return std::string(text.data());
}

std::unique_ptr<resolver> make_resolver(aio::executor executor, aio::blocking_pool& pool,
                                        const base::clock& clock, look_up_function look_up,
                                        resolver_options options) {
    return std::make_unique<owned_resolver>(std::make_shared<caching_resolver>(
        std::move(executor), pool, clock, std::move(look_up), options));
}

}  // namespace scrape
