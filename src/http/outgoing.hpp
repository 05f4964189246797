#pragma once
// Writes the response queue of one connection: gathered writes on a plain socket, encrypted batches
// with TLS. Belongs to one connection, on its loop. Internal to http.

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <string>
#include <type_traits>

#include "http/read_buffer.hpp"
#include "http/response_queue.hpp"

namespace http::detail {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using tls_stream = asio::ssl::stream<tcp::socket>;

inline tcp::socket& lowest(tcp::socket& stream) noexcept {
    return stream;
}
inline tcp::socket& lowest(tls_stream& stream) noexcept {
    return stream.next_layer();
}

template <class Stream>
class outgoing {
  public:
    static constexpr bool is_tls = !std::is_same_v<Stream, tcp::socket>;

    explicit outgoing(Stream& stream) : stream_(stream) {}

    [[nodiscard]] response_queue& queue() noexcept { return queue_; }
    [[nodiscard]] bool is_empty() const noexcept { return queue_.empty(); }
    // Whether a write is in progress.
    [[nodiscard]] bool is_waiting() const noexcept { return is_waiting_; }

    // Writes the queue. Returns true if everything is written. Returns false if the write continues
    // later. It then keeps the owner alive and calls on_write_waits() at each wait, then
    // on_written() or on_write_failed().
    template <class Owner>
    bool flush(Owner& owner) {
        if (queue_.empty()) return true;
        if constexpr (is_tls) {
            write_encrypted(owner);
            return false;
        } else {
            return write_parts(owner);
        }
    }

    // Drops the queue. The owner gets no further call.
    void abandon() {
        is_waiting_ = false;
        queue_.abandon();
    }

  private:
    static constexpr std::size_t parts_at_a_time = 64;
    // A TLS record holds 16 KiB. Encryption copies the bytes anyway.
    static constexpr std::size_t tls_batch_bytes = 64 * 1024;

    // Writes until the socket would block, then waits.
    template <class Owner>
    bool write_parts(Owner& owner) {
        while (!queue_.empty()) {
            const auto parts = queue_.pending();
            msghdr message{};
            // POSIX declares the list without const; sendmsg() does not change it.
            message.msg_iov = const_cast<iovec*>(parts.data());  // NOLINT(*-const-cast)
            message.msg_iovlen = std::min(parts.size(), parts_at_a_time);
            const auto size =
                ::sendmsg(stream_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (size >= 0) {
                queue_.consume(static_cast<std::size_t>(size));
            } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
                wait_until_writable(owner);
                return false;
            } else if (errno != EINTR) {
                owner.on_write_failed();
                return false;
            }
        }
        return true;
    }

    template <class Owner>
    void wait_until_writable(Owner& owner) {
        begin_to_wait(owner);
        stream_.async_wait(tcp::socket::wait_write, [this, self = owner.shared_from_this()](
                                                        const boost::system::error_code& error) {
            if (!is_waiting_) return;
            if (error) return self->on_write_failed();
            if (write_parts(*self)) end_wait(*self);
        });
    }

    template <class Owner>
    void write_encrypted(Owner& owner) {
        encrypted_.clear();
        for (const auto& part : queue_.pending()) {
            const auto capacity = tls_batch_bytes - encrypted_.size();
            encrypted_.append(static_cast<const char*>(part.iov_base),
                              std::min(part.iov_len, capacity));
            if (encrypted_.size() == tls_batch_bytes) break;
        }
        begin_to_wait(owner);
        asio::async_write(stream_, asio::buffer(encrypted_),
                          [this, self = owner.shared_from_this()](
                              const boost::system::error_code& error, std::size_t size) {
                              if (!is_waiting_) return;
                              queue_.consume(size);
                              if (error) return self->on_write_failed();
                              if (!queue_.empty()) return write_encrypted(*self);
                              end_wait(*self);
                          });
    }

    template <class Owner>
    void begin_to_wait(Owner& owner) {
        is_waiting_ = true;
        owner.on_write_waits();
    }
    template <class Owner>
    void end_wait(Owner& owner) {
        is_waiting_ = false;
        if (encrypted_.capacity() > read_buffer::smallest) encrypted_ = {};
        owner.on_written();
    }

    Stream& stream_;
    response_queue queue_;
    std::string encrypted_;  // TLS only: the batch in progress
    bool is_waiting_ = false;
};

}  // namespace http::detail
