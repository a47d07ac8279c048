#include "http/wire.h"

#include <charconv>

#include <poll.h>

namespace millrace::http {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::uint64_t kSkipBytesMax = 64 << 10;

void append_number(std::string& to, std::uint64_t number) {
  char digits[20];
  to.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// A line break in a value would begin a header of the client's choice.
void append_value(std::string& to, std::string_view value) {
  if (is_field_value(value)) {
    to.append(value);
    return;
  }
  for (char c : value) to.push_back(is_field_value({&c, 1}) ? c : ' ');
}

}  // namespace

void Wire::start_body(const Limits& limits) {
  chunks = ChunkDecoder();
  body_left = framing.chunked ? 0 : static_cast<std::uint64_t>(head.content_length);
  continue_due = framing.expect_continue && !body_done();
  begun = chunked_answer = keep = false;
  pace.start(limits);
}

std::string_view Wire::take_body() {
  in.consume(std::exchange(lent, 0));
  if (!framing.chunked) {
    lent = static_cast<std::size_t>(std::min<std::uint64_t>(body_left, in.view().size()));
    body_left -= lent;
    return in.view().substr(0, lent);
  }
  ChunkDecoder::Step step = chunks.step(in.view());
  if (step.data.empty()) {
    in.consume(step.consumed);
  } else {
    lent = step.consumed;
  }
  return step.data;
}

bool Wire::settle_body() {
  if (framing.chunked) {
    while (!take_body().empty()) continue;
    return chunks.done();
  }
  in.consume(std::exchange(lent, 0));
  return body_left == 0 || (body_left <= kSkipBytesMax && !continue_due);
}

void Wire::write_head(int status, const Fields& headers, std::string_view content_type, std::int64_t length,
                      bool any_origin) {
  out.assign("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(status));
  out.append(" ").append(reason_phrase(status)).append("\r\n");
  if (!content_type.empty()) {
    out.append("Content-Type: ");
    append_value(out, content_type);
    out.append("\r\n");
  }
  if (any_origin) out.append("Access-Control-Allow-Origin: *\r\n");
  for (const auto& [name, value] : headers) {
    out.append(name).append(": ");
    append_value(out, value);
    out.append("\r\n");
  }
  if (length >= 0) {
    out.append("Content-Length: ");
    append_number(out, static_cast<std::uint64_t>(length));
    out.append("\r\n");
  } else if (chunked_answer) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
  if (!keep) out.append("Connection: close\r\n");
  out.append("\r\n");
}

Result<void> Wire::receive(const Limits& limits) {
  if (std::exchange(continue_due, false)) {
    iovec piece = piece_of(kContinue);
    MR_TRY(send({&piece, 1}, limits.write_ms));
  }
  while (true) {
    char* into = in.space(kReadBytes);
    std::int64_t began = now_ms();
    SocketStream::Outcome outcome = stream.read(into, in.room());
    if (outcome.status == SocketStream::Status::kDone) {
      in.filled(outcome.bytes);
      pace.received(outcome.bytes, 0, limits);
      return {};
    }
    bool blocked =
        outcome.status == SocketStream::Status::kWantRead || outcome.status == SocketStream::Status::kWantWrite;
    if (!blocked) return unavailable("the client closed the connection within the body");
    short events = outcome.status == SocketStream::Status::kWantRead ? POLLIN : POLLOUT;
    if (!wait_for(stream.fd(), events, began + pace.credit_ms(), -1).ok())
      return unavailable("the body came too slowly");
    pace.received(0, now_ms() - began, limits);
  }
}

Result<void> Wire::send(std::span<iovec> pieces, std::int64_t stall_ms) {
  while (!(pieces = advance_pieces(pieces, 0)).empty()) {
    SocketStream::Outcome outcome = stream.write(pieces);
    switch (outcome.status) {
      case SocketStream::Status::kDone:
        pieces = advance_pieces(pieces, outcome.bytes);
        continue;
      case SocketStream::Status::kWantRead:
      case SocketStream::Status::kWantWrite: {
        short events = outcome.status == SocketStream::Status::kWantRead ? POLLIN : POLLOUT;
        if (!wait_for(stream.fd(), events, now_ms() + stall_ms, -1).ok())
          return unavailable("the client takes no more");
        continue;
      }
      default:
        return unavailable("the client closed the connection");
    }
  }
  return {};
}

std::span<iovec> advance_pieces(std::span<iovec> pieces, std::size_t bytes) {
  while (!pieces.empty() && bytes >= pieces[0].iov_len) {
    bytes -= pieces[0].iov_len;
    pieces = pieces.subspan(1);
  }
  if (!pieces.empty()) {
    pieces[0].iov_base = static_cast<char*>(pieces[0].iov_base) + bytes;
    pieces[0].iov_len -= bytes;
  }
  return pieces;
}

iovec piece_of(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

}  // namespace millrace::http
