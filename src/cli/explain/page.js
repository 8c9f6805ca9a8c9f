"use strict";
(() => {
  const { readings } = JSON.parse(document.getElementById("data").textContent);
  for (const reading of readings) {
    const { known, tokens, odd, best } = reading, per = best.length / 2 / Math.max(tokens.length, 1);
    reading.bytes = tokens.map((at) => known[at][2]);
    reading.texts = tokens.map((at) => known[at][0]);
    for (const at in odd) reading.texts[at] = odd[at];
    reading.name = (i) => known[tokens[i]][1];
    reading.likely = (i) => Array.from({ length: per }, (_, k) => {
      const at = 2 * (i * per + k);
      return [known[best[at]][1], best[at + 1]];
    });
  }
  const $ = (id) => document.getElementById(id);
  const make = (name, attributes = {}, text) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const draw = (name, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const WAYS = { mixed: "mixed, as an archive has it", model: "the model alone", contexts: "contexts alone" };
  // Hundredths of a bit from which each colour counts; the same steps as in the terminal.
  const STEPS = [0, 50, 150, 300, 500, 800, 1200];
  const step = (bits) => { let at = 0; while (at + 1 < STEPS.length && bits >= STEPS[at + 1]) at++; return at; };
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const count = (value) => value.toLocaleString("en");
  const show = (hundredths) => (hundredths / 100).toFixed(2);

  // The summary.
  const first = readings[0], bytes = sum(first.bytes);
  const rate = (reading, way) => (sum(reading.bits[way]) / 100 / Math.max(bytes, 1)).toFixed(3);
  $("summary").textContent = `${count(bytes)} bytes. ` + readings.map((reading) =>
    `By ${reading.model}: ${count(reading.tokens.length)} tokens; bits per byte: ` +
    Object.keys(WAYS).map((way) => `${way} ${rate(reading, way)}`).join(", ")).join(". ") + ".";

  // Charts, each with its numbers as a table.
  const figure = (caption, picture, heads, rows) => {
    const node = make("figure");
    node.append(make("figcaption", {}, caption), picture);
    const details = make("details"), table = make("table"), head = make("tr");
    for (const text of heads) head.append(make("th", { scope: "col" }, text));
    table.append(head);
    for (const row of rows) {
      const line = make("tr");
      for (const cell of row) line.append(make("td", {}, String(cell)));
      table.append(line);
    }
    details.append(make("summary", {}, "as a table"), table);
    node.append(details);
    $("charts").append(node);
  };
  const bars = (caption, names, values) => {
    const W = 480, H = 180, most = Math.max(...values, 1), wide = W / values.length;
    const svg = draw("svg", { viewBox: `0 0 ${W} ${H + 18}`, role: "img", "aria-label": caption });
    svg.append(draw("line", { class: "axis", x1: 0, y1: H, x2: W, y2: H }));
    values.forEach((value, at) => {
      const high = value / most * (H - 18), x = at * wide;
      svg.append(draw("rect", { class: "bar", x: x + wide * .1, y: H - high, width: wide * .8, height: high }));
      svg.append(draw("text", { x: x + wide / 2, y: H + 13, "text-anchor": "middle" }, names[at]));
    });
    const all = Math.max(sum(values), 1);
    const rows = values.map((value, at) => [names[at], count(value), (100 * value / all).toFixed(1) + " %"]);
    figure(caption, svg, ["", "tokens", "share"], rows);
  };
  for (const reading of readings) {
    const by = readings.length > 1 ? ` (${reading.model})` : "";
    const ranks = new Array(13).fill(0);
    for (const rank of reading.ranks) ranks[Math.min(32 - Math.clz32(rank), 12)]++;
    const names = ranks.map((_, at) => at === 0 ? "0" : at === 12 ? "2k+" : String(2 ** (at - 1)));
    bars("How many tokens have a rank from this one up to the next" + by, names, ranks);
    const bits = new Array(17).fill(0);
    for (const value of reading.bits.mixed) bits[Math.min(Math.floor(value / 100), 16)]++;
    bars("How many tokens cost so many bits, mixed" + by, bits.map((_, at) => at === 16 ? "16+" : String(at)), bits);
  }
  {
    const W = 480, H = 180, parts = Math.max(1, Math.min(120, Math.floor(bytes / 64)));
    const curve = (way) => {
      const bits = new Array(parts).fill(0), lengths = new Array(parts).fill(0);
      let at = 0;
      first.bits[way].forEach((value, i) => {
        const part = Math.min(Math.floor(at / Math.max(bytes, 1) * parts), parts - 1);
        bits[part] += value / 100; lengths[part] += first.bytes[i]; at += first.bytes[i];
      });
      return bits.map((value, i) => value / Math.max(lengths[i], 1));
    };
    const curves = Object.keys(WAYS).map(curve), most = Math.max(...curves.flat(), .01);
    const caption = "Bits per byte along the text";
    const svg = draw("svg", { viewBox: `0 0 ${W} ${H + 36}`, role: "img", "aria-label": caption });
    svg.append(draw("line", { class: "axis", x1: 0, y1: H, x2: W, y2: H }));
    svg.append(draw("text", { x: 2, y: 12 }, most.toFixed(2)), draw("text", { x: 2, y: H + 13 }, "0"));
    svg.append(draw("text", { x: W, y: H + 13, "text-anchor": "end" }, `byte ${count(bytes)}`));
    curves.forEach((values, i) => {
      const points = values.map((value, at) =>
        `${(at + .5) * W / parts},${H - value / most * (H - 16)}`);
      svg.append(draw("polyline", { class: `s${i}`, points: points.join(" ") }));
      const x = i * W / 3;
      svg.append(draw("line", { class: `s${i}`, x1: x, y1: H + 28, x2: x + 26, y2: H + 28, "stroke-width": 2 }));
      svg.append(draw("text", { x: x + 31, y: H + 32 }, Object.keys(WAYS)[i]));
    });
    const rows = curves[0].map((_, at) => [count(Math.round(at * bytes / parts)), ...curves.map((c) => c[at].toFixed(3))]);
    figure(caption, svg, ["from byte", ...Object.keys(WAYS)], rows);
  }

  // The legend.
  STEPS.forEach((from, at) => {
    const to = STEPS[at + 1];
    $("legend").append(make("span", { class: `b${at}` }, to === undefined ? `${from / 100}+ bits` : `${from / 100}–${to / 100}`));
  });

  // Panes. A block is plain text until it comes near the window.
  const panes = [];
  let active = null;
  const fill = (pane, block) => {
    if (block.filled) return;
    block.filled = true;
    const { texts, bits } = readings[pane.reading], of = bits[pane.way];
    const nodes = [];
    for (let i = block.from; i < block.to; i++) {
      const node = document.createElement("span");
      const at = step(of[i]);
      if (at) node.className = `b${at}`;
      node.textContent = i === block.from ? texts[i].replace(/^\n/, "") : texts[i];
      node.dataset.i = i;
      nodes.push(node);
    }
    block.node.replaceChildren(...nodes);
    if (pane === active && pane.chosen >= block.from && pane.chosen < block.to) mark(pane);
  };
  const build = (pane) => {
    const { texts } = readings[pane.reading];
    pane.watch?.disconnect();
    pane.blocks = [];
    pane.chosen = Math.min(pane.chosen, texts.length - 1);
    const root = document.createDocumentFragment();
    pane.watch = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) fill(pane, pane.blocks[entry.target.dataset.block]);
    }, { root: pane.node, rootMargin: "600px" });
    for (let from = 0; from < texts.length;) {
      let to = from + 1;
      // Blocks end where a line does, if one does in time.
      while (to < texts.length && !(to - from >= 200 && texts[to].startsWith("\n")) && to - from < 4000) to++;
      const node = make("div", { class: "block", "data-block": pane.blocks.length },
        texts.slice(from, to).join("").replace(/^\n/, ""));
      pane.blocks.push({ from, to, node, filled: false });
      pane.watch.observe(node);
      root.append(node);
      from = to;
    }
    pane.node.replaceChildren(root);
    pane.node.setAttribute("aria-label", `The text by ${readings[pane.reading].model}, ${WAYS[pane.way]}`);
  };
  const spanOf = (pane, i) => {
    const block = pane.blocks.find((block) => i < block.to);
    if (!block) return null;
    fill(pane, block);
    return block.node.children[i - block.from];
  };
  const mark = (pane) => {
    for (const node of document.querySelectorAll(".chosen")) node.classList.remove("chosen");
    spanOf(pane, pane.chosen)?.classList.add("chosen");
  };
  const choose = (pane, i, scroll) => {
    const reading = readings[pane.reading];
    if (i < 0 || i >= reading.tokens.length || (pane === active && pane.chosen === i && !scroll)) return;
    active = pane;
    pane.chosen = i;
    mark(pane);
    if (scroll) spanOf(pane, i)?.scrollIntoView({ block: "nearest" });
    const bits = reading.bits;
    const probability = 100 * 2 ** (-bits.model[i] / 100);
    const title = make("p");
    title.append(make("span", { class: "token" }, reading.name(i)),
      ` token ${count(i + 1)} of ${count(reading.tokens.length)}, rank ${count(reading.ranks[i])}, probability ${probability < .01 ? probability.toExponential(1) : probability.toFixed(2)} %`);
    const costs = make("p", {}, `Bits: model ${show(bits.model[i])}, contexts ${show(bits.contexts[i])}, mixed ${show(bits.mixed[i])}`);
    const nodes = [title, costs];
    const likely = reading.likely(i);
    if (likely.length) {
      const list = make("ol", { "aria-label": "Likeliest tokens in its place" });
      for (const [text, p] of likely) {
        const item = make("li");
        item.append(make("code", {}, text), ` ${(p / 10).toFixed(1)} %`);
        list.append(item);
      }
      nodes.push(make("p", {}, "Likeliest here:"), list);
    }
    $("details").replaceChildren(...nodes);
  };
  const open = (at) => {
    const pane = { reading: Math.min(at, readings.length - 1), way: at && readings.length === 1 ? "model" : "mixed", chosen: 0 };
    pane.node = make("div", { class: "pane", tabindex: 0, role: "region" });
    const select = make("select", { "aria-label": at ? "What the second pane shows" : "What the text shows" });
    readings.forEach((reading, r) => Object.keys(WAYS).forEach((way) => {
      const option = make("option", { value: `${r} ${way}` }, `${reading.model}: ${WAYS[way]}`);
      option.selected = r === pane.reading && way === pane.way;
      select.append(option);
    }));
    select.addEventListener("change", () => {
      const [reading, way] = select.value.split(" ");
      const place = pane.node.scrollTop;
      [pane.reading, pane.way] = [Number(reading), way];
      build(pane);
      pane.node.scrollTop = place;
    });
    pane.select = select;
    pane.node.addEventListener("mouseover", (event) => {
      const i = event.target.dataset?.i;
      if (i !== undefined) choose(pane, Number(i), false);
    });
    pane.node.addEventListener("click", (event) => {
      const i = event.target.dataset?.i;
      if (i !== undefined) choose(pane, Number(i), false);
    });
    pane.node.addEventListener("keydown", (event) => {
      const reading = readings[pane.reading], of = reading.bits[pane.way], last = of.length - 1;
      const seek = (by) => { let i = pane.chosen + by; while (i >= 0 && i <= last && of[i] < 800) i += by; return i; };
      const to = { ArrowRight: () => pane.chosen + 1, ArrowLeft: () => pane.chosen - 1, Home: () => 0, End: () => last,
        n: () => seek(1), p: () => seek(-1) }[event.key];
      if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      choose(pane, to(), true);
    });
    pane.node.addEventListener("focus", () => { if (active !== pane && readings[pane.reading].tokens.length) choose(pane, pane.chosen, true); });
    panes.push(pane);
    $("choices").append(select);
    $("panes").append(pane.node);
    build(pane);
    return pane;
  };
  open(0);
  $("double").addEventListener("change", (event) => {
    const both = event.target.checked;
    if (both && panes.length === 1) open(1);
    const second = panes[1];
    if (second) second.node.hidden = second.select.hidden = !both;
    $("panes").classList.toggle("double", both);
  });
})();
