// A peer: what teams write in front of Redis. Takes NDJSON over HTTP, parses each line, appends it to a stream, and
// answers when Redis has acknowledged all of them.   node collector.js PORT REDIS_SOCKET
'use strict';
const http = require('http');
const net = require('net');

const [port, socket] = process.argv.slice(2);
const redis = net.connect({ path: socket });
const waiting = []; // [replies still missing, what to call then]
let text = '';

redis.on('data', (piece) => {
  text += piece;
  let begin = 0;
  for (;;) {
    // A reply to XADD is an id in two lines: $15 and the id.
    const first = text.indexOf('\r\n', begin);
    if (first < 0) break;
    const second = text.indexOf('\r\n', first + 2);
    if (text[begin] !== '$') throw new Error(text.slice(begin, first));
    if (second < 0) break;
    begin = second + 2;
    if (--waiting[0][0] === 0) waiting.shift()[1]();
  }
  text = text.slice(begin);
});

function append(lines, done) {
  waiting.push([lines.length, done]);
  let out = '';
  for (const line of lines) {
    out += `*5\r\n$4\r\nXADD\r\n$6\r\nevents\r\n$1\r\n*\r\n$1\r\ne\r\n$${Buffer.byteLength(line)}\r\n${line}\r\n`;
  }
  redis.write(out);
}

http.createServer((request, response) => {
  if (request.method === 'GET') return response.end('ok');
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const lines = Buffer.concat(pieces).toString().split('\n').filter((line) => line.length > 0);
    for (const line of lines) JSON.parse(line);
    append(lines, () => response.end(`{"accepted":${lines.length}}`));
  });
}).listen(Number(port), '127.0.0.1');
