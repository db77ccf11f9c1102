// The page as a whole: its initial content and the handlers of its controls.

function listen(id) {
  const plot = at(id);
  plot.removeAllListeners?.("plotly_click");
  plot.on("plotly_click", (event) => {
    const individual = event.points[0]?.customdata;
    if (individual !== undefined) select(individual);
  });
}

function found(prefix) {
  const wanted = prefix.trim().toLowerCase();
  const matches = wanted ? individuals.id.flatMap((id, n) => (id.startsWith(wanted) ? [n] : [])) : [];
  return { individual: matches.length === 1 ? matches[0] : null, note: matches.length ? `${matches.length} ids begin so: give more characters` : "no id begins so" };
}

function options(select, chosen, list) {
  // By key: a run that goes on gets further axes.
  const before = select.selectedOptions[0]?.dataset.key;
  select.replaceChildren(...list.map(([value, axis]) => make("option", { value, "data-key": axis.key }, axis.title)));
  if (list.length) select.value = list.find(([, axis]) => axis.key === before)?.[0] ?? chosen;
}

function redraw() {
  drawFront();
  drawProgress();
  if (selected === null) return;
  drawFamily(familyOf(selected), selected);
  drawLearning(selected);
}

function show() {
  facts(at("facts"), content.facts);
  const listed = axes.map((axis, n) => [n, axis]);
  const other = Math.min(1, axes.length - 1);
  options(at("x-axis"), other, listed);
  options(at("y-axis"), 0, listed);
  options(at("best-axis"), 0, listed.filter(([n]) => generations.best[axes[n].key]));
  fill(at("members"), ["id", ...content.members.headings], content.members.rows.map(([individual, cells]) => [idButton(individual), ...cells]),
    "No front yet: the first generation has not ended.");
  [...at("members").querySelectorAll("tbody tr")].forEach((row, n) => (row.dataset.individual = content.members.rows[n][0]));
  fill(at("progress"), ["generation", "CPU seconds", "hypervolume", "images", ...Object.keys(generations.best).map((key) => `best ${key}`)],
    generations.number.map((number, g) => [number, generations.cpu_s[g], generations.hypervolume[g], generations.images[g].toLocaleString("en"),
      ...Object.entries(generations.best).map(([key, best]) => figure(axes.find((axis) => axis.key === key) ?? {}, best[g]))]), "No generation has ended.");
  fill(at("operators"), ["operator", "tried", "accepted", "individuals edited", "of them bred", "on the front", "behind the front"], content.operators, "Nothing was tried yet.");
  for (const part of ["failures", "refusals"]) {
    fill(at(part), ["stage", "reason", "count", part === "failures" ? "first" : "operator", "detail"],
      content[part].map((group) => [group.stage, group.reason, group.count, part === "failures" ? group.example.slice(0, 8) : group.example, group.detail]),
      part === "failures" ? "Nothing failed." : "Nothing was refused.");
  }
  at("made").replaceChildren(...content.made.map(([title, rows]) => make("table", {}, make("caption", {}, title),
    make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell))))))));
  redraw();
  if (axes.length) listen("front-plot");
  if (selected !== null) showSelectedAgain();
}

function listenToControls() {
  for (const id of ["x-axis", "y-axis", "colour"]) at(id).addEventListener("change", drawFront);
  at("best-axis").addEventListener("change", drawProgress);
  at("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const { individual, note } = found(at("search-id").value);
    at("search-id").setCustomValidity(individual === null ? note : "");
    if (individual === null) at("search-id").reportValidity();
    else select(individual);
  });
  at("search-id").addEventListener("input", () => at("search-id").setCustomValidity(""));
  at("compare").addEventListener("submit", (event) => {
    event.preventDefault();
    const { individual, note } = found(at("compare-id").value);
    if (individual === null) at("compare-note").textContent = note;
    else compareWith(individual);
  });
  at("compare-seed").addEventListener("click", () => compareWith(seedOf(selected)));
  at("family-plot").closest("details").addEventListener("toggle", () => selected !== null && drawFamily(familyOf(selected), selected));
  at("error-plot").closest("details").addEventListener("toggle", () => selected !== null && drawLearning(selected));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

show();
listenToControls();
const linked = found(location.hash.slice(1)).individual;
if (linked !== null) select(linked);
