// The learning curves of an individual and its confusions and mistakes, from final trainings, which alone record them.

const READABLE = 20; // classes: beyond, a table of all pairs is too wide to read

function className(number) {
  return content.classes[number] ?? `class ${number}`;
}

function showLearning(individual) {
  const diagnosis = content.diagnoses[individual];
  const none = Object.keys(content.diagnoses).length
    ? "Only what a final training gave is kept in detail; this one has none."
    : "This run keeps no details of final trainings: it has not come to them, or an earlier gi made it.";
  at("learning-note").textContent = diagnosis ? `Of the first final training, ${diagnosis.images.toLocaleString("en")} training samples presented, whose weights gi export writes: ` +
    "what its network answers for the validation samples." : none;
  for (const part of ["confusion-part", "mistakes-part", "loss-plot"]) at(part).hidden = !diagnosis;
  if (diagnosis) {
    showConfusion(diagnosis.confusion);
    showMistakes(diagnosis.mistakes);
  }
  drawLearning(individual);
}

function drawLearning(individual) {
  if (!at("error-plot").closest("details").open) return; // a hidden plot has no width
  const error = axes.find((axis) => axis.key === "error"), diagnosis = content.diagnoses[individual];
  const over = { ...axisLayout("training samples presented", { figure: "count" }), rangemode: "tozero" };
  if (error) {
    const own = points.individual.flatMap((owner, p) => (owner === individual && error.values[p] !== null ? [p] : []));
    const text = own.map((p) => `${count(points.images[p])} images: ${figure(error, error.values[p])}`);
    draw("error-plot", [{ type: "scatter", mode: "lines+markers", x: own.map((p) => points.images[p]), y: own.map((p) => error.values[p]), text,
      hovertemplate: "%{text}<extra></extra>", marker: { size: 9 }, line: { color: colour("--link"), dash: "dot" } }],
    over, { ...axisLayout(["each rung's own training:", error.title], { ...error, log: false }), rangemode: "tozero" });
  }
  if (diagnosis) {
    draw("loss-plot", diagnosis.curves.map((curve, n) => ({ type: "scatter", mode: "lines", name: `training ${n + 1}`, x: curve.map(([images]) => images), y: curve.map(([, loss]) => loss),
      line: { color: [colour("--accent"), colour("--link"), colour("--muted")][n % 3], dash: ["solid", "dash", "dot"][n % 3] }, hovertemplate: "%{x:.3~s} samples: %{y:.3~g}<extra></extra>" })),
    over, axisLayout(["final trainings: training loss", `(its own loss function, ${diagnosis.curves.length} ${diagnosis.curves.length === 1 ? "seed" : "seeds"})`], { log: true, narrow: true }), LEGEND);
  }
}

function showConfusion(cells) {
  const numbers = new Map(cells.map(([label, answer, number]) => [`${label} ${answer}`, number]));
  const wrong = cells.filter(([label, answer]) => label !== answer);
  const classes = content.classes.length || 1 + Math.max(...cells.flatMap(([label, answer]) => [label, answer]));
  at("confusion-matrix").hidden = classes > READABLE;
  fill(at("confusions"), ["class", "taken for", "samples"], wrong.slice(0, 10).map(([label, answer, number]) => [className(label), className(answer), number]), "Every validation sample is right.");
  if (classes > READABLE) return;
  const most = Math.max(1, ...wrong.map(([, , number]) => number)), all = [...Array(classes).keys()];
  const cell = (label, answer) => {
    const number = numbers.get(`${label} ${answer}`) ?? 0;
    // The diagonal is a hundred times the rest: shaded by it, no mistake would be seen.
    if (label === answer) return make("td", { class: "right" }, number);
    return number ? make("td", { class: "wrong", style: `--share: ${Math.round(12 + 33 * number / most)}%` }, number) : make("td", {}, "·");
  };
  at("confusion-matrix").replaceChildren(
    make("caption", {}, "rows: the class; columns: what the network takes it for; validation samples"),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "class"), ...all.map((answer) => make("th", { scope: "col" }, className(answer))))),
    make("tbody", {}, ...all.map((label) => make("tr", {}, make("th", { scope: "row" }, className(label)), ...all.map((answer) => cell(label, answer))))));
}

function showMistakes(mistakes) {
  at("mistakes").replaceChildren(...mistakes.map(([sample, label, answer, share]) => {
    const picture = content.pictures[sample];
    const caption = `${className(label)} taken for ${className(answer)}`;
    return make("li", {}, picture ? make("img", { src: `data:image/png;base64,${picture}`, alt: `validation sample ${sample}`, width: 84, height: 84 }) : make("span", { class: "lacking" }, "no picture kept"),
      make("div", {}, caption), make("div", { class: "note" }, `${className(label)} by ${(100 * share).toPrecision(2)}%, sample ${sample}`));
  }));
  if (!mistakes.length) at("mistakes").replaceChildren(make("li", {}, "None."));
}
