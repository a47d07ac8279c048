// A peer: server-sent events as one writes them with Node's own HTTP server. Each second a frame of so many bytes goes to each stream.
//   node fan_out.js PORT FRAME_BYTES
'use strict';
const http = require('http');

const [port, bytes] = process.argv.slice(2).map(Number);
const viewers = new Set();

http
  .createServer((request, response) => {
    if (!request.url.startsWith('/v1/live')) return response.end('ok');
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(': hello\n\n');
    viewers.add(response);
    response.on('close', () => viewers.delete(response));
  })
  .listen(port, '127.0.0.1', 4096);

setInterval(() => {
  const head = `data: {"as_of":${Date.now()},"`;
  const frame = Buffer.from(`${head}${'x'.repeat(Math.max(0, bytes - head.length - 4))}"}\n\n`);
  for (const viewer of viewers) viewer.write(frame);
}, 1000);
