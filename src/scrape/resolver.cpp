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

// What is known of one name.
struct known_name {
    std::string address;  // empty: none yet
    base::steady_time fresh_until{};
    bool is_looked_up = false;   // a look-up is under way
    std::uint64_t look_ups = 0;  // ended
    base::failure trouble{};     // of the last one, when it failed
    std::vector<aio::notification*> waiters;
};

class remembering_resolver final : public resolver,
                                   public std::enable_shared_from_this<remembering_resolver> {
  public:
    remembering_resolver(aio::executor on, aio::blocking_pool& pool, const base::clock& clock,
                         look_up_function look_up, resolver_options how)
        : executor_(std::move(on)),
          pool_(pool),
          clock_(clock),
          look_up_(std::move(look_up)),
          options_(how) {}

    aio::task<std::string> resolve(std::string host, base::steady_time deadline) override {
        auto& known = name_of(host);
        if (clock_.now() >= known.fresh_until && !known.is_looked_up && !begin(host, known)) {
            co_return base::fail(errc::unavailable, "too many names are being looked up");
        }
        if (!known.address.empty()) co_return known.address;
        const auto before = known.look_ups;
        aio::notification ended(executor_);
        const waiting place(known, ended);  // the name is not dropped meanwhile
        while (known.look_ups == before) {
            auto told = co_await ended.wait_until(deadline);
            if (!told) co_return base::pass(std::move(told));
            if (!*told) co_return base::fail(errc::timed_out, "looking up " + host);
        }
        if (known.address.empty()) co_return std::unexpected(known.trouble);
        co_return known.address;
    }

    void forget(const std::string& host) override {
        const auto at = names_.find(host);
        if (at == names_.end()) return;
        at->second.address.clear();
        at->second.fresh_until = {};
    }

  private:
    class waiting {
      public:
        waiting(known_name& at, aio::notification& with) : at_(at), deps_(with) {
            at_.waiters.push_back(&deps_);
        }
        ~waiting() { std::erase(at_.waiters, &deps_); }
        waiting(const waiting&) = delete;
        waiting& operator=(const waiting&) = delete;

      private:
        known_name& at_;
        aio::notification& deps_;
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

    // False: the pool is full.
    bool begin(const std::string& host, known_name& known) {
        known.is_looked_up = pool_.submit(
            [host, look_up = look_up_, on = executor_, self = weak_from_this()]() mutable {
                if (self.expired()) return;  // what waits in the pool's queue holds nobody's end up
                auto found = look_up(host);
                aio::post(on, [host, self, found = std::move(found)]() mutable {
                    if (const auto alive = self.lock()) alive->end(host, std::move(found));
                });
            });
        return known.is_looked_up || !known.address.empty();
    }

    void end(const std::string& host, base::outcome<std::string> found) {
        const auto at = names_.find(host);
        if (at == names_.end()) return;
        auto& known = at->second;
        known.is_looked_up = false;
        ++known.look_ups;
        if (found) {
            known.address = std::move(*found);
            known.fresh_until = clock_.now() + options_.fresh_for;
        } else {
            // An address that was good may well be: names fail more often than services move.
            if (found.error().code == errc::not_found) known.address.clear();
            known.trouble = std::move(found).error();
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

// The owner's; look-ups that end later find it gone.
class owned_resolver final : public resolver {
  public:
    explicit owned_resolver(std::shared_ptr<remembering_resolver> inner)
        : inner_(std::move(inner)) {}
    aio::task<std::string> resolve(std::string host, base::steady_time deadline) override {
        return inner_->resolve(std::move(host), deadline);
    }
    void forget(const std::string& host) override { inner_->forget(host); }

  private:
    // Shared with a look-up's end for the time of that call, on the same loop.
    std::shared_ptr<remembering_resolver> inner_;
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

std::unique_ptr<resolver> make_resolver(aio::executor on, aio::blocking_pool& pool,
                                        const base::clock& clock, look_up_function look_up,
                                        resolver_options how) {
    return std::make_unique<owned_resolver>(std::make_shared<remembering_resolver>(
        std::move(on), pool, clock, std::move(look_up), how));
}

}  // namespace scrape
