// One individual: its trainings, its difference to another, its source, its origins, its family.

let selected = null;

function seedOf(individual) {
  while (individuals.parents[individual].length) individual = individuals.parents[individual][0];
  return individual;
}

function select(individual) {
  selected = individual;
  at("individual").hidden = false;
  const heading = at("individual-heading");
  heading.textContent = `${individuals.id[individual]}`;
  facts(at("individual-facts"), individualFacts(individual));
  showTrainings(individual);
  compareWith(seedOf(individual));
  showSource(individual);
  showOrigins(individual);
  showFamily(individual);
  showLearning(individual);
  markMember();
  markChosen();
  history.replaceState(null, "", `#${short(individual)}`); // a link to what is looked at
  heading.focus({ preventScroll: true });
  heading.scrollIntoView();
}

function markMember() {
  for (const row of at("members").querySelectorAll("tr")) {
    if (row.dataset.individual === String(selected)) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

function showSelectedAgain() {
  // Its text never changes: what is compared and open stays as it is.
  facts(at("individual-facts"), individualFacts(selected));
  showTrainings(selected);
  showOrigins(selected);
  showFamily(selected);
  showLearning(selected);
  markMember();
}

function individualFacts(individual) {
  return [["generation", individuals.generation[individual]], ["on the front", onFront.has(individual) ? "yes" : "no"],
    ...(content.failed[individual] ?? []).map((line) => ["failed", line])];
}

function showTrainings(individual) {
  const own = points.individual.flatMap((owner, p) => (owner === individual ? [p] : []));
  const measured = axes.filter((axis) => own.some((p) => axis.values[p] !== null));
  fill(at("trainings"), ["images presented", ...measured.map((axis) => axis.title)],
    own.map((p) => [points.images[p].toLocaleString("en"), ...measured.map((axis) => figure(axis, axis.values[p]))]), "No training of it was scored.");
}

function missing(individual) {
  return `The source of ${short(individual)} is left out: of so many individuals this page holds those of the front, its seed programs and its latest ancestors. gi show RUN ${short(individual)} prints it.`;
}

function showSource(individual) {
  const text = content.sources[individual];
  if (text === undefined) return at("source").replaceChildren(missing(individual));
  const parts = content.origins[individual]?.parts ?? [];
  at("source").replaceChildren(...colouredLines(text).map((pieces, n) => {
    const part = parts.find(([first, last]) => first <= n + 1 && n + 1 <= last);
    const line = codeLine(part ? "borrowed" : "", n + 1, pieces);
    if (part) line.title = part[4];
    return line;
  }));
}

function compareWith(individual) {
  const seed = individual === seedOf(selected) ? "its seed program " : "";
  at("other-name").textContent = seed + short(individual);
  at("compare-note").textContent = "";
  const without = [individual, selected].find((one) => content.sources[one] === undefined);
  if (without !== undefined) return at("diff").replaceChildren(missing(without));
  const { rows, changed } = diffRows(content.sources[individual], content.sources[selected]);
  if (!changed) return at("diff").replaceChildren(individual === selected ? "This is a seed program: nothing changed." : "Both are the same text.");
  at("diff").replaceChildren(...rows);
}

function showOrigins(individual) {
  const origins = content.origins[individual];
  if (!origins) {
    return at("origins").replaceChildren(make("p", {}, "Lines are traced for members of the front, where their ancestors are not too many; the family below has each edit with its origin."));
  }
  const table = make("table");
  fill(table, ["lines", "what", "operator", "origin", "licence"],
    origins.parts.map(([first, last, what, operator, origin, licence]) => [first === last ? first : `${first} to ${last}`, what, operator, origin, licence]),
    "No line was borrowed from another file.");
  const home = make("p", {}, origins.home ? `The other lines are the seed program's, ${origins.home}, or the variation's own.` : "The origin of the other lines is unknown.");
  at("origins").replaceChildren(make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Borrowed lines" }, table), home);
}

function familyOf(individual) {
  const related = new Set([individual]);
  for (const member of related) for (const parent of individuals.parents[member]) related.add(parent); // a set grows while it is gone through
  return [...related].sort((a, b) => a - b);
}

function showFamily(individual) {
  const family = familyOf(individual);
  at("family").replaceChildren(...family.map((member) => {
    const parents = individuals.parents[member].flatMap((parent, n) => [n ? " and " : " of ", idButton(parent)]);
    const edits = (content.edits[member] ?? []).map((edit) => make("div", {}, edit));
    return make("li", {}, idButton(member), `, generation ${individuals.generation[member]}`, ...parents, ...edits);
  }));
  at("children").replaceChildren(children[individual].length ? `${children[individual].length} children: ` : "No children.",
    ...children[individual].slice(0, 40).flatMap((child) => [idButton(child), " "]));
  drawFamily(family, individual);
}

function drawFamily(family, individual) {
  at("family-plot").hidden = family.length < 2;
  if (family.length < 2 || !at("family-plot").closest("details").open) return; // a hidden plot has no width
  const lanes = {}, lane = new Map();
  for (const member of family) {
    const generation = individuals.generation[member];
    lane.set(member, (lanes[generation] = (lanes[generation] ?? 0) + 1));
  }
  const edges = family.flatMap((member) => individuals.parents[member].flatMap((parent) => [parent, member, null]));
  const x = (member) => (member === null ? null : individuals.generation[member]), y = (member) => (member === null ? null : lane.get(member));
  draw("family-plot", [
    { type: "scatter", mode: "lines", x: edges.map(x), y: edges.map(y), hoverinfo: "skip", line: { color: colour("--muted"), width: 1 } },
    { type: "scatter", mode: "markers", x: family.map(x), y: family.map(y), customdata: family, text: family.map(short), hovertemplate: "%{text}<extra></extra>",
      marker: { size: 11, color: family.map((m) => (m === individual ? colour("--accent") : colour("--link"))) } },
  ], { ...axisLayout("generation"), dtick: Math.ceil((individuals.generation[individual] + 1) / 10) }, { ...axisLayout(""), showticklabels: false, showgrid: false });
  listen("family-plot");
}
