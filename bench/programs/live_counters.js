// A peer: live counters as one builds them. Node's own HTTP server takes NDJSON (POST /v1/events), adds up a request's
// events, moves the counters in Redis (HINCRBY for each name, and the highest probe), and answers when Redis has
// acknowledged; every 100 ms it asks Redis for the counters and writes a frame to each stream of GET /v1/live.
//   node live_counters.js PORT REDIS_SOCKET
'use strict';
const http = require('http');
const net = require('net');

const [port, socket] = process.argv.slice(2);
const redis = net.connect({ path: socket });
const waiting = []; // [replies still missing, what to call then, values]
let text = '';

// Replies are integers (":1"), or arrays of bulk strings ("*2 $1 a $1 1"), a line each.
let arrayLeft = 0;
redis.on('data', (piece) => {
  text += piece;
  let begin = 0;
  for (let end; (end = text.indexOf('\r\n', begin)) >= 0; begin = end + 2) {
    const line = text.slice(begin, end);
    if (line[0] === '-') throw new Error(line);
    const now = waiting[0];
    if (line[0] === '*') arrayLeft = 2 * Number(line.slice(1));
    else if (arrayLeft > 0) {
      --arrayLeft;
      if (line[0] !== '$') now[2].push(line);
    }
    if (arrayLeft === 0 && --now[0] === 0) {
      waiting.shift();
      now[1](now[2]);
    }
  }
  text = text.slice(begin);
});

function command(...parts) {
  return `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(String(part))}\r\n${part}\r\n`).join('')}`;
}

function ask(commands, done) {
  waiting.push([commands.length, done, []]);
  redis.write(commands.join(''));
}

const viewers = new Set();
let probe = 0;

http
  .createServer((request, response) => {
    if (request.method === 'GET' && request.url.startsWith('/v1/live')) {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('retry: 1000\n\n');
      viewers.add(response);
      response.on('close', () => viewers.delete(response));
      return;
    }
    if (request.method === 'GET') return response.end('ok');
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      const counts = new Map();
      let accepted = 0;
      for (const line of Buffer.concat(pieces).toString().split('\n')) {
        if (line.length === 0) continue;
        const event = JSON.parse(line);
        ++accepted;
        counts.set(event.event, (counts.get(event.event) || 0) + 1);
        if (event.event === 'probe') probe = Math.max(probe, event.properties.n);
      }
      const commands = [...counts].map(([name, count]) => command('HINCRBY', 'counts', name, count));
      if (counts.has('probe')) commands.push(command('HSET', 'probe', 'n', probe));
      ask(commands, () => {
        response.setHeader('Content-Type', 'application/json');
        response.end(`{"accepted":${accepted},"rejected":[],"rejected_count":0}`);
      });
    });
  })
  .listen(Number(port), '127.0.0.1', 16384);

let sent = 0;
setInterval(() => {
  ask([command('HGETALL', 'probe')], (values) => {
    const highest = Number(values[1] || 0);
    if (highest === sent) return;
    sent = highest;
    const frame = `event: delta\ndata: {"columns":[{"name":"max(properties.n)","values":[${highest}]}]}\n\n`;
    for (const viewer of viewers) viewer.write(frame);
  });
}, 100);
