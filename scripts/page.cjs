// The part of page.sh that drives the browser.
const { chromium } = require("playwright-core");
const { execFileSync } = require("child_process");
const fs = require("fs");
const out = process.argv[2];

(async () => {
  const executablePath = execFileSync("which", [process.env.CHROMIUM]).toString().trim();
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  let wrong = 0;
  const say = (text) => { wrong++; console.error(text); };
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 1400 } });
    page.on("console", (message) => say(`console: ${message.text()}`));
    page.on("pageerror", (error) => say(`error: ${error}`));
    page.on("request", (request) => { if (!request.url().startsWith("file:")) say(`network: ${request.url()}`); });
    await page.goto(`file://${out}/small.html`);
    await page.check("#double");
    await page.focus(".pane");
    for (const key of ["ArrowRight", "n", "n", "p", "End", "Home", "n", "ArrowRight"]) await page.keyboard.press(key);
    const details = await page.textContent("#details");
    if (!/token \d+ of/.test(details) || !details.includes("Likeliest")) say(`details: ${details}`);
    await page.hover(".pane:nth-child(2) .block span:nth-child(9)");
    await page.selectOption("#choices select >> nth=0", { index: 2 });
    await page.screenshot({ path: `${out}/${colorScheme}.png` });
    const found = await page.evaluate(`${axe}; axe.run()`);
    for (const { impact, id, nodes } of found.violations) {
      const line = `axe: ${impact} ${id}: ${nodes[0].html.slice(0, 120)}`;
      if (["serious", "critical"].includes(impact)) say(line); else console.log(line);
    }
    await page.close();
  }
  const narrow = await browser.newPage({ viewport: { width: 400, height: 800 } });
  await narrow.goto(`file://${out}/small.html`);
  const wide = await narrow.evaluate("document.documentElement.scrollWidth");
  if (wide > 400) say(`a narrow window scrolls sideways: ${wide} pixels`);
  await narrow.screenshot({ path: `${out}/narrow.png`, fullPage: true });
  const times = [];
  for (let i = 0; i < 5; i++) {
    const page = await browser.newPage();
    const began = Date.now();
    await page.goto(`file://${out}/large.html`, { waitUntil: "load" });
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    times.push(Date.now() - began);
    await page.close();
  }
  times.sort((a, b) => a - b);
  console.log(`1 MB opens and is painted in ${times[2]} ms (median of 5: ${times.join(", ")})`);
  await browser.close();
  process.exit(wrong ? 1 : 0);
})();
