// Whole connections: any bytes from a client, at once or in pieces, over the server's own connection, parser and
// limits. What it takes, Beast takes too and understands the same way; nothing depends on how the bytes arrive; each
// request gets one answer.
//
// The input: a byte that says how it is cut (0: not at all), then what the client sends.
//
// dictionary: http
// bytes_max: 2048
// covers: src/http/connection.cc src/http/wire.cc src/http/syntax.cc src/http/chunks.cc src/http/target.cc
// covers: src/http/exchange.cc

// Header only in this file: the module itself has no need of Beast's parser.
#undef BOOST_BEAST_SEPARATE_COMPILATION
#include <algorithm>
#include <optional>

#include <boost/beast/http.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "http/connection.h"

namespace {

using namespace millrace;
using namespace millrace::http;
namespace beast = boost::beast;

constexpr std::size_t kBodyMax = 512;

Limits small_limits() {
  Limits limits;
  limits.request_line_bytes = 256;
  limits.header_bytes = 512;
  limits.headers = 8;
  return limits;
}

// What the handler saw.
struct Seen {
  std::string method, path, body;
  std::vector<std::pair<std::string, std::string>> query, headers;
  bool whole = false;  // with its body
  bool streamed = false;
  bool operator==(const Seen&) const = default;
};

struct World {
  World()
      : state(small_limits(), metrics, [this](std::unique_ptr<Exchange> exchange) { handle(std::move(exchange)); }) {
    loop->begin();  // this thread is the loop's
  }

  void handle(std::unique_ptr<Exchange> exchange) {
    const Head& head = exchange->head();
    seen.push_back({head.method, head.path, "", head.query, head.headers, false, false});
    if (head.path.starts_with("/stream") && at_once) return stream(*exchange);
    if (head.path.starts_with("/late")) return exchange->reply(answer("late"));
    if (head.path.starts_with("/drop")) return;
    Exchange::read_body(std::move(exchange), kBodyMax, [this](std::unique_ptr<Exchange> at, std::string_view body) {
      MR_CHECK(body.size() <= kBodyMax);
      for (std::size_t i = 0; i < kBodyPaddingBytes; ++i)
        (void)*const_cast<const volatile char*>(body.data() + body.size() + i);
      seen.back().body = body;
      seen.back().whole = true;
      at->reply(answer("got " + std::to_string(body.size())));
    });
  }

  // Everything that will ever come has come: what blocks can't block for long.
  void stream(Exchange& exchange) {
    seen.back().streamed = true;
    std::string body;
    while (true) {
      Result<std::string_view> piece = exchange.read();
      if (!piece.ok()) return;  // dropped
      if (piece->empty()) break;
      body.append(*piece);
    }
    seen.back().body = body;
    seen.back().whole = true;
    if (exchange.begin(200, {}).ok() && exchange.write("streamed").ok()) (void)exchange.end().ok();
  }

  static Response answer(std::string body) {
    Response response;
    response.body = std::move(body);
    return response;
  }

  void turn() {
    while (loop->step(0)) continue;
  }

  Metrics metrics;
  ServerState state;
  // shared_ptr: connections hold their loop.
  std::shared_ptr<Loop> loop = std::make_shared<Loop>(3'600'000);
  std::vector<Seen> seen;
  bool at_once = true;
};

// Everything that the server says to these bytes.
std::string talk(World& world, std::string_view bytes, std::size_t piece_bytes) {
  int ends[2];
  MR_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  UniqueFd client(ends[1]);
  world.seen.clear();
  world.at_once = piece_bytes >= bytes.size();
  MR_CHECK(world.state.admit("client"));
  world.loop->post(
      std::make_shared<Connection>(world.loop, world.state, SocketStream::plain(UniqueFd(ends[0])), "", "client"),
      Task::kStart);
  if (!world.at_once) world.turn();
  bool open = true;
  while (!bytes.empty() && open) {
    std::string_view piece = bytes.substr(0, piece_bytes);
    open = ::send(client.get(), piece.data(), piece.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(piece.size());
    bytes.remove_prefix(piece.size());
    if (!world.at_once) world.turn();
  }
  ::shutdown(client.get(), SHUT_WR);
  world.turn();
  std::string said(64 << 10, '\0');
  ssize_t got = ::recv(client.get(), said.data(), said.size(), 0);
  said.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  MR_CHECK(said.size() < (64 << 10));
  client.reset(-1);
  world.turn();
  MR_CHECK(world.state.connections == 0 && world.state.by_group.empty());
  return said;
}

struct Said {
  int status = 0;
  bool close = false;
  std::string body;
  bool operator==(const Said&) const = default;
};

// The answers, 100 Continue left out, as a client would read them. `seen` says which were to HEAD.
std::vector<Said> answers(std::string_view said, const std::vector<Seen>& seen) {
  std::vector<Said> all;
  while (!said.empty()) {
    std::size_t end = said.find("\r\n\r\n");
    MR_CHECK(end != std::string_view::npos && said.starts_with("HTTP/1.1 "));
    std::string_view head = said.substr(0, end + 2);
    said.remove_prefix(end + 4);
    Said one;
    one.status = std::atoi(head.data() + 9);
    if (one.status == 100) continue;
    MR_CHECK(one.status >= 200 && one.status < 600);
    one.close = head.find("\r\nConnection: close\r\n") != std::string_view::npos;
    bool to_head = all.size() < seen.size() && seen[all.size()].method == "HEAD";
    if (std::size_t length = head.find("\r\nContent-Length: "); length != std::string_view::npos) {
      std::size_t bytes = to_head ? 0 : std::strtoull(head.data() + length + 18, nullptr, 10);
      // What was no request of a handler's is answered last; it may have been one to HEAD too.
      if (all.size() >= seen.size() && said.empty()) bytes = 0;
      MR_CHECK(bytes <= said.size());
      one.body = said.substr(0, bytes);
      said.remove_prefix(bytes);
    } else {
      one.body = said;  // in chunks, or up to the end: only the streamed answers are so, and the rest isn't looked at
      all.push_back(one);
      break;
    }
    all.push_back(one);
  }
  return all;
}

// Beast reads the fields behind the last chunk as if they were the head's, and refuses those that speak of framing, or
// of the connection in words that aren't ones. They say nothing (RFC 9112, 7.1.2), and ours passes over them.
bool is_of_a_head(const beast::error_code& error) {
  return error == beast::http::error::bad_transfer_encoding || error == beast::http::error::bad_content_length ||
         error == beast::http::error::multiple_content_length || error == beast::http::error::bad_value;
}

// One request at the front of `bytes`, as Beast reads it; the bytes it takes, 0 when it is no whole request, nothing
// when it takes offence at what its trailer says.
std::optional<std::size_t> beast_reads(std::string_view bytes, beast::http::request<beast::http::string_body>& into) {
  beast::http::request_parser<beast::http::string_body> parser;
  parser.body_limit(boost::none);
  parser.header_limit(64 << 10);
  parser.eager(true);
  std::size_t taken = 0;
  while (!parser.is_done()) {
    beast::error_code error;
    std::size_t step = parser.put(boost::asio::buffer(bytes.data() + taken, bytes.size() - taken), error);
    taken += step;
    if (parser.is_done()) break;
    if (parser.is_header_done() && is_of_a_head(error)) return std::nullopt;
    if ((error && error != beast::http::error::need_more) || step == 0) return 0;
  }
  into = parser.release();
  return taken;
}

std::string decoded(std::string_view text, bool plus_is_blank) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      plain.push_back(static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)));
      i += 2;
    } else {
      plain.push_back(plus_is_blank && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return plain;
}

void check_target(std::string_view target, const Seen& seen) {
  if (target != "*" && !target.starts_with('/')) {
    std::size_t authority = target.find("://");
    MR_CHECK(authority != std::string_view::npos);
    std::size_t path = target.find_first_of("/?", authority + 3);
    target = path == std::string_view::npos ? std::string_view() : target.substr(path);
  }
  std::size_t mark = target.find('?');
  std::string path = decoded(target.substr(0, mark), false);
  MR_CHECK(seen.path == (path.empty() ? "/" : path));
  std::vector<std::pair<std::string, std::string>> query;
  std::string_view rest = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    std::size_t end = std::min(rest.find('&'), rest.size());
    std::string_view pair = rest.substr(0, end);
    std::size_t equals = std::min(pair.find('='), pair.size());
    if (!pair.empty())
      query.emplace_back(decoded(pair.substr(0, equals), true),
                         decoded(pair.substr(std::min(equals + 1, pair.size())), true));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  MR_CHECK(seen.query == query);
}

// Beast, fed with the same bytes, sees the same requests.
void check_against_beast(std::string_view bytes, const std::vector<Seen>& seen) {
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
    const Seen& one = seen[i];
    if (!one.whole && i + 1 == seen.size()) return;  // its body was bad, too large, or didn't come
    beast::http::request<beast::http::string_body> request;
    std::optional<std::size_t> taken = beast_reads(bytes, request);
    if (!taken) return;
    MR_CHECK(*taken > 0);
    MR_CHECK(std::string_view(request.method_string().data(), request.method_string().size()) == one.method);
    MR_CHECK(!one.whole || request.body() == one.body);
    check_target({request.target().data(), request.target().size()}, one);
    MR_CHECK(static_cast<std::size_t>(std::distance(request.begin(), request.end())) >= one.headers.size());
    bytes.remove_prefix(*taken);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static World world;
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  std::string said = talk(world, bytes, bytes.size() + 1);
  std::vector<Seen> seen = world.seen;
  std::vector<Said> all = answers(said, seen);
  check_against_beast(bytes, seen);
  // One answer a request, and one more for what is no request; whatever isn't good is the last.
  MR_CHECK(all.size() <= seen.size() + 1);
  for (std::size_t i = 0; i + 1 < all.size(); ++i) MR_CHECK(all[i].status == 200 && !all[i].close);
  bool streamed = std::any_of(seen.begin(), seen.end(), [](const Seen& one) { return one.streamed; });
  bool late = std::any_of(seen.begin(), seen.end(), [](const Seen& one) { return !one.whole; });
  std::size_t piece = data[0] % 32;
  // An answer that doesn't wait for its body may close or not, by how much of that has come.
  if (piece == 0 || streamed) return 0;
  std::vector<Said> later = answers(talk(world, bytes, piece), world.seen);
  if (!late) MR_CHECK(world.seen == seen && later == all);
  return 0;
}
