"use strict";
const rows = JSON.parse(document.getElementById("rows").textContent);
const cards = [...document.querySelectorAll(".card")];
const chips = [...document.querySelectorAll(".chip")];
const search = document.getElementById("search");
const shown = document.getElementById("shown");
const dialog = document.querySelector("dialog");
const sheet = document.querySelector(".sheet");
const more = document.getElementById("more");
const FEW = 30;
const chosen = new Set();
let open = 0;
let all = false;

function filter() {
  const words = search.value.trim().toLowerCase();
  let count = 0;
  cards.forEach((card, i) => {
    const row = rows[i];
    const text = (row.id + " " + row.verdict + " " + (row.cause ? row.cause.join(" ") : "")).toLowerCase();
    card.hidden = (chosen.size && !chosen.has(row.verdict)) || !text.includes(words);
    count += !card.hidden;
  });
  const few = !all && !chosen.size && !words && cards.length > FEW;
  sheet.classList.toggle("few", few);
  more.hidden = !few;
  more.textContent = `show all ${cards.length}`;
  shown.textContent = count === cards.length ? `${count} rows` : `${count} of ${cards.length} rows`;
}

function make(tag, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (name) node.className = name;
  return node;
}

const time = s => s < 1 ? `${Math.round(s * 1000)} ms` : `${s.toFixed(s < 10 ? 2 : 1)} s`;
const size = b => b < 1024 ? `${b} B` : b < 1048576 ? `${(b / 1024).toFixed(1)} KiB` : `${(b / 1048576).toFixed(1)} MiB`;

function block(parent, title, text) {
  if (text) parent.append(make("h4", title), make("pre", text));
}

function picture(row, card) {
  const left = dialog.querySelector(".left");
  const small = card.querySelector("img");
  left.parentNode.classList.toggle("bare", !small);
  if (!small) return left.replaceChildren();
  const image = make("img");
  image.alt = row.id;
  image.onerror = () => { image.onerror = null; image.src = small.src; };
  image.src = row.picture;
  left.replaceChildren(image);
}

function facts(row) {
  const list = make("dl");
  const add = (name, value) => list.append(make("dt", name), make("dd", value));
  add("time", `${time(row.wall)} on the clock, ${time(row.cpu)} of processor`);
  add("memory", `${size(row.memory)} at most`);
  if (row.size) add("picture", `${row.size[0]} × ${row.size[1]} pixels`);
  for (const [name, type, bytes, problem] of row.artifacts) {
    add("artifact", `${name}, ${type}, ${size(bytes)}${problem ? `: ${problem}` : ""}`);
  }
  return list;
}

function code(row, parent) {
  if (!row.code) return;
  const lines = make("pre", undefined, "lines");
  row.code.split("\n").forEach((text, i) => lines.append(make("span", text || " ", i + 1 === row.line ? "at" : "")));
  parent.append(make("h4", "program"), lines);
}

function show(i) {
  open = i;
  const row = rows[i];
  const right = dialog.querySelector(".right");
  const badge = make("span", row.verdict, `badge v-${row.verdict}`);
  right.replaceChildren(make("h3", row.id), badge);
  if (row.cause) right.append(make("p", `${row.cause[0]}: ${row.cause[1]}`, "say"));
  right.append(facts(row));
  block(right, "error", row.error);
  code(row, right);
  block(right, "stdout", row.stdout);
  picture(row, cards[i]);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("[data-close]").focus();
  right.scrollTop = 0;
}

function step(by) {
  for (let i = open + by; i >= 0 && i < cards.length; i += by) if (!cards[i].hidden) return show(i);
}

cards.forEach((card, i) => card.addEventListener("click", () => show(i)));
chips.forEach(chip => chip.addEventListener("click", () => {
  const verdict = chip.dataset.v;
  chosen.has(verdict) ? chosen.delete(verdict) : chosen.add(verdict);
  chips.forEach(other => other.setAttribute("aria-pressed", chosen.has(other.dataset.v)));
  filter();
}));
search.addEventListener("input", filter);
more.addEventListener("click", () => { all = true; filter(); });
dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
dialog.querySelector("[data-by='-1']").addEventListener("click", () => step(-1));
dialog.querySelector("[data-by='1']").addEventListener("click", () => step(1));
dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
document.addEventListener("keydown", event => {
  if (!dialog.open) { if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); } return; }
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
filter();
if (location.hash.startsWith("#row-")) { const i = rows.findIndex(row => `#row-${row.row}` === location.hash); if (i >= 0) show(i); }
