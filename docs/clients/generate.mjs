// Makes a model from a picture: node generate.mjs picture.png model.glb
// Reads GATEWAY and API_KEY from the environment. Needs node 18 or later, and no packages.
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

const gateway = process.env.GATEWAY ?? "http://127.0.0.1:8080";
const key = { Authorization: `Bearer ${process.env.API_KEY}` };

export async function generate(picture, fields = {}) {
  const answer = await fetch(`${gateway}/v1/3d-models/trellis2/generate/`, {
    method: "POST",
    headers: { ...key, "Content-Type": "application/json", "Idempotency-Key": randomUUID() },
    body: JSON.stringify({ image: picture.toString("base64"), ...fields }),
  });
  const submitted = await answer.json();
  if (!answer.ok) throw new Error(submitted.detail);

  for (;;) {
    const url = `${gateway}/v1/generation-request/${submitted.task_id}/status/?wait=20`;
    const status = await (await fetch(url, { headers: key })).json();
    if (status.status === "FAILED") throw new Error(status.failure_reason);
    if (status.status === "FINISHED") {
      const model = await fetch(status.results[0].asset);
      return Buffer.from(await model.arrayBuffer());
    }
  }
}

const [, , source, target] = process.argv;
const model = await generate(await readFile(source));
await writeFile(target, model);
console.log(`${target}: ${model.length} bytes`);
