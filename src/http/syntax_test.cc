#include "http/syntax.h"

#include <gtest/gtest.h>

#include "http/client.h"
#include "http/url.h"

namespace millrace::http {
namespace {

// 0 when the head is whole and well-formed, -1 when more must come, else the status of the refusal.
int status_of(std::string_view bytes, Head& head, Framing& framing, const Limits& limits = Limits()) {
  HeadScan scan;
  if (auto refusal = scan_head(bytes, limits, scan)) return refusal->status;
  if (scan.head_bytes == 0) return -1;
  auto refusal = parse_head(bytes.substr(0, scan.head_bytes), limits, head, framing);
  return refusal ? refusal->status : 0;
}

int status_of(std::string_view bytes, const Limits& limits = Limits()) {
  Head head;
  Framing framing;
  return status_of(bytes, head, framing, limits);
}

std::string with_headers(std::string_view headers) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n";
}

std::string with_target(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

TEST(Head, IsReadIntoItsParts) {
  Head head;
  Framing framing;
  std::string bytes =
      "POST /v1/a%2Fb?x=1&y=a+b%26&empty&=v HTTP/1.1\r\nHost: example.org:80\r\nContent-Length:  12 \r\n"
      "X-Thing:\r\nx-thing: two\r\nConnection: foo, Close\r\n\r\nrest";
  ASSERT_EQ(status_of(bytes, head, framing), 0);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/v1/a/b");
  Fields query = {{"x", "1"}, {"y", "a b&"}, {"empty", ""}, {"", "v"}};
  EXPECT_EQ(head.query, query);
  EXPECT_EQ(*head.parameter("y"), "a b&");
  EXPECT_EQ(head.parameter("z"), nullptr);
  EXPECT_EQ(head.content_length, 12);
  EXPECT_EQ(head.header("HOST"), "example.org:80");
  EXPECT_EQ(head.header("x-thing"), "");
  EXPECT_EQ(head.headers.size(), 5U);
  EXPECT_FALSE(framing.keep_alive);
  EXPECT_FALSE(framing.chunked);
}

TEST(Head, OldContentsAreReplaced) {
  Head head;
  Framing framing;
  ASSERT_EQ(status_of("POST /a?b=c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
                      head, framing),
            0);
  EXPECT_TRUE(framing.chunked);
  EXPECT_TRUE(framing.expect_continue);
  EXPECT_EQ(head.content_length, -1);
  ASSERT_EQ(status_of("GET / HTTP/1.0\r\n\r\n", head, framing), 0);
  EXPECT_TRUE(head.query.empty());
  EXPECT_TRUE(head.headers.empty());
  EXPECT_EQ(head.content_length, 0);
  EXPECT_FALSE(framing.chunked);
  EXPECT_FALSE(framing.expect_continue);
  EXPECT_FALSE(framing.http11);
}

TEST(Head, IsFoundHoweverItArrives) {
  std::string bytes = with_headers("Content-Length: 3\r\n") + "abc";
  HeadScan scan;
  for (std::size_t size = 0; size + 3 < bytes.size(); ++size) {
    ASSERT_FALSE(scan_head(std::string_view(bytes).substr(0, size), Limits(), scan));
    ASSERT_EQ(scan.head_bytes, 0U);
  }
  ASSERT_FALSE(scan_head(bytes, Limits(), scan));
  EXPECT_EQ(scan.head_bytes, bytes.size() - 3);
}

TEST(Head, LinesThatDoNotEndInCrLfAreRefused) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\n\n"), 400);
  EXPECT_EQ(status_of("\n"), 400) << "at once, not when the rest has come";
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("\r\n\r\n"), 400);
}

TEST(Head, BothLengthAndChunksAreRefused) {
  EXPECT_EQ(status_of(with_headers("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(status_of(with_headers("transfer-encoding: chunked\r\ncontent-length: 3\r\n")), 400);
}

TEST(Head, TwoLengthsAreRefusedEvenWhenEqual) {
  EXPECT_EQ(status_of(with_headers("Content-Length: 3\r\nContent-Length: 3\r\n")), 400);
  EXPECT_EQ(status_of(with_headers("Content-Length: 3, 3\r\n")), 400);
}

TEST(Head, LengthsThatAreNotDigitsAloneAreRefused) {
  for (const char* value : {"", "+3", "-1", "3x", "0x3", "3 3", "99999999999999999999", "3;"}) {
    EXPECT_EQ(status_of(with_headers(std::string("Content-Length: ") + value + "\r\n")), 400) << value;
  }
  EXPECT_EQ(status_of(with_headers("Content-Length: 9223372036854775807\r\n")), 0);
}

TEST(Head, TransferCodingsButPlainChunkedAreRefused) {
  for (const char* value : {"gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunked;q=1", ""}) {
    EXPECT_EQ(status_of(with_headers(std::string("Transfer-Encoding: ") + value + "\r\n")), 501) << value;
  }
  EXPECT_EQ(status_of(with_headers("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(status_of(with_headers("Transfer-Encoding: Chunked\r\n")), 0);
}

TEST(Head, FoldedAndMalformedHeadersAreRefused) {
  for (const char* line : {" folded", "\tfolded", "No-Colon", ": empty", "Blank : before", "Bl ank: x", "Ctl\x01: x"}) {
    EXPECT_EQ(status_of(with_headers("X: 1\r\n" + std::string(line) + "\r\n")), 400) << line;
  }
  EXPECT_EQ(status_of(with_headers(std::string_view("X: a\0b\r\n", 8))), 400);
  EXPECT_EQ(status_of(with_headers("X: a\x7f\r\n")), 400);
  EXPECT_EQ(status_of(with_headers("X: \xc3\xa4 \t b\r\n")), 0);
}

TEST(Head, HostMustBeThereOnceAndWellFormed) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 0);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 0);
  for (const char* host : {"a b", "a/b", "a@b", "a?b", "a#b", "a,b c"}) {
    EXPECT_EQ(status_of(std::string("GET / HTTP/1.1\r\nHost: ") + host + "\r\n\r\n"), 400) << host;
  }
}

TEST(Head, RequestLinesAreHeldToTheGrammar) {
  for (const char* line :
       {"GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET /a b HTTP/1.1", "G@T / HTTP/1.1",
        "GET / http/1.1", "GET / HTTP/1.1x", "GET", "GET\t/\tHTTP/1.1", "GET  HTTP/1.1"}) {
    EXPECT_EQ(status_of(std::string(line) + "\r\nHost: a\r\n\r\n"), 400) << line;
  }
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
  EXPECT_EQ(status_of("get / HTTP/1.1\r\nHost: a\r\n\r\n"), 0)
      << "methods know case; the handler doesn't know this one";
}

TEST(Head, BadTargetsAreRefused) {
  for (std::string_view target :
       {"a", "", "/a#b", "/%", "/%1", "/%zz", "/%00", "/?a=%00", "/?%g0", "/\x7f", "/\xc3\xa4", "*", "ftp://a/",
        "http://", "http:///x", "http://u@h/", "//%2", "/%2A%", "a:80"}) {
    EXPECT_EQ(status_of(with_target(target)), 400) << target;
  }
  EXPECT_EQ(status_of(with_target(std::string_view("/a\0b", 4))), 400);
  EXPECT_EQ(status_of("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
  EXPECT_EQ(status_of("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

TEST(Head, AbsoluteTargetLosesItsOrigin) {
  Head head;
  Framing framing;
  ASSERT_EQ(status_of(with_target("HTTP://example.org:81/a?b=c"), head, framing), 0);
  EXPECT_EQ(head.path, "/a");
  EXPECT_EQ(*head.parameter("b"), "c");
  ASSERT_EQ(status_of(with_target("http://example.org?b=c"), head, framing), 0);
  EXPECT_EQ(head.path, "/");
}

TEST(Head, LimitsHoldBeforeTheHeadIsWhole) {
  Limits limits;
  std::string longest(limits.request_line_bytes - 14, 'a');
  EXPECT_EQ(status_of("GET /" + longest + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
  EXPECT_EQ(status_of("GET /" + longest), -1);
  EXPECT_EQ(status_of("GET /" + longest + std::string(20, 'a')), 414);
  EXPECT_EQ(status_of(with_target("/" + longest.substr(10))), 0);

  std::string large = with_headers("X: " + std::string(limits.header_bytes - 18, 'x') + "\r\n");
  EXPECT_EQ(status_of(large), 0);
  EXPECT_EQ(status_of(with_headers("X: " + std::string(limits.header_bytes, 'x') + "\r\n")), 431);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + std::string(limits.header_bytes + 1, 'x')), 431);

  std::string many;
  for (std::size_t i = 1; i < limits.headers; ++i) many += "X: y\r\n";
  EXPECT_EQ(status_of(with_headers(many)), 0);
  EXPECT_EQ(status_of(with_headers(many + "X: y\r\n")), 431);
}

TEST(Head, UnknownExpectationsAreRefused) {
  EXPECT_EQ(status_of(with_headers("Expect: 200-ok\r\n")), 417);
  EXPECT_EQ(status_of(with_headers("Expect: 100-Continue\r\n")), 0);
}

TEST(AnswerHead, IsReadStrictly) {
  AnswerHead head;
  ASSERT_TRUE(parse_answer_head("HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\nX: y\r\n\r\n", head));
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.content_length, 7);
  EXPECT_EQ(find_field(head.fields, "x"), "y");
  EXPECT_TRUE(parse_answer_head("HTTP/1.0 200 \r\n\r\n", head));
  EXPECT_EQ(head.content_length, -1);
  for (const char* bad :
       {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200\r\nA\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "\r\n\r\n",
        "HTTP/1.1 099 x\r\n\r\n"}) {
    AnswerHead refused;
    EXPECT_FALSE(parse_answer_head(bad, refused)) << bad;
  }
}

TEST(PercentEncoding, ComesBackTheSame) {
  std::string all;
  for (int c = 1; c < 256; ++c) all.push_back(static_cast<char>(c));
  std::string back;
  ASSERT_TRUE(percent_decode(percent_encode(all), true, back));
  EXPECT_EQ(back, all);
  EXPECT_EQ(percent_encode("a b+c/~"), "a%20b%2Bc%2F~");
}

TEST(Url, IsSplitIntoItsParts) {
  auto url = parse_url("https://us%40er:p%3Aw@[::1]:8443/base/");
  ASSERT_TRUE(url.ok());
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, "8443");
  EXPECT_EQ(url->path, "/base");
  EXPECT_EQ(url->host_field, "[::1]:8443");
  EXPECT_EQ(url->authorization, "Basic " + base64("us@er:p:w"));
  EXPECT_EQ(parse_url("http://example.org")->port, "80");
  EXPECT_EQ(parse_url("unix:/run/x.sock")->unix_path, "/run/x.sock");
  for (const char* bad :
       {"", "example.org", "ftp://a", "http://", "http://a:b:c", "http://a:99999", "http://[::1", "http://a/x y",
        "http://u%0@a", "http:///p", "http://u@", "http://a\r\nX: y:80", "http://a b"}) {
    EXPECT_FALSE(parse_url(bad).ok()) << bad;
  }
}

TEST(Base64, MatchesTheVectorsOfRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace millrace::http
