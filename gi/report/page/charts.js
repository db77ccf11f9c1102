// The charts: the front on two axes, and progress over CPU seconds.

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function isDark() {
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function rungColour(step) {
  const share = rungs.length > 1 ? step / (rungs.length - 1) : 1;
  return `hsl(210, 55%, ${isDark() ? 45 + 35 * share : 76 - 44 * share}%)`; // the longest trainings stand out most
}

function axisLayout(title, axis) { // a title of several lines is a list
  const ticks = { share: ".3~%", count: "~s" }[axis?.figure] ?? "~g";
  return {
    title: { text: [title].flat().map(label).join("<br>"), font: { size: 13 } }, type: axis?.log ? "log" : "linear", tickformat: ticks,
    gridcolor: colour("--line"), linecolor: colour("--muted"), zeroline: false, automargin: true, nticks: 8,
    minor: { showgrid: false }, ...(axis?.log ? { dtick: axis.narrow ? "D2" : 1 } : {}),
  };
}

function draw(id, traces, x, y, more = {}) {
  const layout = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: colour("--ink"), family: "system-ui, sans-serif" },
    margin: { l: 60, r: 12, t: 52, b: 50 }, modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--muted"), activecolor: colour("--ink") }, xaxis: x, yaxis: y, hovermode: "closest", showlegend: false,
    hoverlabel: { bgcolor: colour("--panel"), bordercolor: colour("--line"), font: { color: colour("--ink") } }, ...more,
  };
  return Plotly.react(id, traces, layout, { responsive: true, displaylogo: false, displayModeBar: innerWidth > 760 ? "hover" : false, modeBarButtonsToRemove: ["select2d", "lasso2d"] });
}

function seen(axis, value) {
  return value === null ? null : axis.log ? Math.max(value, axis.least) : value;
}

function hasWebGL() {
  return Boolean(document.createElement("canvas").getContext("webgl"));
}

function isTop(point) {
  return onFront.has(points.individual[point]) && points.images[point] === rungs.at(-1);
}

function pointTrace(chosen, x, y, more) {
  return {
    mode: "markers", x: chosen.map((p) => seen(x, x.values[p])), y: chosen.map((p) => seen(y, y.values[p])),
    customdata: chosen.map((p) => points.individual[p]),
    text: chosen.map((p) => `${short(points.individual[p])}, generation ${individuals.generation[points.individual[p]]}, ` +
      `${count(points.images[p])} images<br>${figure(x, x.values[p])}, ${figure(y, y.values[p])}`),
    hovertemplate: "%{text}<extra></extra>", ...more,
  };
}

function steps(chosen, x, y) {
  // The front of these two axes alone: a member that is beaten in both is on the front by another objective.
  const sorted = chosen.map((p) => [seen(x, x.values[p]), seen(y, y.values[p])]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let least = Infinity;
  const kept = sorted.filter(([, value]) => value < least && ((least = value), true));
  return { type: "scatter", mode: "lines", x: kept.map((k) => k[0]), y: kept.map((k) => k[1]), hoverinfo: "skip",
    line: { shape: "hv", color: colour("--accent"), width: 1.5 }, showlegend: false };
}

function chosenPlaces(x, y) {
  const chosen = points.individual.flatMap((owner, p) => (owner === selected && x.values[p] !== null && y.values[p] !== null ? [p] : []));
  return { x: chosen.map((p) => seen(x, x.values[p])), y: chosen.map((p) => seen(y, y.values[p])) };
}

function markChosen() {
  if (!axes.length) return;
  const places = chosenPlaces(axes[at("x-axis").value], axes[at("y-axis").value]);
  Plotly.restyle("front-plot", { x: [places.x], y: [places.y] }, [at("front-plot").data.length - 1]);
}

function narrow(axis, chosen) {
  const values = chosen.map((p) => seen(axis, axis.values[p]));
  const spread = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, 0]);
  return { ...axis, narrow: spread[1] / spread[0] < 30 };
}

function drawFront() {
  const [x, y] = [axes[at("x-axis").value], axes[at("y-axis").value]];
  if (!x || !y) return;
  const known = points.individual.map((_, p) => p).filter((p) => x.values[p] !== null && y.values[p] !== null);
  const rest = known.filter((p) => !isTop(p)), top = known.filter(isTop);
  const type = rest.length > MANY && hasWebGL() ? "scattergl" : "scatter";
  const traces = at("colour").value === "rung"
    ? rungs.map((images, step) => pointTrace(rest.filter((p) => points.images[p] === images), x, y, {
      type, name: `${count(images)} images`, marker: { size: 6, color: rungColour(step), opacity: 0.75 } }))
    : [pointTrace(rest, x, y, { type, name: "evaluated", marker: { size: 6, opacity: 0.75, colorscale: "Viridis", reversescale: !isDark(),
      color: rest.map((p) => individuals.generation[points.individual[p]]), colorbar: { title: { text: "generation" }, thickness: 10 } } })];
  traces.push(steps(top, x, y));
  traces.push(pointTrace(top, x, y, { type: "scatter", name: `front, ${count(rungs.at(-1) ?? 0)} images`, marker: { size: 11, color: colour("--accent"), line: { width: 1, color: colour("--ground") } } }));
  traces.push({ type: "scatter", mode: "markers", ...chosenPlaces(x, y), hoverinfo: "skip", showlegend: false,
    marker: { size: 17, symbol: "circle-open", color: colour("--ink"), line: { width: 2.5 } } });
  draw("front-plot", traces, axisLayout(x.title, narrow(x, known)), axisLayout(y.title, narrow(y, known)),
    { showlegend: at("colour").value === "rung", legend: { orientation: "h", y: 1.02, yanchor: "bottom", title: { text: "" } }, uirevision: `${x.key} ${y.key}` });
  const hidden = points.individual.length - known.length;
  at("front-note").textContent = `${known.length.toLocaleString("en")} trainings of ${points.individual.length.toLocaleString("en")} shown` +
    (hidden ? `; ${hidden} have no figure on one of the axes.` : ".") + [x, y].filter((axis) => axis.unit !== axis.title).map((axis) => ` ${axis.title}: ${axis.unit}.`).join("");
}

const LEGEND = { legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, showlegend: true };

function drawProgress() {
  const axis = axes[at("best-axis").value], over = axisLayout("CPU seconds of the whole run");
  const text = generations.number.map((n, g) => `generation ${n}, front on ${count(generations.images[g])} images`);
  const line = { type: "scatter", mode: "lines+markers", hovertemplate: "%{text}, %{y}<extra></extra>" };
  draw("hypervolume-plot", [{ ...line, x: generations.cpu_s, y: generations.hypervolume, text, line: { color: colour("--accent"), shape: "hv" } }],
    over, { ...axisLayout(["hypervolume of the top rung", "(validation, 1 seed)"]), rangemode: "nonnegative" });
  const best = axis ? generations.best[axis.key].map((value) => seen(axis, value)) : [];
  // Longer trainings are another measure: a line each, and no step between them.
  const lines = rungs.map((images, step) => [images, step, best.map((_, g) => g).filter((g) => generations.images[g] === images)]);
  draw("best-plot", lines.filter(([, , those]) => those.length).map(([images, step, those]) => ({ ...line, name: `${count(images)} images`,
    x: those.map((g) => generations.cpu_s[g]), y: those.map((g) => best[g]), text: those.map((g) => text[g]), line: { color: rungColour(step), shape: "hv" } })),
    over, axisLayout(["best on the front:", axis?.title ?? ""], axis && { ...axis, narrow: Math.max(...best) / Math.min(...best) < 30 }), LEGEND);
}
