// The parser here against Beast's, on two hundred thousand mutated heads: whatever is accepted here, Beast must accept,
// and must understand it the same way. (The other direction does not hold: Beast takes, among others, bytes past ASCII
// in targets, and several equal lengths.)
#include <random>

#include <boost/beast/http.hpp>
#include <gtest/gtest.h>

#include "http/syntax.h"

namespace millrace::http {
namespace {

namespace beast = boost::beast;

const std::vector<std::string> kSeeds = {
    "POST /v1/events?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nConnection: keep-alive\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    "GET http://a/b HTTP/1.1\r\nHost: a\r\nConnection: foo, close\r\nX: \t y \r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nEmpty:\r\n\r\n",
};
const std::vector<std::string> kPieces = {"\r\n",
                                          "\n",
                                          "\r",
                                          " ",
                                          "\t",
                                          ":",
                                          ",",
                                          "Content-Length: 3\r\n",
                                          "Transfer-Encoding: chunked\r\n",
                                          "Transfer-Encoding: gzip\r\n",
                                          "chunked",
                                          "Host: b\r\n",
                                          " folded\r\n",
                                          "+",
                                          "0x",
                                          "%41",
                                          "%",
                                          ";",
                                          "close",
                                          "HTTP/1.1",
                                          std::string(1, '\0'),
                                          "\x80",
                                          "\x7f",
                                          "1"};

std::string mutate(std::mt19937& random) {
  std::string bytes = kSeeds[random() % kSeeds.size()];
  for (unsigned changes = random() % 4; changes > 0; --changes) {
    std::size_t at = random() % bytes.size();
    switch (random() % 4) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.erase(at, 1 + random() % 4);
        break;
      case 2:
        bytes.insert(at, kPieces[random() % kPieces.size()]);
        break;
      default: {  // at the begin of a line
        std::size_t line = bytes.find('\n', at);
        bytes.insert(line == std::string::npos ? at : line + 1, kPieces[random() % kPieces.size()]);
      }
    }
    if (bytes.empty()) break;
  }
  return bytes;
}

bool accepted_here(const std::string& bytes, Head& head, Framing& framing, std::size_t& head_bytes) {
  HeadScan scan;
  if (scan_head(bytes, Limits(), scan) || scan.head_bytes == 0) return false;
  head_bytes = scan.head_bytes;
  return !parse_head(std::string_view(bytes).substr(0, scan.head_bytes), Limits(), head, framing);
}

TEST(HeadOracle, WhatIsAcceptedHereMeansTheSameToBeast) {
  std::mt19937 random(20'240'817);
  int accepted = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string bytes = mutate(random);
    Head head;
    Framing framing;
    std::size_t head_bytes = 0;
    if (!accepted_here(bytes, head, framing, head_bytes)) continue;
    ++accepted;
    beast::http::request_parser<beast::http::empty_body> beast_parser;
    beast_parser.body_limit(boost::none);
    beast::error_code error;
    beast_parser.put(boost::asio::buffer(bytes.data(), head_bytes), error);
    ASSERT_FALSE(error && error != beast::http::error::need_more) << error.message() << "\n" << bytes;
    ASSERT_TRUE(beast_parser.is_header_done()) << bytes;
    const auto& request = beast_parser.get();
    ASSERT_EQ(request.method_string(), head.method) << bytes;
    ASSERT_EQ(request.version() == 11, framing.http11) << bytes;
    ASSERT_EQ(beast_parser.chunked(), framing.chunked) << bytes;
    ASSERT_EQ(beast_parser.keep_alive(), framing.keep_alive) << bytes;
    ASSERT_EQ(beast_parser.content_length().value_or(0),
              static_cast<std::uint64_t>(std::max<std::int64_t>(0, head.content_length)))
        << bytes;
    ASSERT_EQ(std::distance(request.begin(), request.end()), static_cast<std::ptrdiff_t>(head.headers.size())) << bytes;
    for (const auto& [name, value] : head.headers) {
      auto [first, last] = request.equal_range(name);
      ASSERT_TRUE(std::any_of(first, last, [text = std::string_view(value)](const auto& field) {
        return std::string_view(field.value().data(), field.value().size()) == text;
      })) << bytes;
    }
  }
  EXPECT_GT(accepted, 50'000);
  EXPECT_LT(accepted, 190'000);
}

}  // namespace
}  // namespace millrace::http
