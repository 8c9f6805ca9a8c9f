// Holds the decoder in WebAssembly against the golden vectors: node check.mjs MODULE VECTORS
// Every file of a good one must have the SHA-256 that VECTORS/trees.sha256 lists; every other vector must be refused
// with an error. A vector that is bad only by what it would create on a disk may be read in memory. Opening decodes a
// whole archive and compares its files with their SHA-256; the first file is read once more and hashed here.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const [module, vectors] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(module), {});
const llz = instance.exports;

const output = () => new Uint8Array(llz.memory.buffer, llz.llz_output(), llz.llz_output_len()).slice();
const text = () => new TextDecoder().decode(output());
const fail = (what) => { console.error(`wasm: ${what}`); process.exit(1); };

function open(bytes) {
    const at = llz.llz_input(bytes.length);
    new Uint8Array(llz.memory.buffer, at, bytes.length).set(bytes);
    return llz.llz_open();
}

const sums = new Map();
for (const line of readFileSync(`${vectors}/trees.sha256`, "utf8").trim().split("\n")) {
    sums.set(line.slice(66), line.slice(0, 64));
}
const rows = readFileSync(`${vectors}/README.md`, "utf8").matchAll(/^\| `(.*)` \| (\w+) \|/gm);
let [files, refused, read, began] = [0, 0, 0, performance.now()];
for (const [, name, expected] of rows) {
    const count = open(readFileSync(`${vectors}/${name}`));
    if (expected !== "ok") {
        if (count >= 0 && expected !== "unsafe") fail(`${name} was not refused`);
        refused += count < 0;
        continue;
    }
    if (count < 0) fail(`${name}: ${text()}`);
    for (let file = 0; file < count; file += 1) {
        // A message has no path, and its bytes are there already.
        let content = null;
        if (file === 0) {
            if (llz.llz_read(file) < 0) fail(`${name}: ${text()}`);
            content = output();
            read += content.length;
        }
        llz.llz_path(file);
        const path = text() === "" ? name : `${name}/${text()}`;
        let found = content && createHash("sha256").update(content).digest("hex");
        if (!found) {
            llz.llz_sha256(file);
            found = Buffer.from(output()).toString("hex");
        }
        if (found !== sums.get(path)) fail(`${path} differs`);
        files += 1;
        sums.delete(path);
    }
}
if (sums.size > 0) fail(`not seen: ${[...sums.keys()]}`);
const seconds = (performance.now() - began) / 1000;
console.log(`wasm: ${files} files as trees.sha256 lists them, ${read} bytes of them read here, ${refused} bad vectors refused, ${seconds.toFixed(1)} s`);
