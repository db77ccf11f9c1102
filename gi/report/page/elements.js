"use strict";
// The page of a run. What is foreign goes onto the page by `textContent` alone, and into Plotly's labels by `label`,
// since Plotly obeys some tags.
let content, individuals, axes, points, generations, onFront, children, rungs;
const at = (id) => document.getElementById(id);
const MANY = 3000; // beyond, points are drawn by WebGL where there is any: as SVG each is an element of the page

function load(received) {
  content = received;
  ({ individuals, axes, points, generations } = content);
  onFront = new Set(content.front);
  children = individuals.id.map(() => []);
  individuals.parents.forEach((parents, child) => parents.forEach((parent) => children[parent].push(child)));
  rungs = [...new Set(points.images)].sort((a, b) => a - b);
}

load(JSON.parse(at("content").textContent));

function make(name, attributes = {}, ...inner) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") element.addEventListener("click", value);
    else element.setAttribute(key, value);
  }
  element.append(...inner.map((part) => (part instanceof Node ? part : String(part))));
  return element;
}

function label(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function count(number) {
  for (const [limit, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (number >= limit * 0.9995) return `${Number((number / limit).toPrecision(3))}${unit}`;
  }
  return String(Math.round(number));
}

function figure(axis, value) {
  if (value === null || value === undefined) return "-";
  if (axis.figure === "share") return `${(100 * value).toFixed(2)}%`;
  if (axis.figure === "count") return count(value);
  return `${Number(value.toPrecision(3))}${axis.figure === "seconds" ? "s" : ""}`;
}

function short(individual) {
  return individuals.id[individual].slice(0, 8);
}

function idButton(individual) {
  return make("button", { class: "id", type: "button", onclick: () => select(individual) }, short(individual));
}

function facts(list, rows) {
  list.replaceChildren(...rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function fill(table, headings, rows, empty) {
  if (!rows.length) return table.replaceChildren(make("tbody", {}, make("tr", {}, make("td", {}, empty))));
  const active = table.contains(document.activeElement) ? document.activeElement.textContent : null; // a followed run fills tables anew
  table.replaceChildren(
    make("thead", {}, make("tr", {}, ...headings.map((heading) => make("th", { scope: "col" }, heading)))),
    make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell))))),
  );
  if (active !== null) [...table.querySelectorAll("button")].find((button) => button.textContent === active)?.focus();
}
