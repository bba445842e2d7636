// BullMQ: the worker, with the handlers of clients/handlers.py.

import { appendFileSync, linkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Worker } from "bullmq";

const CONCURRENCY = 100;

const address = new URL(process.env.BENCH_STORE_URL);
const folder = process.env.BENCH_FOLDER;
let stamped = false;

function stamp() {
  stamped = true;
  const { user, system } = process.cpuUsage();
  const found = { at_ns: Number(process.hrtime.bigint()), pid: process.pid, cpu_s: (user + system) / 1e6 };
  const written = join(folder, `stamp.${process.pid}`);
  writeFileSync(written, JSON.stringify(found));
  linkSync(written, join(folder, "stamp.json"));
}

const handlers = {
  noop({ number }) {
    if (!stamped) {
      stamp();
    }
    return number;
  },

  pickup({ number, text }) {
    const waited = process.hrtime.bigint() - BigInt(text);
    appendFileSync(join(folder, "samples.txt"), `${number} ${waited}\n`);
    return number;
  },
};

const worker = new Worker("bench", async (job) => handlers[job.name](job.data), {
  connection: { host: address.hostname, port: Number(address.port) },
  concurrency: CONCURRENCY,
});
worker.on("error", (error) => console.error(error));
