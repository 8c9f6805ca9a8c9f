// Holds the decoder in WebAssembly against the golden vectors: node check.mjs MODULE VECTORS [--all]
//
// Every file of a good vector must have the SHA-256 that VECTORS/trees.sha256 lists; every other vector must be
// refused with an error. A vector that is bad only by what it would create on a disk may be read in memory.
//
// An archive is tested, which decodes all of it and compares each file with the SHA-256 that it states. It states none
// of a small file, which is read once more. Without --all,
// archives of several kilobytes that need a model are left out, as they take minutes each; of the one in small
// chunks, a file in one chunk is read.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const [module, vectors, all] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(module), {});
const llz = instance.exports;
const SLOW = /^good-(tree-level[4-9]|many-chunks)/;
const SAMPLE = { vector: "good-many-chunks.llz", file: "v/src/sum.rs" };

const output = () => new Uint8Array(llz.memory.buffer, llz.llz_output(), llz.llz_output_len()).slice();
const text = () => new TextDecoder().decode(output());
const fail = (what) => { console.error(`wasm: ${what}`); process.exit(1); };

function open(name) {
    const bytes = readFileSync(`${vectors}/${name}`);
    const at = llz.llz_input(bytes.length);
    new Uint8Array(llz.memory.buffer, at, bytes.length).set(bytes);
    return llz.llz_open();
}

// The content's SHA-256, as it comes out.
function hash(file) {
    if (llz.llz_read(file) < 0) fail(text());
    return createHash("sha256").update(output()).digest("hex");
}

const sums = new Map();
for (const line of readFileSync(`${vectors}/trees.sha256`, "utf8").trim().split("\n")) {
    sums.set(line.slice(66), line.slice(0, 64));
}
let [files, refused, began] = [0, 0, performance.now()];
function compare(path, found) {
    if (found !== sums.get(path)) fail(`${path} differs`);
    files += 1;
}

const rows = readFileSync(`${vectors}/README.md`, "utf8").matchAll(/^\| `(.*)` \| (\w+) \|/gm);
for (const [, name, expected] of rows) {
    if (SLOW.test(name) && !all) continue;
    const count = open(name);
    const read = count >= 0 && llz.llz_test() >= 0;
    if (expected !== "ok") {
        if (read && expected !== "unsafe") fail(`${name} was not refused`);
        refused += !read;
        continue;
    }
    if (!read) fail(`${name}: ${text()}`);
    if (name.endsWith(".llzs")) compare(name, createHash("sha256").update(output()).digest("hex"));
    for (let file = 0; file < count && name.endsWith(".llz"); file += 1) {
        llz.llz_path(file);
        const path = `${name}/${text()}`;
        const stated = llz.llz_sha256(file) > 0 && Buffer.from(output()).toString("hex");
        compare(path, stated || hash(file));
    }
}
const count = open(SAMPLE.vector);
for (let file = 0; file < count; file += 1) {
    llz.llz_path(file);
    if (text() === SAMPLE.file) compare(`${SAMPLE.vector}/${SAMPLE.file}`, hash(file));
}
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(`wasm: ${files} files are as trees.sha256 lists them, ${refused} bad vectors are refused, ${seconds} s`);
