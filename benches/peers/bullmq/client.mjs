// BullMQ: the client's half of the measurements, with the operations of clients/client.py.
//
// `node client.mjs OPERATION ARGUMENTS` prints one JSON object. Importing and connecting are not measured.

import { readFileSync, writeFileSync } from "node:fs";

import { Queue } from "bullmq";

const IN_FLIGHT = 50;
const BATCH = 1000;
const GAP = [5, 30]; // milliseconds

const address = new URL(process.env.BENCH_STORE_URL);
const queue = new Queue("bench", { connection: { host: address.hostname, port: Number(address.port) } });
const text = "A hundred bytes, more or less, are what one job of this comparison brings.";

function batches(count) {
  const made = [];
  for (let first = 0; first < count; first += BATCH) {
    const length = Math.min(BATCH, count - first);
    made.push(Array.from({ length }, (_, at) => ({ name: "noop", data: { number: first + at, text } })));
  }
  return made;
}

const seconds = (begun) => ({ seconds: (performance.now() - begun) / 1000 });

const operations = {
  async prefill(handler, count, ids) {
    const kept = [];
    for (const batch of batches(Number(count))) {
      kept.push(...(await queue.addBulk(batch)).map((job) => job.id));
    }
    writeFileSync(ids, kept.join("\n"));
    return { jobs: new Set(kept).size };
  },

  async sequential(count) {
    const begun = performance.now();
    for (let number = 0; number < Number(count); number += 1) {
      await queue.add("noop", { number, text });
    }
    return seconds(begun);
  },

  async concurrent(count) {
    let next = 0;
    const enqueue = async () => {
      while (next < Number(count)) {
        const number = next;
        next += 1;
        await queue.add("noop", { number, text });
      }
    };
    const begun = performance.now();
    await Promise.all(Array.from({ length: IN_FLIGHT }, enqueue));
    return seconds(begun);
  },

  async bulk(count) {
    const made = batches(Number(count));
    const begun = performance.now();
    for (const batch of made) {
      await queue.addBulk(batch);
    }
    return seconds(begun);
  },

  async pickup(count) {
    for (let number = 0; number < Number(count); number += 1) {
      const pause = GAP[0] + Math.random() * (GAP[1] - GAP[0]);
      await new Promise((resolve) => setTimeout(resolve, pause));
      await queue.add("pickup", { number, text: String(process.hrtime.bigint()) });
    }
    return { jobs: Number(count) };
  },

  async verify(ids, samples) {
    const kept = readFileSync(ids, "utf8").split("\n");
    const step = Math.max(1, Math.floor(kept.length / Number(samples)));
    let asked = 0;
    let right = 0;
    for (let number = 0; number < kept.length; number += step) {
      const job = await queue.getJob(kept[number]);
      asked += 1;
      right += job?.returnvalue === number && (await job.getState()) === "completed";
    }
    return { asked, right };
  },
};

await queue.waitUntilReady();
const [operation, ...values] = process.argv.slice(2);
console.log(JSON.stringify(await operations[operation](...values)));
await queue.close();
