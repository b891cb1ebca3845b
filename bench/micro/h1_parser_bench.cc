// What one request costs in the codec: heads in, heads out, chunks. Compare in one run; the figures move with
// the machine.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "lib/http/forwarding.h"
#include "lib/http/h1_parser.h"
#include "lib/http/h1_writer.h"

namespace {

using namespace sidestep::http;

// What wrk sends.
constexpr std::string_view kSmall = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

// What a browser sends: ten fields.
constexpr std::string_view kBrowser =
    "GET /shop/items?id=42&sort=price HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://shop.example.com/shop/\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; lang=en\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Cache-Control: max-age=0\r\n\r\n";

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Date: Mon, 23 Nov 2026 09:30:00 GMT\r\n"
    "Content-Length: 128\r\n\r\n";

void parse_request(benchmark::State& state, std::string_view bytes) {
  const H1Limits limits;
  RequestHead head;
  HeaderStore store;
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes);
    benchmark::DoNotOptimize(parse_request_head(bytes, limits, &head, store));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK_CAPTURE(parse_request, small, kSmall);
BENCHMARK_CAPTURE(parse_request, ten_fields, kBrowser);

void parse_response(benchmark::State& state) {
  const H1Limits limits;
  ResponseHead head;
  HeaderStore store;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parse_response_head(kAnswer, Method::kGet, limits, &head, store));
  }
}
BENCHMARK(parse_response);

void forward_request(benchmark::State& state, std::string_view bytes) {
  RequestHead head;
  HeaderStore store;
  parse_request_head(bytes, H1Limits(), &head, store);
  const ForwardContext context{.client_ip = "198.18.0.7", .local_port = 8080};
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_request_head(out, head, context);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK_CAPTURE(forward_request, small, kSmall);
BENCHMARK_CAPTURE(forward_request, ten_fields, kBrowser);

void forward_response(benchmark::State& state) {
  ResponseHead head;
  HeaderStore store;
  parse_response_head(kAnswer, Method::kGet, H1Limits(), &head, store);
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_response_head(out, head, ResponseContext());
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(forward_response);

void read_chunks(benchmark::State& state) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) {
    append_chunk_head(bytes, static_cast<std::uint64_t>(state.range(0)));
    bytes.append(std::string(static_cast<std::size_t>(state.range(0)), 'x')).append(kChunkEnd);
  }
  append_last_chunk(bytes);
  const H1Limits limits;
  for (auto _ : state) {
    BodyReader reader;
    reader.start(Framing::kChunked, 0);
    for (std::string_view rest = bytes; !reader.finished();)
      rest.remove_prefix(reader.next(rest, limits).consumed);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(read_chunks)->Arg(16)->Arg(1024)->Arg(16384);

}  // namespace
