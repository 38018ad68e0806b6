// What the build does beyond Vite: the list of files that the service worker keeps, and compressed twins of all text.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const COMPRESSIBLE = /\.(js|css|html|svg|json|webmanifest|txt)$/;
// Below this a packet is a packet.
const WORTH_COMPRESSING_BYTES = 1_000;
const PLACE = "__PRECACHED__";

/** Tells the worker what there is to keep; the list changes the worker's bytes, and so browsers see that it is new. */
export function precached(): Plugin {
  return {
    name: "precached",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const worker = bundle["sw.js"];
      if (worker?.type !== "chunk" || !worker.code.includes(PLACE)) {
        throw new Error(`sw.js: expected a worker with a place for ${PLACE}, got none`);
      }
      const files = Object.values(bundle).filter((file) => file.fileName !== "sw.js");
      const digest = createHash("sha256");
      for (const file of files.toSorted((a, b) => a.fileName.localeCompare(b.fileName))) {
        digest.update(file.fileName).update(file.type === "chunk" ? file.code : file.source);
      }
      const list = { version: digest.digest("hex").slice(0, 12), files: files.map((file) => `/${file.fileName}`) };
      worker.code = worker.code.replace(new RegExp(`["'\`]${PLACE}["'\`]`), JSON.stringify(list));
    },
  };
}

/** A `.gz` and a `.br` beside each text that is worth it: the server only has to choose. */
export function compressed(): Plugin {
  let folder = "";
  return {
    name: "compressed",
    apply: "build",
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    // Not `closeBundle`, which also runs after a failure and would hide what failed.
    writeBundle() {
      for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
        if (!COMPRESSIBLE.test(name)) continue;
        const path = join(folder, name);
        const bytes = readFileSync(path);
        if (bytes.length < WORTH_COMPRESSING_BYTES) continue;
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: quality }));
      }
    },
  };
}
