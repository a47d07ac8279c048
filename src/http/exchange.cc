#include <charconv>

#include "base/check.h"
#include "http/connection.h"

namespace millrace::http {

ServerExchange::~ServerExchange() {
  if (connection_) Connection::hand_back(std::move(connection_), Task::kDropped);
}

const Head& ServerExchange::head() const {
  MR_CHECK(connection_ != nullptr);
  return connection_->wire().head;
}

void ServerExchange::reply(Response response) {
  MR_CHECK(connection_ != nullptr && !connection_->wire().begun);
  connection_->wire().response = std::move(response);
  Connection::hand_back(std::move(connection_), Task::kReply);
}

void ServerExchange::go_first() {
  MR_CHECK(connection_ != nullptr);
  connection_->go_first();
}

void ServerExchange::start_body(std::unique_ptr<Exchange> self, std::size_t bytes_max, BodyHandler next) {
  MR_CHECK(connection_ != nullptr && self.get() == this);
  std::shared_ptr<Connection> connection = std::move(connection_);  // or the two would hold each other
  self.release();
  connection->set_body_handler(std::unique_ptr<ServerExchange>(this), bytes_max, std::move(next));
  Connection::hand_back(std::move(connection), Task::kBody);
}

Result<std::string_view> ServerExchange::read() {
  MR_CHECK(connection_ != nullptr);
  Wire& wire = connection_->wire();
  while (true) {
    std::string_view piece = wire.take_body();
    if (!piece.empty() || wire.body_done()) return piece;
    if (wire.chunks.bad()) return invalid("the body's chunks are malformed");
    MR_TRY(wire.receive(connection_->limits()));
  }
}

Result<void> ServerExchange::begin(int status, std::vector<std::pair<std::string, std::string>> headers) {
  MR_CHECK(connection_ != nullptr && !connection_->wire().begun);
  Wire& wire = connection_->wire();
  wire.begun = true;
  wire.chunked_answer = wire.framing.http11;
  wire.keep = wire.framing.http11 && wire.framing.keep_alive && wire.body_done();
  wire.write_head(status, headers, {}, -1);
  iovec piece = piece_of(wire.out);
  return wire.send({&piece, 1}, connection_->limits().write_ms);
}

Result<void> ServerExchange::write(std::string_view bytes) {
  MR_CHECK(connection_ != nullptr && connection_->wire().begun);
  Wire& wire = connection_->wire();
  if (bytes.empty() || wire.head.method == "HEAD") return {};
  if (!wire.chunked_answer) {
    iovec piece = piece_of(bytes);
    return wire.send({&piece, 1}, connection_->limits().write_ms);
  }
  char size[20];
  char* end = std::to_chars(size, size + 16, bytes.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  iovec pieces[3] = {{size, static_cast<std::size_t>(end - size)}, piece_of(bytes), piece_of("\r\n")};
  return wire.send(pieces, connection_->limits().write_ms);
}

Result<void> ServerExchange::end() {
  MR_CHECK(connection_ != nullptr && connection_->wire().begun);
  Wire& wire = connection_->wire();
  if (wire.chunked_answer && wire.head.method != "HEAD") {
    iovec piece = piece_of("0\r\n\r\n");
    MR_TRY(wire.send({&piece, 1}, connection_->limits().write_ms));
  }
  Connection::hand_back(std::move(connection_), Task::kEnded);
  return {};
}

bool ServerExchange::can_detach() const {
  return connection_ && !connection_->wire().begun && !connection_->wire().stream.is_tls();
}

void ServerExchange::start_detach(std::unique_ptr<Exchange> self, DetachHandler next) {
  MR_CHECK(can_detach() && self.get() == this);
  std::shared_ptr<Connection> connection = std::move(connection_);
  connection->set_detach_handler(std::move(next));
  Connection::hand_back(std::move(connection), Task::kDetach);
}

bool ServerExchange::abandoned() { return !connection_ || connection_->wire().stream.peer_closed(); }

}  // namespace millrace::http
